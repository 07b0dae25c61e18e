#include "collector/config.h"

#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/check.h"
#include "common/file.h"
#include "common/status_macros.h"

namespace tributary {

namespace {

// The values as they are declared, before they are checked together.
struct CollectorOptionValues {
  std::vector<std::string> logdir;
  std::string logdir_spec;
  std::string data;
  bool json = false;

  std::optional<std::string> host;
  bool bind_all = false;
  std::string port = "default";
  std::string port_file;
  bool plaintext = false;
  bool no_auth = false;
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> gateway_base;
  std::string service_ports;

  std::string path_prefix;
  std::string window_title;
  std::string samples_per_plugin;
  bool purge_orphaned_data = true;
  std::optional<int64_t> runs_max;
  std::string webfiles;

  uint64_t ingest_memory = 256u << 20;
  std::optional<uint64_t> data_free_min;
  int64_t shards = 0;
  int64_t http_threads = 0;
  std::string log_level = "info";

  // Values of TensorBoard's flags without an effect, by name.
  std::map<std::string, std::optional<std::string>> ignored;
  std::map<std::string, bool> ignored_switches;
  bool version_tb = false;
};

// More make the page slow, and at about 20 000 it does not open any more.
constexpr uint64_t kRunsMaxOfStore = 2'000;

constexpr char kServe[] = "What to serve";
constexpr char kPort[] = "Where to listen";
constexpr char kShow[] = "How to show it";
constexpr char kStore[] = "The store of what agents send";
constexpr char kRun[] = "The program itself";
constexpr size_t kIgnoredColumns = 96;
constexpr char kIgnored[] = "Flags of TensorBoard that have no effect here";

// Flags of TensorBoard 2.21 that this program takes and does not need, and why.
struct Ignored {
  const char* name;
  const char* why;
  bool is_switch = false;
};
constexpr Ignored kIgnoredFlags[] = {
    {"reuse_port", "the port is always held by one process"},
    {"load_fast", "there is one way to load, and it is fast"},
    {"extra_data_server_flags", "there is no separate data server"},
    {"grpc_creds_type", "the data is read by this process itself"},
    {"grpc_data_provider", "the data is read by this process itself"},
    {"db", "there is no database back end"},
    {"db_import", "there is no database back end", true},
    {"inspect", "use the command: tributary-collector inspect --logdir DIR", true},
    {"tag", "it belongs to --inspect; use the command inspect"},
    {"event_file", "it belongs to --inspect; use the command inspect"},
    {"max_reload_threads", "files are followed, not reloaded"},
    {"reload_interval", "files are followed as they grow"},
    {"reload_task", "files are followed as they grow"},
    {"reload_multifile", "all files of a run are always followed"},
    {"reload_multifile_inactive_secs", "all files of a run are always followed"},
    {"generic_data", "there is one way to read data"},
    {"detect_file_replacement", "a file with other bytes is always noticed"},
    {"verbosity", "use --log-level"},
    {"logger_levels", "use --log-level"},
    {"stderrthreshold", "use --log-level"},
    {"log_dir", "the log goes to standard error"},
    {"logtostderr", "the log goes to standard error", true},
    {"alsologtostderr", "the log goes to standard error", true},
};

// For the end of --help: what is taken with no effect need not be read by everyone.
std::string IgnoredText() {
  std::string text = "Flags of TensorBoard that are taken and have no effect here:\n";
  std::string line = " ";
  for (const Ignored& flag : kIgnoredFlags) {
    const std::string word = absl::StrCat(" --", flag.name);
    if (line.size() + word.size() > kIgnoredColumns) {
      absl::StrAppend(&text, line, "\n");
      line.resize(1);
    }
    absl::StrAppend(&line, word);
  }
  return absl::StrCat(text, line, "\n");
}

Options::Program Program() {
  return {
      .name = "tributary-collector",
      .summary =
          "TensorBoard's page for many nodes: serves local directories in place (--logdir), and "
          "what "
          "tributary-agent sends from training nodes (--data), on one port.",
      .usage = {"tributary-collector --logdir DIR",
                "tributary-collector --data DIR [--logdir [NAME=]DIR]...",
                "tributary-collector inspect --logdir DIR [--json]",
                "tributary-collector reference-config > collector.yaml"},
      .commands = {{"serve", "serves until it is ended", ""},
                   {"inspect", "reads a directory once and prints runs, tags and damage", ""},
                   {"reference-config",
                    "prints a file for --config in which every option stands commented out, with "
                    "its default",
                    ""}},
      .default_command = "serve",
      .footer = absl::StrCat(
          IgnoredText(),
          "\n"
          "Examples:\n"
          "  tributary-collector --logdir ./logs\n"
          "      instead of: tensorboard --logdir ./logs\n"
          "  TENSORBOARD_DATA_SERVER_BINARY=/usr/bin/tributary-collector tensorboard --logdir "
          "./logs\n"
          "      TensorBoard itself, with this program reading the files for it\n"
          "  tributary-collector --data /var/lib/tributary\n"
          "      takes what agents send, and prints the command that joins a node\n"
          "  tributary-collector --data /var/lib/tributary --bind_all --plaintext --no-auth\n"
          "      the same for a trusted network\n"
          "\n"
          "Exit codes: 0 good, 1 failed, 2 usage or configuration, 3 (inspect) data is "
          "damaged.\n")};
}

void DeclareServing(Options* options, CollectorOptionValues* values) {
  options->Add(&values->logdir,
               {.name = "logdir",
                .section = kServe,
                .value = "[NAME=]DIR",
                .example = "/data/logs",
                .help = "Directory whose event files are served in place, with all directories "
                        "below it; may be given several times. With a NAME its runs stand below "
                        "NAME/. A directory that does not exist yet is waited for. A path with "
                        "'=' that does not exist yet is written ./a=b."});
  options->Add(&values->logdir_spec,
               {.name = "logdir_spec",
                .section = kServe,
                .value = "NAME:DIR,...",
                .example = "a:/x,b:/y",
                .help = "TensorBoard's older form: a:/x,b:/y is --logdir a=/x --logdir b=/y.",
                .commands = {"serve"}});
  options->Add(&values->data,
               {.name = "data",
                .section = kServe,
                .value = "DIR",
                .example = "/var/lib/tributary",
                .help = "Where the bytes that agents send are kept, byte for byte, below "
                        "DIR/logdir. Made if it does not exist. Without it no agent can connect. "
                        "One collector for each DIR.",
                .commands = {"serve"}});
  options->Add(&values->json, {.name = "json",
                               .section = kServe,
                               .help = "Print JSON.",
                               .commands = {"inspect"},
                               .flag_only = true});
}

void DeclarePort(Options* options, CollectorOptionValues* values) {
  options->Add(&values->host,
               {.name = "host",
                .section = kPort,
                .value = "ADDR",
                .example = "localhost",
                .help = "Address or name to listen on. Default: localhost, which this machine "
                        "alone can reach. Any other needs --plaintext and --no-auth.",
                .commands = {"serve"}});
  options->Add(&values->bind_all,
               {.name = "bind_all",
                .section = kPort,
                .help = "Listen on all interfaces, so that other nodes and browsers reach it. "
                        "Needs --plaintext and --no-auth. Not together with --host.",
                .commands = {"serve"}});
  options->Add(&values->port,
               {.name = "port",
                .section = kPort,
                .value = "PORT",
                .help = "A number from 0 to 65535: exactly that port; 0 takes any free one. "
                        "'default' takes the first free one of 6006 to 6105; with --data the "
                        "store remembers it, and later starts use that one or fail, since agents "
                        "would find somebody else there.",
                .commands = {"serve"}});
  options->Add(&values->port_file,
               {.name = "port-file",
                .section = kPort,
                .value = "FILE",
                .example = "/run/tributary/port",
                .help = "Written with the number of the port as soon as it listens, for scripts. "
                        "Loading may go on: /readyz tells when everything is there.",
                .commands = {"serve"}});
  options->Add(&values->plaintext,
               {.name = "plaintext",
                .section = kPort,
                .help = "Agree to unencrypted connections from other machines. There is no TLS "
                        "yet; where the network is not trusted use ssh -L or a VPN.",
                .commands = {"serve"}});
  options->Add(&values->no_auth,
               {.name = "no-auth",
                .section = kPort,
                .help = "Agree that whoever reaches the port may look at everything, and send. "
                        "There is no sign-in yet.",
                .commands = {"serve"}});
}

void DeclareNames(Options* options, CollectorOptionValues* values) {
  options->Add(&values->allowed_hosts,
               {.name = "allowed_hosts",
                .section = kPort,
                .value = "NAME",
                .example = "tensorboard.example.org",
                .help = "A name by which browsers reach it; may be given several times. "
                        "localhost, addresses, names without a dot and those that the system "
                        "knows this machine by need not be given. Other names are refused, so "
                        "that no page of somebody else's reads it through a name of its own. '*' "
                        "takes every name.",
                .commands = {"serve"}});
  options->Add(&values->gateway_base,
               {.name = "gateway_base",
                .section = kPort,
                .value = "NAME",
                .example = "nodes.example.org",
                .help = "Services of nodes open at SERVICE--NODE.NAME, an origin of their own, as "
                        "they always do at SERVICE--NODE.localhost. *.NAME must lead to this "
                        "collector. May be given several times.",
                .commands = {"serve"}});
  options->Add(&values->service_ports,
               {.name = "service_ports",
                .section = kPort,
                .value = "FIRST-LAST",
                .example = "6006-7005",
                .help = "Ports of this machine on which services of nodes that need an origin of "
                        "their own open, too: each under its own number, if it lies in the range "
                        "and is free here. For browsers that reach the collector by a name below "
                        "which there are no others. Default: none.",
                .commands = {"serve"}});
}

void DeclareShowing(Options* options, CollectorOptionValues* values) {
  options->Add(&values->path_prefix,
               {.name = "path_prefix",
                .section = kShow,
                .value = "/PATH",
                .example = "/tensorboard",
                .help = "Everything is served below this path: for a reverse proxy.",
                .commands = {"serve"}});
  options->Add(&values->window_title, {.name = "window_title",
                                       .section = kShow,
                                       .value = "TEXT",
                                       .example = "Team A",
                                       .help = "Title of the browser's window.",
                                       .commands = {"serve"}});
  options->Add(&values->samples_per_plugin,
               {.name = "samples_per_plugin",
                .section = kShow,
                .value = "PLUGIN=N,...",
                .example = "scalars=5000,images=10",
                .help = "Most points of one series in an answer, for each plugin: scalars=5000; 0 "
                        "is all. Nothing is dropped when loading: answers are sampled, and first, "
                        "last and every extreme stay in them. Default for scalars: 1000.",
                .commands = {"serve"}});
  options->Add(&values->purge_orphaned_data,
               {.name = "purge_orphaned_data",
                .section = kShow,
                .help = "Hide points of a run that was restarted from an earlier step. With false "
                        "every point is shown.",
                .commands = {"serve"},
                .needs_value = true});
  options->Add(&values->runs_max,
               {.name = "runs_max",
                .section = kShow,
                .value = "N",
                .example = "2000",
                .help = "The page at / lists the N runs with the newest data, 0: all. The rest is "
                        "at /all/, and the runs of one job at /ns/JOB/. A run that is asked for by "
                        "name is always answered. Default: 2000 with --data, else all.",
                .min = "0",
                .max = "10000000",
                .commands = {"serve"}});
  options->Add(&values->webfiles,
               {.name = "webfiles",
                .section = kShow,
                .value = "DIR",
                .example = "/usr/share/tributary/webfiles",
                .help = "The unpacked UI of TensorBoard. Default: share/tributary/webfiles beside "
                        "the program. Without it everything but the page is served.",
                .commands = {"serve"}});
}

void DeclareStore(Options* options, CollectorOptionValues* values) {
  options->AddBytes(&values->ingest_memory,
                    {.name = "ingest-memory",
                     .section = kStore,
                     .help = "Most bytes of all agents together that are on their way into the "
                             "store. Agents wait when it is used up, so a slow disk costs no more "
                             "memory than this.",
                     .min = "1MiB",
                     .max = "1TiB",
                     .commands = {"serve"}});
  options->AddBytes(&values->data_free_min,
                    {.name = "data-free-min",
                     .section = kStore,
                     .example = "2GiB",
                     .help = "Agents wait while the file system of --data has less free space; "
                             "what is there is served on. Default: 1 GiB or 1 %, whichever is "
                             "more, and at most a quarter of the file system.",
                     .commands = {"serve"}});
  options->Add(&values->shards,
               {.name = "shards",
                .section = kStore,
                .help = "Threads that write and index what agents send. 0: as many as the machine "
                        "has cores, at most 8.",
                .min = "0",
                .max = "64",
                .commands = {"serve"}});
  options->Add(&values->http_threads,
               {.name = "http-threads",
                .section = kRun,
                .help = "Threads that answer browsers. 0: as many as the machine has cores, at "
                        "most 8.",
                .min = "0",
                .max = "64",
                .commands = {"serve"}});
  options->Add(&values->log_level,
               {.name = "log-level",
                .section = kRun,
                .help = "What is logged to standard error. error: data is lost or somebody must "
                        "act; warn: unexpected, recovering; info: lifecycle; debug: each file and "
                        "session.",
                .choices = {"debug", "info", "warn", "error"}});
}

void DeclareIgnored(Options* options, CollectorOptionValues* values) {
  for (const Ignored& flag : kIgnoredFlags) {
    OptionSpec spec = {.name = flag.name,
                       .section = kIgnored,
                       .help = absl::StrCat("No effect: ", flag.why, "."),
                       .commands = {"serve"},
                       .flag_only = true,
                       .hidden = true};
    if (flag.is_switch) {
      options->Add(&values->ignored_switches[flag.name], std::move(spec));
    } else {
      options->Add(&values->ignored[flag.name], std::move(spec));
    }
  }
  options->Add(&values->version_tb, {.name = "version_tb",
                                     .section = kIgnored,
                                     .help = "As --version.",
                                     .commands = {"serve"},
                                     .flag_only = true,
                                     .hidden = true});
}

// A directory as it was given, in one form: whoever walks up from a file below it must meet it.
// `~` and `~/x` as the shell has them, for values that the shell does not see so. "" stays.
std::string TakeDirectory(const std::string& path, const OptionSources& sources) {
  if (path.empty()) return path;
  if (path != "~" && !absl::StartsWith(path, "~/")) return CleanPath(path);
  const std::optional<std::string> home = sources.environment("HOME");
  return CleanPath(home.has_value() ? absl::StrCat(*home, path.substr(1)) : path);
}

using IsDirectory = std::function<bool(const std::string&)>;

absl::StatusOr<LocalLogdir> ParseLogdir(const std::string& text, const OptionSources& sources,
                                        const IsDirectory& is_directory) {
  if (text.empty()) return absl::InvalidArgumentError("--logdir is empty: give a directory");
  const size_t equals = text.find('=');
  // A NAME has no '/'; so "./a=b" and "/x/a=b" are paths.
  const bool named = equals != std::string::npos && equals > 0 &&
                     !absl::StrContains(text.substr(0, equals), '/') && !is_directory(text);
  if (!named) return LocalLogdir{"", TakeDirectory(text, sources)};
  LocalLogdir logdir = {text.substr(0, equals), TakeDirectory(text.substr(equals + 1), sources)};
  if (logdir.path.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("--logdir ", text, ": no directory after '='"));
  }
  return logdir;
}

absl::Status TakeLogdirs(const CollectorOptionValues& values, const OptionSources& sources,
                         const IsDirectory& is_directory, CollectorConfig* config) {
  for (const std::string& text : values.logdir) {
    ASSIGN_OR_RETURN(LocalLogdir logdir, ParseLogdir(text, sources, is_directory));
    config->logdirs.push_back(std::move(logdir));
  }
  for (const absl::string_view part : absl::StrSplit(values.logdir_spec, ',', absl::SkipEmpty())) {
    const size_t colon = part.find(':');
    // As TensorBoard: a name has no '/', so that "/a:b" is a path.
    const bool named = colon != absl::string_view::npos && colon > 0 &&
                       !absl::StrContains(part.substr(0, colon), '/');
    LocalLogdir logdir;
    if (named) logdir.name = std::string(part.substr(0, colon));
    logdir.path = TakeDirectory(std::string(named ? part.substr(colon + 1) : part), sources);
    if (logdir.path.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--logdir_spec ", values.logdir_spec, ": '", part, "' has no directory"));
    }
    config->logdirs.push_back(std::move(logdir));
  }
  std::set<std::string> names;
  for (const LocalLogdir& logdir : config->logdirs) {
    if (names.insert(logdir.name).second) continue;
    return absl::InvalidArgumentError(
        logdir.name.empty() ? absl::StrCat("two directories without a name, the second is ",
                                           logdir.path, ": give --logdir NAME=", logdir.path)
                            : absl::StrCat("two directories have the name '", logdir.name, "'"));
  }
  return absl::OkStatus();
}

bool IsLoopback(absl::string_view host) {
  return host == "localhost" || host == "::1" || host == "[::1]" ||
         (absl::StartsWith(host, "127.") &&
          host.find_first_not_of("0123456789.") == absl::string_view::npos);
}

absl::Status TakePort(const CollectorOptionValues& values, CollectorConfig* config) {
  if (values.bind_all && values.host.has_value()) {
    return absl::InvalidArgumentError("--bind_all and --host exclude each other");
  }
  config->all_interfaces = values.bind_all;
  if (values.host.has_value()) config->host = *values.host;
  if (config->host.empty()) return absl::InvalidArgumentError("--host is empty");
  config->on_loopback = !values.bind_all && IsLoopback(config->host);
  if (!config->on_loopback && (!values.plaintext || !values.no_auth)) {
    return absl::InvalidArgumentError(absl::StrCat(
        values.bind_all ? std::string("--bind_all") : absl::StrCat("--host ", config->host),
        " lets other machines in, and there is neither TLS nor sign-in yet: agree by --plaintext "
        "and --no-auth, or leave it out and use ssh -L"));
  }
  if (values.port != "default") {
    int64_t port = 0;
    if (!absl::SimpleAtoi(values.port, &port) || port < 0 || port > 65535) {
      return absl::InvalidArgumentError(
          absl::StrCat("--port ", values.port, ": give a number from 0 to 65535, or 'default'"));
    }
    config->port = static_cast<uint16_t>(port);
  }
  config->port_file = values.port_file;
  config->allowed_hosts = values.allowed_hosts;
  // Whoever listens on a name is reached by it.
  config->allowed_hosts.push_back(config->host);
  config->gateway_bases = values.gateway_base;
  if (values.service_ports.empty()) return absl::OkStatus();
  const std::pair<absl::string_view, absl::string_view> range =
      absl::StrSplit(values.service_ports, absl::MaxSplits('-', 1));
  uint32_t first = 0;
  uint32_t last = 0;
  if (!absl::SimpleAtoi(range.first, &first) || !absl::SimpleAtoi(range.second, &last) ||
      first < 1 || first > last || last > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("--service_ports ", values.service_ports,
                     ": give FIRST-LAST, numbers from 1 to 65535, as 6006-7005"));
  }
  config->service_ports_first = static_cast<uint16_t>(first);
  config->service_ports_last = static_cast<uint16_t>(last);
  return absl::OkStatus();
}

