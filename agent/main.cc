// tributary-agent: flags, wiring, signals. The only file of the agent that builds real clocks,
// files and channels.
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/admin_server.h"
#include "agent/commands/check.h"
#include "agent/commands/connect.h"
#include "agent/commands/doctor.h"
#include "agent/commands/drain.h"
#include "agent/commands/exec.h"
#include "agent/commands/mark.h"
#include "agent/commands/plan.h"
#include "agent/commands/register.h"
#include "agent/commands/run.h"
#include "agent/commands/status.h"
#include "agent/config.h"
#include "agent/connect/local_port.h"
#include "agent/doctor/machine.h"
#include "agent/doctor/network.h"
#include "agent/grpc_describe.h"
#include "agent/grpc_services.h"
#include "agent/grpc_transport.h"
#include "agent/guest.h"
#include "agent/tunnel/grpc_tunnel.h"
#include "common/atomic_file.h"
#include "common/status_macros.h"
#include "common/user_name.h"

namespace tributary::agent {
namespace {

constexpr uint64_t kConfigBytesMax = 1u << 20;

std::optional<std::string> Getenv(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "";
}

std::string WorkingDirectory() {
  char* const path = getcwd(nullptr, 0);
  std::string directory = path == nullptr ? "/" : path;
  std::free(path);
  return directory;
}

// Looks each user up once. Used by one thread.
class UserNames {
 public:
  std::string operator()(uint32_t uid) {
    const auto known = names_.find(uid);
    if (known != names_.end()) return known->second;
    return names_.emplace(uid, UserName(uid)).first->second;
  }

 private:
  std::map<uint32_t, std::string> names_;
};

// Raises the soft limit of open descriptors, as far as the hard one goes.
void AllowDescriptors(uint64_t wanted) {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
}

GrpcTransportOptions TransportOptions(const AgentConfig& config) {
  return {.address = config.collector, .use_proxy = config.values.use_proxy};
}

// The tunnel of this process's services.
class RealTunnel : public TunnelSwitch {
 public:
  RealTunnel(const AgentConfig& config, Logger* log)
      : tunnel_(TransportOptions(config), RealClock(), log) {}
  void Set(const std::string& token, const std::map<std::string, uint16_t>& ports) override {
    tunnel_.SetServices(ports);
    tunnel_.SetToken(token);
  }

