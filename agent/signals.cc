#include "agent/signals.h"

#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/check.h"

extern char** environ;

namespace tributary::agent {
namespace {

class SpawnedProcess : public ChildProcess {
 public:
  explicit SpawnedProcess(pid_t pid) : pid_(pid) {}

  std::optional<int> Poll() override {
    if (exit_code_.has_value()) return exit_code_;
    // As process 1 of a container we inherit orphans, which nobody else buries.
    const pid_t which = getpid() == 1 ? -1 : pid_;
    int status = 0;
    for (;;) {
      const pid_t ended = waitpid(which, &status, WNOHANG);
      if (ended < 0 && errno == EINTR) continue;
      if (ended <= 0) return exit_code_;
      if (ended != pid_) continue;
      if (WIFEXITED(status)) exit_code_ = WEXITSTATUS(status);
      if (WIFSIGNALED(status)) exit_code_ = 128 + WTERMSIG(status);
      if (which == pid_) return exit_code_;
    }
  }

  int64_t pid() const override { return pid_; }

  void Send(int signal) override {
    // Not once its number may belong to somebody else.
    if (!exit_code_.has_value()) kill(pid_, signal);
  }

 private:
  const pid_t pid_;
  std::optional<int> exit_code_;
};

}  // namespace

ProcessSignals::ProcessSignals() : wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  sigset_t taken;
  sigemptyset(&taken);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD}) {
    sigaddset(&taken, number);
  }
  CHECK(pthread_sigmask(SIG_BLOCK, &taken, &inherited_mask_) == 0, "errno ", errno);
  signals_ = signalfd(-1, &taken, SFD_NONBLOCK | SFD_CLOEXEC);
  CHECK(wake_ >= 0 && signals_ >= 0, "No descriptors for signals, errno ", errno);
  struct sigaction ignore = {};
  struct sigaction before = {};
  ignore.sa_handler = SIG_IGN;
  CHECK(sigaction(SIGPIPE, &ignore, &before) == 0, "errno ", errno);
  pipe_was_default_ = before.sa_handler == SIG_DFL;
}

ProcessSignals::~ProcessSignals() {
  close(signals_);
  close(wake_);
}

std::optional<ReceivedSignal> ProcessSignals::Wait(absl::Duration timeout) {
  pollfd descriptors[2] = {{signals_, POLLIN, 0}, {wake_, POLLIN, 0}};
  const timespec limit =
      absl::ToTimespec(std::clamp(timeout, absl::ZeroDuration(), absl::Hours(24)));
  if (ppoll(descriptors, 2, &limit, nullptr) <= 0) return std::nullopt;
  signalfd_siginfo info = {};
  if (read(signals_, &info, sizeof(info)) == sizeof(info)) {
    return ReceivedSignal{static_cast<int>(info.ssi_signo), info.ssi_code <= 0};
  }
  uint64_t count = 0;
  // Emptied or empty: either way the wake-up was heard.
  [[maybe_unused]] const ssize_t size = read(wake_, &count, sizeof(count));
  return std::nullopt;
}

void ProcessSignals::Wake() {
  const uint64_t one = 1;
  while (write(wake_, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

absl::StatusOr<std::unique_ptr<ChildProcess>> ProcessSignals::Start(
    const std::vector<std::string>& command, const std::vector<std::string>& environment) {
  CHECK(!command.empty(), "No command.");
  std::vector<char*> arguments;
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);

  std::vector<char*> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const absl::string_view present = *variable;
    const bool replaced =
        std::any_of(environment.begin(), environment.end(), [present](absl::string_view setting) {
          return absl::StartsWith(present, setting.substr(0, setting.find('=') + 1));
        });
    if (!replaced) variables.push_back(*variable);
  }
  for (const std::string& setting : environment) {
    variables.push_back(const_cast<char*>(setting.c_str()));
  }
  variables.push_back(nullptr);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  short flags = POSIX_SPAWN_SETSIGMASK;
  posix_spawnattr_setsigmask(&attributes, &inherited_mask_);
  if (pipe_was_default_) {
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    flags |= POSIX_SPAWN_SETSIGDEF;
  }
  posix_spawnattr_setflags(&attributes, flags);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, arguments[0], nullptr, &attributes, arguments.data(), variables.data());
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return absl::ErrnoToStatus(error, command[0]);
  return std::make_unique<SpawnedProcess>(pid);
}

}  // namespace tributary::agent
