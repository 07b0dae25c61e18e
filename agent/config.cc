#include "agent/config.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/status_macros.h"
#include "common/utf8.h"

namespace tributary::agent {
namespace {

absl::Status Invalid(absl::string_view text) { return absl::InvalidArgumentError(text); }

std::string WhereFrom(const std::vector<Options::Effective>& effective, absl::string_view name) {
  for (const Options::Effective& option : effective) {
    if (option.name == name) return option.where;
  }
  return absl::StrCat("--", name);
}

absl::Status CheckCollector(const AgentOptionValues& values,
                            const std::vector<Options::Effective>& effective, Command command) {
  if (values.collector.empty()) {
    if (command == Command::kPlan || command == Command::kMark) return absl::OkStatus();
    return Invalid("--collector: missing; give --collector HOST:PORT, as the collector prints it");
  }
  const std::string where = WhereFrom(effective, "collector");
  if (!SplitAddress(values.collector).has_value()) {
    return Invalid(absl::StrCat(where, ": \"", values.collector,
                                "\" is not HOST:PORT with a port from 1 to 65535"));
  }
  if (!values.plaintext && command != Command::kDoctor && !IsLoopback(values.collector)) {
    return Invalid(absl::StrCat(
        where, ": ", values.collector,
        " is another machine, and what is sent would cross the network unencrypted; say "
        "--plaintext if that is what you want"));
  }
  return absl::OkStatus();
}

bool IsLoopbackHost(absl::string_view host) {
  if (absl::EqualsIgnoreCase(host, "localhost") || host == "::1") return true;
  // A name may begin with "127." too: only digits and dots make an address of it.
  return absl::StartsWith(host, "127.") && std::count(host.begin(), host.end(), '.') == 3 &&
         host.find_first_not_of("0123456789.") == absl::string_view::npos;
}

absl::Status TakeListen(const AgentOptionValues& values,
                        const std::vector<Options::Effective>& effective, AgentConfig* config) {
  const std::string where = WhereFrom(effective, "listen");
  const auto listen = SplitAddress(values.listen, 0);
  if (!listen.has_value()) {
    return Invalid(absl::StrCat(where, ": \"", values.listen,
                                "\" is not HOST:PORT with a port from 0 to 65535"));
  }
  if (!values.no_auth && !IsLoopbackHost(listen->first)) {
    return Invalid(absl::StrCat(
        where, ": ", values.listen,
        " lets other machines in, and whoever comes in acts as you; say --no-auth if that is what "
        "you want"));
  }
  if (values.use_proxy) {
    return Invalid(absl::StrCat(WhereFrom(effective, "use-proxy"),
                                ": connect goes through no proxy; leave it out"));
  }
  config->listen = *listen;
  return absl::OkStatus();
}

absl::Status TakeLabels(const std::vector<std::string>& labels, const std::string& where,
                        AgentConfig* config) {
  for (const std::string& label : labels) {
    const size_t equals = label.find('=');
    const std::string key = label.substr(0, equals);
    // A key is what may stand between the braces of a template.
    const bool good =
        equals != std::string::npos && NameTemplate::Parse(absl::StrCat("{", key, "}")).ok();
    if (!good) return Invalid(absl::StrCat(where, ": \"", label, "\" is not KEY=VALUE"));
    const Fact fact = {label.substr(equals + 1), where};
    RETURN_IF_ERROR(CheckFactValue(key, fact));
    if (!config->labels.emplace(key, fact).second) {
      return Invalid(absl::StrCat(where, ": \"", key, "\" is given twice"));
    }
  }
  return absl::OkStatus();
}

// Whether the command can only look at what is there now.
bool NeedsPresentLogdirs(Command command, bool once) {
  return command == Command::kPlan || command == Command::kCheck ||
         (command == Command::kRun && once);
}

absl::Status TakeLogdirs(const AgentOptionValues& values, const std::string& where, Command command,
                         const std::string& working_directory, FileSystem* files,
                         AgentConfig* config) {
  if (values.logdirs.empty()) {
    const bool of_all_nodes = command == Command::kStatus && values.cluster;
    if (command == Command::kDoctor || of_all_nodes) return absl::OkStatus();
    return Invalid(absl::StrCat(
        "--logdir: missing; give --logdir DIR, the directory with the event files",
        command == Command::kStatus ? ", or --cluster for all nodes without their files" : ""));
  }
  for (const std::string& text : values.logdirs) {
    absl::StatusOr<Logdir> logdir = ParseLogdir(text, working_directory, files);
    if (!logdir.ok()) return Invalid(absl::StrCat(where, ": ", logdir.status().message()));
    for (const Logdir& other : config->logdirs) {
      if (other.name != logdir->name) continue;
      return Invalid(absl::StrCat(where, ": ", other.Text(), " and ", logdir->Text(),
                                  other.name.empty()
                                      ? " both have no name"
                                      : absl::StrCat(" both have the name \"", other.name, "\""),
                                  "; tell them apart with --logdir NAME=PATH"));
    }
    const absl::StatusOr<FileStat> stat = files->Stat(logdir->path);
    if (absl::IsNotFound(stat.status())) {
      if (NeedsPresentLogdirs(command, values.once)) {
        return Invalid(absl::StrCat(where, ": ", logdir->path, " does not exist"));
      }
      config->missing_logdirs.push_back(logdir->path);
    } else if (stat.ok() && !stat->is_directory) {
      return Invalid(absl::StrCat(where, ": ", logdir->path, " is not a directory"));
    }
    // Another error may pass, as a file system that is being mounted: the tailer tries again.
    config->logdirs.push_back(*std::move(logdir));
  }
  return absl::OkStatus();
}

absl::Status TakeService(const AgentOptionValues& values, Command command,
                         ServiceOptions* service) {
  if (values.service.empty()) return Invalid("--service: missing; give --service NAME");
  service->name = values.service;
  const bool is_name = values.service.size() <= 63 && !absl::StrContains(values.service, "--") &&
                       std::all_of(values.service.begin(), values.service.end(), [](char c) {
                         return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
                                c == '_' || c == '-';
                       });
  if (!is_name) {
    return Invalid(absl::StrCat("--service: \"", values.service,
                                "\" is no name; give --service NAME of 1 to 63 letters, digits, "
                                "'.', '_' and '-', without \"--\""));
  }
  service->port = static_cast<uint16_t>(values.port.value_or(0));
  if (command == Command::kRegister && service->port == 0) {
    return Invalid("--port: missing; give --port N, where the service listens");
  }
  service->fixed = values.fixed;
  if (service->fixed && service->port == 0) return Invalid("--fixed: needs --port N");
  if (!values.range.empty()) {
    const size_t dash = values.range.find('-');
    int first = 0;
    int last = 0;
    if (dash == std::string::npos || !absl::SimpleAtoi(values.range.substr(0, dash), &first) ||
        !absl::SimpleAtoi(values.range.substr(dash + 1), &last) || first < 1 || last > 65'535 ||
        first > last) {
      return Invalid(
          absl::StrCat("--range: \"", values.range, "\" is not A-B with 1 <= A <= B <= 65535"));
    }
    service->range_first = static_cast<uint16_t>(first);
    service->range_last = static_cast<uint16_t>(last);
  }
  if (values.mode == "keep") service->mode = cluster::v1::SERVICE_MODE_KEEP;
  if (values.mode == "strip") service->mode = cluster::v1::SERVICE_MODE_STRIP;
  if (values.mode == "host") service->mode = cluster::v1::SERVICE_MODE_HOST;
  return absl::OkStatus();
}

}  // namespace

std::optional<std::pair<std::string, uint16_t>> SplitAddress(absl::string_view address,
                                                             int port_min) {
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) return std::nullopt;
  absl::string_view host = address.substr(0, colon);
  int port = 0;
  if (!absl::SimpleAtoi(address.substr(colon + 1), &port) || port < port_min || port > 65'535) {
    return std::nullopt;
  }
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]")) {
    host = host.substr(1, host.size() - 2);
  } else if (absl::StrContains(host, ':')) {
    return std::nullopt;
  }
  if (host.empty() || host.find_first_of(" \t/@[]") != absl::string_view::npos) return std::nullopt;
  return std::pair(std::string(host), static_cast<uint16_t>(port));
}