absl::Status TakeShowing(const CollectorOptionValues& values, CollectorConfig* config) {
  config->path_prefix = std::string(absl::StripSuffix(values.path_prefix, "/"));
  if (!config->path_prefix.empty() && config->path_prefix[0] != '/') {
    return absl::InvalidArgumentError(
        absl::StrCat("--path_prefix ", values.path_prefix, ": it must begin with '/'"));
  }
  config->window_title = values.window_title;
  config->purge_orphaned_data = values.purge_orphaned_data;
  for (const absl::string_view part :
       absl::StrSplit(values.samples_per_plugin, ',', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    uint64_t samples = 0;
    const absl::string_view plugin = absl::StripAsciiWhitespace(pair.first);
    if (plugin.empty() || !absl::SimpleAtoi(absl::StripAsciiWhitespace(pair.second), &samples)) {
      return absl::InvalidArgumentError(absl::StrCat("--samples_per_plugin ", part,
                                                     ": give PLUGIN=N with N a number, 0 for all"));
    }
    config->samples_per_plugin[std::string(plugin)] = samples;
  }
  return absl::OkStatus();
}

void NoteIgnored(const CollectorOptionValues& values, CollectorConfig* config) {
  for (const Ignored& flag : kIgnoredFlags) {
    const bool given = flag.is_switch ? values.ignored_switches.at(flag.name)
                                      : values.ignored.at(flag.name).has_value();
    if (given) config->notes.push_back(absl::StrCat("--", flag.name, " has no effect: ", flag.why));
  }
}

std::unique_ptr<Options> Declare(CollectorOptionValues* values) {
  auto options = std::make_unique<Options>(Program());
  DeclareServing(options.get(), values);
  DeclarePort(options.get(), values);
  DeclareNames(options.get(), values);
  DeclareShowing(options.get(), values);
  DeclareStore(options.get(), values);
  DeclareIgnored(options.get(), values);
  return options;
}

}  // namespace

