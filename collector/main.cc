// tributary-collector: flags, wiring, signals. The only file that builds the real world.

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "collector/config.h"
#include "collector/inspect.h"
#include "collector/server.h"
#include "common/atomic_file.h"

namespace tributary {
namespace {

constexpr char kVersion[] = TRIBUTARY_VERSION;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr uint64_t kConfigBytesMax = 1u << 20;

int UsageError(const absl::Status& status) {
  std::cerr << "error: " << status.message() << "\n";
  return kUsage;
}

OptionSources Sources(int argc, char** argv) {
  OptionSources sources;
  sources.arguments.assign(argv + 1, argv + argc);
  sources.environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  sources.read_file = [](const std::string& path) {
    return ReadWholeFile(RealFileSystem(), path, kConfigBytesMax);
  };
  return sources;
}

// The folder with the UI: as given, else where a build or an installation puts it.
std::string FindWebfiles(const CollectorConfig& config, FileSystem* files) {
  if (!config.webfiles.empty()) return config.webfiles;
  const absl::StatusOr<std::string> program = files->RealPath("/proc/self/exe");
  if (!program.ok()) return "";
  const std::string prefix(DirName(DirName(*program)));
  for (const char* folder : {"share/tributary/webfiles", "webfiles"}) {
    const std::string candidate = JoinPath(prefix, folder);
    if (files->Stat(JoinPath(candidate, "index.html")).ok()) return candidate;
  }
  return "";
}

int Inspect(const CollectorConfig& config, const std::vector<LogdirOption>& logdirs) {
  InspectOptions inspect;
  for (const LogdirOption& logdir : logdirs) inspect.logdirs.push_back({logdir.name, logdir.path});
  inspect.json = config.json;
  inspect.threads = static_cast<int>(config.load_threads);
  return RunInspect(inspect, {RealFileSystem(), RealClock()}, std::cout, std::cerr);
}

// Blocked in every thread, so that main alone takes them.
sigset_t BlockEndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

int Serve(const CollectorConfig& config, std::vector<LogdirOption> logdirs) {
  const sigset_t signals = BlockEndSignals();
  const std::unique_ptr<Logger> log =
      MakeStderrLogger({.level = *ParseLogLevel(config.log_level), .throttle = {}}, RealClock());
  for (const std::string& line : WithoutEffectLines(config)) {
    log->Info("flag of TensorBoard without effect", {{"flag", line}});
  }
  SystemRandom random;
  Server::Options options;
  options.logdirs = std::move(logdirs);
  options.config = config;
  options.samples_per_plugin = *ParseSamplesPerPlugin(config.samples_per_plugin);
  options.webfiles = FindWebfiles(config, RealFileSystem());
  options.version = kVersion;
  const absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Start(options, {RealFileSystem(), RealClock(), &random, log.get()});
  if (!server.ok()) {
    std::cerr << "error: " << server.status().message() << "\n";
    return kFailed;
  }
  if (!(*server)->webfiles_status().ok()) {
    log->Warn("the page is not served", {{"cause", (*server)->webfiles_status()}});
  }
  std::cout << "Tributary " << kVersion << " at " << (*server)->url() << " (Ctrl-C ends it)"
            << std::endl;
  int number = 0;
  sigwait(&signals, &number);
  log->Info("ending", {{"signal", number}});
  (*server)->Stop();
  return 0;
}

int Main(int argc, char** argv) {
  CollectorConfig config;
  const std::unique_ptr<Options> options = DeclareCollectorOptions(&config);
  const absl::StatusOr<CommandLine> line = options->Parse(Sources(argc, argv));
  if (!line.ok()) return UsageError(line.status());
  if (line->help) {
    std::cout << options->HelpText(line->command);
    return 0;
  }
  if (line->version) {
    std::cout << "tributary-collector " << kVersion << "\n";
    return 0;
  }
  if (absl::Status status = CheckCollectorConfig(config); !status.ok()) return UsageError(status);
  absl::StatusOr<std::vector<LogdirOption>> logdirs = Logdirs(config, RealFileSystem());
  if (!logdirs.ok()) return UsageError(logdirs.status());
  if (line->command == "inspect") return Inspect(config, *logdirs);
  return Serve(config, *std::move(logdirs));
}

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) { return tributary::Main(argc, argv); }
