// tributary-collector: flags, the real world, signals.
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "collector/config.h"
#include "collector/data_server.h"
#include "collector/inspect.h"
#include "collector/server.h"
#include "common/atomic_file.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/progress_line.h"
#include "common/random.h"
#include "common/text.h"

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
  return RunInspect(options, {RealFileSystem(), RealClock(), isatty(STDERR_FILENO) == 1}, std::cout,
                    std::cerr);
}

void PrintWelcome(const Server& server) {
  const Addresses addresses = server.addresses();
  std::cout << "Tributary " << CollectorVersion() << " at " << addresses.Url()
            << " (Press CTRL+C to quit)\n";
  const std::string join = addresses.JoinCommand();
  if (!join.empty()) {
    std::cout << "On each training node, with LOGDIR its directory of event files:\n  " << join
              << "\n";
    if (const std::string note = addresses.JoinNote(); !note.empty()) std::cout << note << "\n";
  }
  std::cout << std::flush;
}

// The store can no longer be trusted: exit code 1, though a signal ends the process.
std::atomic<bool> store_failed{false};

// The real clock, files and randomness, and a log at this level.
struct World {
  explicit World(LogLevel level) {
    StderrLoggerOptions log_options;
    log_options.level = level;
    log = MakeStderrLogger(log_options, RealClock());
    metrics.AddProcessMetrics(CollectorVersion(), RealClock()->Wall());
  }
  Server::Dependencies Dependencies() {
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
    return dependencies;
  }

  std::unique_ptr<Logger> log;
  MetricsRegistry metrics;
  SystemRandom random;
};

std::string LoadingText(const Server::Loading& loading) {
  std::vector<std::string> parts;
  if (loading.streams_left > 0) {
    parts.push_back(
        absl::StrCat("reading the store, ", Counted(loading.streams_left, "stream"), " left"));
  }
  if (loading.bytes_total > 0) {
    parts.push_back(absl::StrCat("read ", HumanBytes(loading.bytes_done), " of ",
                                 HumanBytes(loading.bytes_total), " in ",
                                 Counted(loading.files, "file")));
  }
  return absl::StrJoin(parts, "; ");
}

// Only of what there was.
void SayLoaded(const Server::Loading& loaded, absl::Duration took, Logger* log) {
  const std::string seconds = absl::StrFormat("%.3f", absl::ToDoubleSeconds(took));
  if (loaded.files > 0 && loaded.streams > 0) {
    log->Info("loaded", {{"file_bytes", loaded.bytes_total},
                         {"files", loaded.files},
                         {"streams", loaded.streams},
                         {"seconds", seconds}});
  } else if (loaded.files > 0) {
    log->Info("loaded",
              {{"file_bytes", loaded.bytes_total}, {"files", loaded.files}, {"seconds", seconds}});
  } else if (loaded.streams > 0) {
    log->Info("loaded", {{"streams", loaded.streams}, {"seconds", seconds}});
  }
}

// Says how far it is until all that was there at the start is read, and then that it is. Returns
// early with a signal that asks to end.
std::optional<int> AwaitLoaded(const Server& server, const sigset_t& ending_signals, Logger* log) {
  const absl::Duration start = RealClock()->Monotonic();
  ProgressLine line(&std::cerr, isatty(STDERR_FILENO) == 1, RealClock());
  for (;;) {
    const Server::Loading now = server.loading();
    if (now.done) {
      line.End();
      SayLoaded(now, RealClock()->Monotonic() - start, log);
      return std::nullopt;
    }
    line.Show(LoadingText(now), now.bytes_done, now.bytes_total);
    const timespec wait = {0, 10'000'000};
    const int signal_number = sigtimedwait(&ending_signals, nullptr, &wait);
    if (signal_number > 0) return signal_number;
  }
}

