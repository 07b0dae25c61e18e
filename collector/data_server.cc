#include "collector/data_server.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"

namespace tributary {
namespace {

constexpr char kDieAfterStdin[] = "--die-after-stdin";
constexpr uint16_t kDefaultPort = 6806;

constexpr char kHelp[] =
    R"(tributary-collector as the data server of TensorBoard, which starts it so if
TENSORBOARD_DATA_SERVER_BINARY names it:

  TENSORBOARD_DATA_SERVER_BINARY=/usr/bin/tributary-collector tensorboard --logdir DIR

Without --die-after-stdin it is the collector itself, with other flags: see --help there.

Flags of the data server:
  --logdir DIR             Directory whose event files are served, with all directories below it.
                           Must be given. It need not exist yet.
  --die-after-stdin        End, with exit code 0, when standard input ends.
  --host HOST              Name or address to listen on [localhost].
  --port PORT              0 takes any free port [6806].
  --port-file FILE         Gets the number of the port and a newline as soon as it listens.
  --error-file FILE        Gets the reason if the directory or the port cannot be used.
  --reload SECONDS|once    once: read what is there, and no more. With a number (any) files are
                           followed as they grow [5].
  --samples-per-plugin PLUGIN=N|all,...
                           Most points of a series in an answer. Nothing is dropped when loading;
                           without this there are as many as TensorBoard asks for.
  --checksum, --no-checksum
                           Taken for compatibility. Checksums are always verified.
  -v, --verbose            Log more; twice: still more.
  -h, --help               This text.
  -V, --version            The version.

Exit codes: 0 good, 1 the port file cannot be written, 2 usage, 8 the directory can never be read,
9 cannot listen.
)";

// A flag with what stands after its '=' or in the next argument.
struct Flag {
  std::string name;
  std::optional<std::string> value;
};

bool TakesValue(absl::string_view name) {
  constexpr absl::string_view kNames[] = {"--logdir",
                                          "--host",
                                          "--port",
                                          "--port-file",
                                          "--error-file",
                                          "--reload",
                                          "--samples-per-plugin"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

bool IsSwitch(absl::string_view name) {
  return name == kDieAfterStdin || name == "--checksum" || name == "--no-checksum" ||
         name == "--verbose" || name == "--help" || name == "--version";
}

// The long flags that a group of one-letter ones ("-vv") stands for.
absl::StatusOr<std::vector<Flag>> ExpandLetters(const std::string& argument) {
  std::vector<Flag> flags;
  for (const char letter : argument.substr(1)) {
    if (letter != 'v' && letter != 'h' && letter != 'V') {
      return absl::InvalidArgumentError(absl::StrCat("unknown flag ", argument));
    }
    flags.push_back({letter == 'v' ? "--verbose" : letter == 'h' ? "--help" : "--version", {}});
  }
  return flags;
}

absl::StatusOr<std::vector<Flag>> SplitFlags(const std::vector<std::string>& arguments) {
  std::vector<Flag> flags;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--" && i + 1 == arguments.size()) break;
    if (argument.size() > 1 && argument[0] == '-' && argument[1] != '-') {
      ASSIGN_OR_RETURN(std::vector<Flag> letters, ExpandLetters(argument));
      flags.insert(flags.end(), letters.begin(), letters.end());
      continue;
    }
    const size_t equals = argument.find('=');
    Flag flag = {argument.substr(0, equals), std::nullopt};
    if (IsSwitch(flag.name)) {
      flags.push_back(std::move(flag));
      continue;
    }
    if (!TakesValue(flag.name)) {
      return absl::InvalidArgumentError(absl::StrCat("unknown argument ", argument));
    }
    if (equals != std::string::npos) {
      flag.value = argument.substr(equals + 1);
    } else if (i + 1 < arguments.size() && !absl::StartsWith(arguments[i + 1], "-")) {
      flag.value = arguments[++i];
    } else {
      return absl::InvalidArgumentError(absl::StrCat(argument, " needs a value"));
    }
    flags.push_back(std::move(flag));
  }
  return flags;
}

// Digits, with a '+' before them if the writer likes.
bool ParseCount(absl::string_view text, uint64_t* count) {
  absl::ConsumePrefix(&text, "+");
  return !text.empty() && text.find_first_not_of("0123456789") == absl::string_view::npos &&
         absl::SimpleAtoi(text, count);
}

absl::Status TakeReload(const std::string& text, CollectorConfig* config) {
  uint64_t seconds = 0;
  config->data_server->read_once = text == "once";
  if (config->data_server->read_once || ParseCount(text, &seconds)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--reload=", text, ": give a number of seconds, or 'once'"));
}

absl::Status TakePort(const std::string& text, CollectorConfig* config) {
  uint64_t port = 0;
  if (!ParseCount(text, &port) || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("--port=", text, ": give a number from 0 to 65535"));
  }
  config->port = static_cast<uint16_t>(port);
  return absl::OkStatus();
}

absl::Status TakeSamples(const std::string& text, CollectorConfig* config) {
  if (text.empty()) return absl::OkStatus();
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::vector<std::string> pair = absl::StrSplit(part, '=');
    uint64_t points = 0;
    const bool valid =
        pair.size() == 2 && !pair[0].empty() && (pair[1] == "all" || ParseCount(pair[1], &points));
    if (!valid) {
      return absl::InvalidArgumentError(absl::StrCat("--samples-per-plugin=", text, ": '", part,
                                                     "' is not PLUGIN=NUMBER or PLUGIN=all"));
    }
    if (pair[1] == "all") {
      config->data_server->points_max.erase(pair[0]);
    } else {
      config->data_server->points_max[pair[0]] = points;
    }
  }
  return absl::OkStatus();
}

absl::Status TakeValue(const Flag& flag, DataServerOptions* options) {
  CollectorConfig* const config = &options->config;
  const std::string& value = *flag.value;
  const bool may_be_empty = flag.name == "--logdir" || flag.name == "--samples-per-plugin";
  if (value.empty() && !may_be_empty) {
    return absl::InvalidArgumentError(absl::StrCat(flag.name, " needs a value"));
  }
  if (flag.name == "--logdir") options->logdir = value;
  if (flag.name == "--host") config->host = value;
  if (flag.name == "--port-file") options->port_file = value;
  if (flag.name == "--error-file") options->error_file = value;
  if (flag.name == "--port") return TakePort(value, config);
  if (flag.name == "--reload") return TakeReload(value, config);
  if (flag.name == "--samples-per-plugin") return TakeSamples(value, config);
  return absl::OkStatus();
}

}  // namespace

