#include "collector/config.h"

#include <array>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status_macros.h"

namespace tributary {
namespace {

constexpr char kServed[] = "What is served";
constexpr char kListening[] = "Where it listens";
constexpr char kSecurity[] = "Security";
constexpr char kRunning[] = "Running";

struct WithoutEffect {
  const char* name;
  const char* why;
};

// TensorBoard's other flags, so that an old command line goes on working.
constexpr std::array<WithoutEffect, 19> kWithoutEffect = {{
    {"load-fast", "loading is always fast"},
    {"extra-data-server-flags", "there is no separate data server"},
    {"grpc-creds-type", "nothing is asked of another data provider"},
    {"grpc-data-provider", "nothing is asked of another data provider"},
    {"db", "there is no SQL mode"},
    {"db-import", "there is no SQL mode"},
    {"tag", "use the inspect command"},
    {"event-file", "use the inspect command"},
    {"max-reload-threads", "see --load-threads"},
    {"reload-interval", "new data is seen at once"},
    {"reload-task", "new data is seen at once"},
    {"reload-multifile", "every file is always followed"},
    {"reload-multifile-inactive-secs", "every file is always followed"},
    {"generic-data", "there is one way to read data"},
    {"detect-file-replacement", "replaced files are always noticed"},
    {"reuse-port", "the port is never shared"},
    {"verbosity", "see --log-level"},
    {"logger-levels", "see --log-level"},
    {"stderrthreshold", "see --log-level"},
}};

Options::Program Program() {
  return {
      .name = "tributary-collector",
      .summary =
          "Serves TensorBoard event files on one TensorBoard-compatible port: every point kept, "
          "spikes always drawn, many writers told apart.",
      .usage = {"tributary-collector --logdir [NAME=]DIR..."},
      .commands = {{"serve", "follow directories and serve them (the default)", ""},
                   {"inspect", "read directories once and print what is in them", ""}},
      .default_command = "serve",
      .footer =
          "Examples:\n"
          "  tributary-collector --logdir ./logs            like tensorboard --logdir ./logs\n"
          "  tributary-collector --logdir a=/x --logdir b=/y\n"
          "  tributary-collector inspect --logdir ./logs --json\n"
          "\n"
          "Exit codes: 0 good, 1 failed, 2 usage or configuration, 3 damaged data (inspect).\n"
          "Every other flag of TensorBoard is accepted; a line says that it has no effect.\n",
  };
}

void DeclareServed(CollectorConfig* config, Options* options) {
  options->Add(
      &config->logdir,
      {.name = "logdir",
       .section = kServed,
       .value = "[NAME=]DIR",
       .help =
           "Directory to serve in place; may be given again. NAME becomes the first part of its "
           "runs' names. A directory that does not exist yet is waited for.",
       .many_values = true});
  options->Add(&config->logdir_spec, {.name = "logdir-spec",
                                      .section = kServed,
                                      .value = "NAME:DIR,...",
                                      .help = "The same in TensorBoard's other form."});
  options->Add(
      &config->samples_per_plugin,
      {.name = "samples-per-plugin",
       .section = kServed,
       .value = "PLUGIN=N,...",
       .help =
           "Points of a series in one answer, 0 for all; by default 1000 for scalars. First, last "
           "and extremes are always among them. Nothing is dropped from what is kept."});
  options->Add(
      &config->purge_orphaned_data,
      {.name = "purge-orphaned-data",
       .section = kServed,
       .help = "Hide points that a restart wrote again. They stay in runs named <run>#attempt-<n>.",
       .needs_value = true});
  options->Add(
      &config->window_title,
      {.name = "window-title", .section = kServed, .help = "Title of the browser's window."});
  options->Add(&config->webfiles,
               {.name = "webfiles",
                .section = kServed,
                .value = "DIR",
                .help = "TensorBoard's unpacked UI. By default looked for beside the program."});
  options->Add(&config->json, {.name = "json",
                               .section = kServed,
                               .help = "inspect prints JSON for machines.",
                               .commands = {"inspect"},
                               .flag_only = true});
}

void DeclareRest(CollectorConfig* config, Options* options) {
  options->Add(&config->host,
               {.name = "host",
                .section = kListening,
                .value = "ADDR",
                .help = "Address or name to listen on. Off loopback needs --plaintext and "
                        "--no-auth."});
  options->Add(
      &config->bind_all,
      {.name = "bind-all", .section = kListening, .help = "Listen on every interface; as --host."});
  options->Add(&config->port,
               {.name = "port",
                .section = kListening,
                .help = "This port and no other; 0 for any free one. By default the first free "
                        "one of 6006 to 6105.",
                .min = "0",
                .max = "65535"});
  options->Add(&config->port_file,
               {.name = "port-file",
                .section = kListening,
                .value = "FILE",
                .help = "Gets the bound port, atomically, as soon as it listens."});
  options->Add(
      &config->path_prefix,
      {.name = "path-prefix",
       .section = kListening,
       .value = "PATH",
       .help = "Everything is served below this path, for a reverse proxy: /tensorboard."});
  options->Add(&config->plaintext, {.name = "plaintext",
                                    .section = kSecurity,
                                    .help = "Allow connections off loopback without TLS."});
  options->Add(&config->no_auth, {.name = "no-auth",
                                  .section = kSecurity,
                                  .help = "Allow connections off loopback without sign-in."});
  options->Add(&config->load_threads,
               {.name = "load-threads",
                .section = kRunning,
                .help = "Threads that read event files. More help only where there are more cores.",
                .min = "1",
                .max = "64"});
  options->Add(&config->log_level, {.name = "log-level",
                                    .section = kRunning,
                                    .help = "Least level of log lines.",
                                    .choices = {"debug", "info", "warn", "error"}});
  for (const WithoutEffect& flag : kWithoutEffect) {
    options->Add(&config->without_effect[flag.name],
                 {.name = flag.name, .flag_only = true, .hidden = true});
  }
}

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || absl::StartsWith(host, "127.");
}

}  // namespace