int Serve(CollectorConfig config, const sigset_t& ending_signals) {
  World world(config.log_level);
  for (const std::string& note : config.notes) std::cerr << note << "\n";
  if (config.webfiles.empty()) config.webfiles = FindWebfiles();
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(config, world.Dependencies());
  if (!server.ok()) {
    std::cerr << "tributary-collector: " << server.status().message() << "\n";
    return kExitFailed;
  }
  PrintWelcome(**server);

  std::optional<int> early = AwaitLoaded(**server, ending_signals, world.log.get());
  int signal_number = early.value_or(0);
  if (!early.has_value()) sigwait(&ending_signals, &signal_number);
  // A second one ends it at once.
  sigprocmask(SIG_UNBLOCK, &ending_signals, nullptr);
  world.log->Info("ending", {{"signal", signal_number}});
  (*server)->Stop();
  return store_failed ? kExitFailed : kExitGood;
}

// Tells why the data server cannot start: TensorBoard shows what is in the error file.
int FailToStart(const DataServerOptions& options, absl::string_view reason, int exit_code) {
  const std::string text = absl::StrCat(reason, "\n");
  const bool told = !options.error_file.empty() &&
                    WriteFileAtomically(RealFileSystem(), options.error_file, text).ok();
  if (!told) std::cerr << "tributary-collector: " << text;
  return exit_code;
}

// Until standard input ends, whatever comes from it, or a signal asks to end.
void AwaitEndOfInput(const sigset_t& ending_signals) {
  const int signals = signalfd(-1, &ending_signals, SFD_CLOEXEC);
  pollfd waits[] = {{STDIN_FILENO, POLLIN, 0}, {signals, POLLIN, 0}};
  for (;;) {
    if (poll(waits, 2, -1) < 0) continue;
    if (waits[1].revents != 0) break;
    if (waits[0].revents == 0) continue;
    char ignored[4096];
    const ssize_t bytes = read(STDIN_FILENO, ignored, sizeof(ignored));
    if (bytes == 0 || (bytes < 0 && errno != EINTR && errno != EAGAIN)) break;
  }
  close(signals);
}

int ServeAsDataServer(const std::vector<std::string>& arguments, const sigset_t& ending_signals) {
  const absl::StatusOr<DataServerOptions> options =
      ParseDataServerFlags(arguments, CollectorVersion());
  if (!options.ok()) {
    std::cerr << "tributary-collector: " << options.status().message()
              << "\n(--die-after-stdin and --help tell the flags of the data server)\n";
    return kDataServerUsage;
  }
  if (options->command != DataServerOptions::Command::kServe) {
    std::cout << options->text;
    return kExitGood;
  }
  const absl::Status logdir = CheckDataServerLogdir(options->logdir);
  if (!logdir.ok()) return FailToStart(*options, logdir.message(), kDataServerBadLogdir);
  World world(options->config.log_level);
  absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Start(options->config, world.Dependencies());
  if (!server.ok()) {
    return FailToStart(*options, server.status().message(), kDataServerCannotListen);
  }
  if (options->port_file.empty()) {
    std::cerr << "listening on " << options->config.host << ":" << (*server)->port() << "\n";
  } else {
    const absl::Status written = WriteFileAtomically(RealFileSystem(), options->port_file,
                                                     absl::StrCat((*server)->port(), "\n"));
    if (!written.ok()) {
      std::cerr << "tributary-collector: --port-file " << options->port_file << ": "
                << written.message() << "\n";
      return kDataServerFailed;
    }
  }
  AwaitEndOfInput(ending_signals);
  (*server)->Stop();
  return kExitGood;
}

int Main(const std::vector<std::string>& arguments) {
  // Before any thread exists: all inherit it, and only sigwait sees these.
  sigset_t ending_signals;
  sigemptyset(&ending_signals);
  sigaddset(&ending_signals, SIGTERM);
  sigaddset(&ending_signals, SIGINT);
  sigprocmask(SIG_BLOCK, &ending_signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  if (IsDataServerCall(arguments)) return ServeAsDataServer(arguments, ending_signals);

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