bool IsDataServerCall(const std::vector<std::string>& arguments) {
  return std::find(arguments.begin(), arguments.end(), kDieAfterStdin) != arguments.end();
}

absl::StatusOr<DataServerOptions> ParseDataServerFlags(const std::vector<std::string>& arguments,
                                                       const std::string& version) {
  DataServerOptions options;
  CollectorConfig& config = options.config;
  config.data_server.emplace();
  config.port = kDefaultPort;
  ASSIGN_OR_RETURN(const std::vector<Flag> flags, SplitFlags(arguments));
  std::set<std::string> seen;
  int verbose = 0;
  for (const Flag& flag : flags) {
    if (flag.name == "--help" || flag.name == "--version") {
      options.command = flag.name == "--help" ? DataServerOptions::Command::kHelp
                                              : DataServerOptions::Command::kVersion;
      options.text =
          flag.name == "--help" ? kHelp : absl::StrCat("tributary-collector ", version, "\n");
      return options;
    }
    if (flag.name == "--verbose") ++verbose;
    const bool may_repeat =
        flag.name == "--verbose" || flag.name == "--checksum" || flag.name == "--no-checksum";
    if (!seen.insert(flag.name).second && !may_repeat) {
      return absl::InvalidArgumentError(absl::StrCat(flag.name, " is given twice"));
    }
    if (flag.value.has_value()) RETURN_IF_ERROR(TakeValue(flag, &options));
  }
  if (seen.count("--logdir") == 0) return absl::InvalidArgumentError("--logdir is missing");
  config.log_level = verbose == 0   ? LogLevel::kWarn
                     : verbose == 1 ? LogLevel::kInfo
                                    : LogLevel::kDebug;
  config.logdirs.push_back({"", options.logdir});
  return options;
}

absl::Status CheckDataServerLogdir(const std::string& logdir) {
  if (logdir.empty()) return absl::InvalidArgumentError("--logdir is empty");
  const size_t end = logdir.find("://");
  if (end != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read ", logdir, ": there is no way to read '", logdir.substr(0, end),
                     "' here, only directories of this machine"));
  }
  return absl::OkStatus();
}

}  // namespace tributary