bool IsLoopback(absl::string_view address) {
  const auto split = SplitAddress(address, 0);
  return split.has_value() && IsLoopbackHost(split->first);
}

Command CommandNamed(absl::string_view name) {
  constexpr std::pair<absl::string_view, Command> kCommands[] = {
      {"run", Command::kRun},
      {"plan", Command::kPlan},
      {"check", Command::kCheck},
      {"drain", Command::kDrain},
      {"status", Command::kStatus},
      {"doctor", Command::kDoctor},
      {"connect", Command::kConnect},
      {"exec", Command::kExec},
      {"register", Command::kRegister},
      {"mark", Command::kMark},
      {"reference-config", Command::kReferenceConfig}};
  for (const auto& [known, command] : kCommands) {
    if (known == name) return command;
  }
  CHECK(false, "Command ", name);
}

SideFiles::Options SideFilesOf(const AgentConfig& config) {
  SideFiles::Options options = {.projector = config.values.projector_files,
                                .plugins = config.values.plugin_files,
                                .bytes_max = config.values.asset_bytes_max,
                                .names_above = {}};
  for (const Logdir& logdir : config.logdirs) options.names_above.push_back(logdir.below.size());
  return options;
}

absl::StatusOr<AgentConfig> CheckAgentConfig(const AgentOptionValues& values,
                                             const std::vector<Options::Effective>& effective,
                                             Command command, const std::string& working_directory,
                                             FileSystem* files) {
  AgentConfig config;
  config.values = values;
  RETURN_IF_ERROR(CheckCollector(values, effective, command));
  config.collector = values.collector;
  if (command == Command::kExec || command == Command::kRegister) {
    RETURN_IF_ERROR(TakeService(values, command, &config.service));
  } else if (command == Command::kConnect) {
    RETURN_IF_ERROR(TakeListen(values, effective, &config));
  } else if (command != Command::kMark) {
    RETURN_IF_ERROR(TakeLogdirs(values, WhereFrom(effective, "logdir"), command, working_directory,
                                files, &config));
  }
  if (values.node.has_value()) {
    config.node = Fact{*values.node, WhereFrom(effective, "node")};
    RETURN_IF_ERROR(CheckFactValue("node", *config.node));
  }
  if (values.name_space.has_value()) {
    absl::StatusOr<NameTemplate> parsed = NameTemplate::Parse(*values.name_space);
    if (!parsed.ok()) {
      return Invalid(
          absl::StrCat(WhereFrom(effective, "namespace"), ": ", parsed.status().message()));
    }
    config.name_space = *std::move(parsed);
  }
  RETURN_IF_ERROR(TakeLabels(values.labels, WhereFrom(effective, "label"), &config));
  config.store = values.store;
  for (const Options::Effective& option : effective) {
    if (option.name == "drain-timeout" && option.origin != Options::Origin::kDefault) {
      config.has_drain_timeout = true;
    }
  }
  return config;
}

}  // namespace tributary::agent