std::unique_ptr<Options> DeclareCollectorOptions(CollectorConfig* config) {
  auto options = std::make_unique<Options>(Program());
  DeclareServed(config, options.get());
  DeclareRest(config, options.get());
  return options;
}

absl::StatusOr<LogdirOption> ParseLogdir(const std::string& text, FileSystem* files) {
  LogdirOption logdir;
  const size_t equals = text.find('=');
  const absl::StatusOr<FileStat> whole = files->Stat(text);
  const bool is_path =
      (whole.ok() && whole->is_directory) || equals == std::string::npos || text.find('/') < equals;
  if (is_path) {
    logdir.path = text;
  } else {
    logdir.name = text.substr(0, equals);
    logdir.path = text.substr(equals + 1);
  }
  if (logdir.path.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--logdir '", text, "': the directory is empty"));
  }
  // A path that ends in '/' names the same directory.
  while (logdir.path.size() > 1 && logdir.path.back() == '/') logdir.path.pop_back();
  return logdir;
}

absl::StatusOr<std::vector<LogdirOption>> Logdirs(const CollectorConfig& config,
                                                  FileSystem* files) {
  std::vector<LogdirOption> logdirs;
  for (const std::string& text : config.logdir) {
    ASSIGN_OR_RETURN(LogdirOption logdir, ParseLogdir(text, files));
    logdirs.push_back(std::move(logdir));
  }
  if (config.logdir_spec.has_value()) {
    for (const absl::string_view entry :
         absl::StrSplit(*config.logdir_spec, ',', absl::SkipEmpty())) {
      const std::pair<std::string, std::string> parts =
          absl::StrSplit(entry, absl::MaxSplits(':', 1));
      const bool named = !parts.second.empty() && parts.first.find('/') == std::string::npos;
      logdirs.push_back(named ? LogdirOption{parts.first, parts.second}
                              : LogdirOption{"", std::string(entry)});
    }
  }
  std::set<std::string> names;
  for (const LogdirOption& logdir : logdirs) {
    if (names.insert(logdir.name).second) continue;
    return absl::InvalidArgumentError(absl::StrCat("--logdir ", logdir.path,
                                                   ": another logdir has the name '", logdir.name,
                                                   "' already; give --logdir NAME=", logdir.path));
  }
  return logdirs;
}

absl::StatusOr<std::map<std::string, uint64_t>> ParseSamplesPerPlugin(const std::string& text) {
  std::map<std::string, uint64_t> samples;
  for (const absl::string_view entry : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(entry, absl::MaxSplits('=', 1));
    uint64_t count = 0;
    if (parts.first.empty() || !absl::SimpleAtoi(parts.second, &count)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--samples_per_plugin '", entry, "': must be PLUGIN=N with N of 0 or more"));
    }
    samples[parts.first] = count;
  }
  return samples;
}

absl::Status CheckCollectorConfig(const CollectorConfig& config) {
  if (config.logdir.empty() && !config.logdir_spec.has_value()) {
    return absl::InvalidArgumentError(
        "nothing to serve: give --logdir DIR for event files on this machine");
  }
  const bool off_loopback = config.bind_all || !IsLoopback(config.host);
  if (off_loopback && !(config.plaintext && config.no_auth)) {
    return absl::InvalidArgumentError(absl::StrCat(
        config.bind_all ? "--bind_all" : absl::StrCat("--host ", config.host),
        " lets other machines connect, and there is neither TLS nor sign-in yet: add --plaintext "
        "--no-auth if the network is trusted, or listen on localhost and use ssh -L"));
  }
  if (!config.path_prefix.empty() && config.path_prefix.front() != '/') {
    return absl::InvalidArgumentError(
        absl::StrCat("--path_prefix '", config.path_prefix, "': must begin with '/'"));
  }
  return ParseSamplesPerPlugin(config.samples_per_plugin).status();
}

std::vector<std::string> WithoutEffectLines(const CollectorConfig& config) {
  std::vector<std::string> lines;
  for (const WithoutEffect& flag : kWithoutEffect) {
    const auto given = config.without_effect.find(flag.name);
    if (given == config.without_effect.end() || given->second.empty()) continue;
    lines.push_back(absl::StrCat("--", flag.name, " has no effect: ", flag.why));
  }
  return lines;
}

}  // namespace tributary
