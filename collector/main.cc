// tributary-collector: flags, the real world, signals.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "collector/config.h"
#include "collector/inspect.h"
#include "collector/server.h"
#include "common/atomic_file.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/random.h"

namespace tributary {
namespace {

constexpr int kExitGood = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr uint64_t kConfigBytesMax = 1u << 20;

std::optional<std::string> Environment(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

bool IsDirectory(const std::string& path) {
  const absl::StatusOr<FileStat> stat = RealFileSystem()->Stat(path);
  return stat.ok() && stat->is_directory;
}

// The folder of the unpacked UI: installed beside the program, or in the build it was made by.
std::string FindWebfiles() {
  const absl::StatusOr<std::string> program = RealFileSystem()->RealPath("/proc/self/exe");
  if (!program.ok()) return "";
  const std::string folder(DirName(*program));
  for (const char* place : {"../share/tributary/webfiles", "../webfiles"}) {
    const std::string webfiles = JoinPath(folder, place);
    if (IsDirectory(webfiles)) return webfiles;
  }
  return JoinPath(folder, "../share/tributary/webfiles");
}

int Inspect(const CollectorConfig& config) {
  InspectOptions options;
  for (const LocalLogdir& logdir : config.logdirs) {
    options.logdirs.push_back({logdir.name, logdir.path});
  }
  options.json = config.json;
  return RunInspect(options, {RealFileSystem(), RealClock()}, std::cout, std::cerr);
}

void PrintWelcome(const Server& server, const CollectorConfig& config) {
  std::cout << "Tributary " << CollectorVersion() << " at " << server.url()
            << " (Press CTRL+C to quit)\n";
  const std::string join = server.join_command();
  if (!join.empty()) {
    std::cout << "On each training node, with LOGDIR its directory of event files:\n  " << join
              << "\n";
    if (config.on_loopback) {
      std::cout << "It listens for this machine only. For other nodes, on a network you trust, add "
                   "--bind_all --plaintext --no-auth.\n";
    }
  }
  std::cout << std::flush;
}

// The number that ends the process in order, or a fault of the store.
std::atomic<bool> store_failed{false};

int Serve(CollectorConfig config, const sigset_t& ending_signals) {
  StderrLoggerOptions log_options;
  log_options.level = config.log_level;
  const std::unique_ptr<Logger> log = MakeStderrLogger(log_options, RealClock());
  for (const std::string& note : config.notes) std::cerr << note << "\n";
  if (config.webfiles.empty()) config.webfiles = FindWebfiles();

  MetricsRegistry metrics;
  metrics.AddProcessMetrics(CollectorVersion(), RealClock()->Wall());
  SystemRandom random;
  Server::Dependencies dependencies;
  dependencies.clock = RealClock();
  dependencies.files = RealFileSystem();
  dependencies.log = log.get();
  dependencies.metrics = &metrics;
  dependencies.random = &random;
  dependencies.on_fatal = [] {
    store_failed = true;
    kill(getpid(), SIGTERM);
  };
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(config, dependencies);
  if (!server.ok()) {
    std::cerr << "tributary-collector: " << server.status().message() << "\n";
    return kExitFailed;
  }
  PrintWelcome(**server, config);

  int signal_number = 0;
  sigwait(&ending_signals, &signal_number);
  // A second one ends it at once.
  sigprocmask(SIG_UNBLOCK, &ending_signals, nullptr);
  log->Info("ending", {{"signal", signal_number}});
  (*server)->Stop();
  return store_failed ? kExitFailed : kExitGood;
}

int Main(const std::vector<std::string>& arguments) {
  // Before any thread exists: all inherit it, and only sigwait sees these.
  sigset_t ending_signals;
  sigemptyset(&ending_signals);
  sigaddset(&ending_signals, SIGTERM);
  sigaddset(&ending_signals, SIGINT);
  sigprocmask(SIG_BLOCK, &ending_signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  OptionSources sources;
  sources.arguments = arguments;
  sources.environment = Environment;
  sources.read_file = [](const std::string& path) {
    return ReadWholeFile(RealFileSystem(), path, kConfigBytesMax);
  };
  absl::StatusOr<CollectorConfig> config = ParseCollectorConfig(sources, IsDirectory);
  if (!config.ok()) {
    std::cerr << "tributary-collector: " << config.status().message() << "\n";
    return kExitUsage;
  }
  switch (config->command) {
    case CollectorConfig::Command::kHelp:
      std::cout << config->help;
      return kExitGood;
    case CollectorConfig::Command::kVersion:
      std::cout << "tributary-collector " << CollectorVersion() << "\n";
      return kExitGood;
    case CollectorConfig::Command::kReferenceConfig:
      std::cout << CollectorReferenceYaml();
      return kExitGood;
    case CollectorConfig::Command::kInspect:
      // It can be ended at any time: nothing is written.
      sigprocmask(SIG_UNBLOCK, &ending_signals, nullptr);
      return Inspect(*config);
    case CollectorConfig::Command::kServe:
      return Serve(*std::move(config), ending_signals);
  }
  return kExitFailed;
}

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) {
  return tributary::Main(std::vector<std::string>(argv + 1, argv + argc));
}