std::string CollectorReferenceYaml() {
  CollectorOptionValues values;
  return Declare(&values)->ReferenceYaml();
}

absl::StatusOr<CollectorConfig> ParseCollectorConfig(
    const OptionSources& sources, const std::function<bool(const std::string&)>& is_directory) {
  CollectorOptionValues values;
  const std::unique_ptr<Options> options = Declare(&values);
  ASSIGN_OR_RETURN(const CommandLine line, options->Parse(sources));
  CollectorConfig config;
  if (line.help) {
    config.command = CollectorConfig::Command::kHelp;
    config.help = options->HelpText(line.command == "serve" ? "" : line.command);
    return config;
  }
  if (line.version || values.version_tb) {
    config.command = CollectorConfig::Command::kVersion;
    return config;
  }
  if (line.command == "reference-config") {
    config.command = CollectorConfig::Command::kReferenceConfig;
    return config;
  }
  const std::vector<std::string>& rest = line.rest.empty() ? line.arguments : line.rest;
  if (!rest.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", rest.front(), "' belongs to no flag; directories are given by --logdir"));
  }
  RETURN_IF_ERROR(TakeLogdirs(values, sources, is_directory, &config));
  absl::StatusOr<LogLevel> level = ParseLogLevel(values.log_level);
  CHECK(level.ok(), "The choices of --log-level let '", values.log_level, "' through.");
  config.log_level = *level;
  config.json = values.json;
  if (line.command == "inspect") {
    config.command = CollectorConfig::Command::kInspect;
    if (config.logdirs.empty()) return absl::InvalidArgumentError("inspect needs --logdir DIR");
    return config;
  }
  config.data_dir = TakeDirectory(values.data, sources);
  if (config.logdirs.empty() && config.data_dir.empty()) {
    return absl::InvalidArgumentError(
        "nothing to serve: give --logdir DIR to serve event files in place, or --data DIR to take "
        "them from agents on training nodes (--help tells more)");
  }
  RETURN_IF_ERROR(TakePort(values, &config));
  RETURN_IF_ERROR(TakeShowing(values, &config));
  const uint64_t runs_max = config.data_dir.empty() ? 0 : kRunsMaxOfStore;
  config.runs_max = static_cast<uint64_t>(values.runs_max.value_or(static_cast<int64_t>(runs_max)));
  config.webfiles = values.webfiles;
  config.ingest_memory_bytes = values.ingest_memory;
  config.data_free_min_bytes = values.data_free_min;
  config.shards = static_cast<int>(values.shards);
  config.http_threads = static_cast<int>(values.http_threads);
  NoteIgnored(values, &config);
  return config;
}

}  // namespace tributary