 private:
  GrpcTunnel tunnel_;
};

World RealWorld(Logger* log, Random* random, ProcessSignals* signals, Network* network,
                Machine* machine) {
  World world;
  world.files = RealFileSystem();
  world.clock = RealClock();
  world.random = random;
  world.log = log;
  world.signals = signals;
  world.environment = Getenv;
  world.out = &std::cout;
  world.err = &std::cerr;
  world.err_is_terminal = isatty(STDERR_FILENO) == 1;
  world.host_name = HostName();
  world.pid = getpid();
  world.user_id = geteuid();
  world.version = TRIBUTARY_VERSION;
  world.user_name = UserNames();
  world.make_notifier = MakeInotifyNotifier;
  world.make_transport = [](const AgentConfig& config, TaskQueue* queue) {
    return MakeGrpcTransport(TransportOptions(config), queue);
  };
  world.ports = RealPorts();
  world.make_services = [](const AgentConfig& config, TaskQueue* queue) {
    return MakeGrpcServices(TransportOptions(config), queue);
  };
  world.make_tunnel = [log](const AgentConfig& config) {
    return std::make_unique<RealTunnel>(config, log);
  };
  world.start_command = [signals](const std::vector<std::string>& command,
                                  const std::vector<std::string>& environment) {
    return signals->Start(command, environment);
  };
  world.exit_now = [](int exit_code) {
    std::cout.flush();
    std::cerr.flush();
    _exit(exit_code);
  };
  world.describe = [](const AgentConfig& config, const ingest::v1::DescribeNodeRequest& request,
                      absl::Duration timeout) {
    return DescribeNode(TransportOptions(config), request, timeout);
  };
  world.describe_collector = [](const AgentConfig& config,
                                const ingest::v1::DescribeCollectorRequest& request,
                                absl::Duration timeout) {
    return DescribeCollector(TransportOptions(config), request, timeout);
  };
  world.network = network;
  world.machine = machine;
  world.start_admin = [](const AgentConfig& config, AdminBoard* board) {
    return StartAdminServer(config.values.admin_host,
                            static_cast<uint16_t>(*config.values.admin_port), board);
  };
  world.open_local_port =
      [log](const AgentConfig& config) -> absl::StatusOr<std::unique_ptr<LocalPort>> {
    Forwarder::Options options;
    std::tie(options.host, options.port) = *SplitAddress(config.collector);
    options.connections_max = static_cast<size_t>(config.values.connections_max);
    AllowDescriptors(2 * options.connections_max + 64);
    return OpenLocalPort(config.listen.first, config.listen.second, options, RealClock(), log);
  };
  world.become_guest = BecomeGuest;
  return world;
}

// What the arguments and everything else say.
struct Parsed {
  CommandLine line;
  AgentConfig config;
};

absl::StatusOr<Parsed> Parse(const std::vector<std::string>& arguments, AgentOptionValues* values,
                             Options* options) {
  Parsed parsed;
  ASSIGN_OR_RETURN(
      parsed.line,
      options->Parse(
          {.arguments = arguments, .environment = Getenv, .read_file = [](const std::string& path) {
             return ReadWholeFile(RealFileSystem(), path, kConfigBytesMax);
           }}));
  if (parsed.line.help || parsed.line.version) return parsed;
  const Command command = CommandNamed(parsed.line.command);
  if (!parsed.line.rest.empty() && command != Command::kRun && command != Command::kPlan &&
      command != Command::kExec) {
    return absl::InvalidArgumentError(
        absl::StrCat("-- COMMAND belongs to run, plan and exec, not to ", parsed.line.command));
  }
  if (parsed.line.rest.empty() && command == Command::kExec) {
    return absl::InvalidArgumentError("exec: missing; give -- COMMAND ... {port} ...");
  }
  if (command == Command::kReferenceConfig) return parsed;
  ASSIGN_OR_RETURN(parsed.config, CheckAgentConfig(*values, options->EffectiveValues(), command,
                                                   WorkingDirectory(), RealFileSystem()));
  parsed.config.wraps_command = command == Command::kPlan && !parsed.line.rest.empty();
  return parsed;
}

int Dispatch(const Parsed& parsed, const Options& options, const World& world,
             ChildProcess* child) {
  switch (CommandNamed(parsed.line.command)) {
    case Command::kRun:
      return RunCommand(parsed.config, world, child).Run();
    case Command::kPlan:
      return PlanCommand(parsed.config, world);
    case Command::kCheck:
      return CheckCommand(parsed.config, options.EffectiveValues(), world);
    case Command::kDrain:
      return DrainCommand(parsed.config, world);
    case Command::kStatus:
      return StatusCommand(parsed.config, world);
    case Command::kDoctor:
      return DoctorCommand(parsed.config, world);
    case Command::kConnect:
      return ConnectCommand(parsed.config, world);
    case Command::kExec:
      return ExecCommand(parsed.config, world, parsed.line.rest).Run();
    case Command::kRegister:
      return RegisterCommand(parsed.config, world);
    case Command::kMark:
      return MarkCommand(parsed.line.arguments, world);
    case Command::kReferenceConfig:
      *world.out << AgentReferenceYaml();
      return kExitGood;
  }
  return kExitUsage;
}

// The words after "--", whatever stands before: the command of `run` must run even if the rest is
// nonsense. Another of our commands has none.
std::vector<std::string> CommandOf(const std::vector<std::string>& arguments) {
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  if (separator == arguments.end()) return {};
  for (const Options::Command& command : AgentProgram().commands) {
    if (command.name == arguments[0] && command.name != "run") return {};
  }
  return {separator + 1, arguments.end()};
}

int Main(const std::vector<std::string>& arguments) {
  // A guest's memory is small: many arenas would hold what few threads gave back.
  mallopt(M_ARENA_MAX, 2);
  ProcessSignals signals;
  AgentOptionValues values;
  Options options(AgentProgram());
  DeclareAgentOptions(&values, &options);
  const absl::StatusOr<Parsed> parsed = Parse(arguments, &values, &options);

  if (parsed.ok() && parsed->line.help) {
    const auto named = std::find(arguments.begin(), arguments.end(), parsed->line.command);
    std::cout << options.HelpText(named == arguments.end() ? "" : parsed->line.command);
    return kExitGood;
  }
  if (parsed.ok() && parsed->line.version) {
    std::cout << "tributary-agent " << TRIBUTARY_VERSION << "\n";
    return kExitGood;
  }

  // The command starts before anything of ours can fail or cost it a priority.
  std::unique_ptr<ChildProcess> child;
  if (const std::vector<std::string> command = CommandOf(arguments); !command.empty()) {
    absl::StatusOr<std::unique_ptr<ChildProcess>> started = signals.Start(command);
    if (!started.ok()) {
      std::cerr << "tributary-agent: " << started.status().message() << "\n";
      // As a shell does.
      return absl::IsNotFound(started.status()) ? 127 : 126;
    }
    child = *std::move(started);
  }

  const absl::StatusOr<LogLevel> level = ParseLogLevel(values.log_level);
  const std::unique_ptr<Logger> log =
      MakeStderrLogger({.level = level.value_or(LogLevel::kInfo)}, RealClock());
  SystemRandom random;
  const std::unique_ptr<Network> network = MakePosixNetwork();
  const std::unique_ptr<Machine> machine = MakeLinuxMachine();
  const World world = RealWorld(log.get(), &random, &signals, network.get(), machine.get());
  if (!parsed.ok()) {
    PrintError(world, parsed.status().message());
    if (child == nullptr) return kExitUsage;
    PrintError(world, "the command runs all the same, without delivery");
    return WaitForChild(child.get(), world);
  }
  const int code = Dispatch(*parsed, options, world, child.get());
  std::cout.flush();
  return code;
}

}  // namespace
}  // namespace tributary::agent

int main(int argc, char** argv) {
  return tributary::agent::Main(std::vector<std::string>(argv + 1, argv + argc));
}
