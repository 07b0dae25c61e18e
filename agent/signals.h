// Signals as values that one thread waits for, and the command that the agent may wrap.
#ifndef TRIBUTARY_AGENT_SIGNALS_H_
#define TRIBUTARY_AGENT_SIGNALS_H_

#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace tributary::agent {

struct ReceivedSignal {
  int number = 0;
  // Sent by a process, and not by the terminal to everyone in the foreground.
  bool from_process = false;
};

// Whether it asks a program to end: TERM, INT or HUP.
inline bool AsksToEnd(const ReceivedSignal& signal) {
  return signal.number == SIGTERM || signal.number == SIGINT || signal.number == SIGHUP;
}

// Waited on by the main thread.
class Signals {
 public:
  virtual ~Signals() = default;
  // The next signal; nullopt when `timeout` has passed, or after Wake.
  virtual std::optional<ReceivedSignal> Wait(absl::Duration timeout) = 0;
  // Ends the present Wait, or the next one. Thread-safe.
  virtual void Wake() = 0;
};

// A command that runs beside the agent. Never ended by us, not even by our own end.
class ChildProcess {
 public:
  virtual ~ChildProcess() = default;
  // nullopt while it runs; then its exit code, 128 + n if signal n ended it.
  virtual std::optional<int> Poll() = 0;
  virtual void Send(int signal) = 0;
  // 0 for one that is no process.
  virtual int64_t pid() const { return 0; }
};

// The process's own signals. To be made before any other thread, which inherit that TERM, INT, HUP,
// USR1, USR2 and CHLD are left to Wait; PIPE is ignored from then on. One per process.
class ProcessSignals : public Signals {
 public:
  ProcessSignals();
  ~ProcessSignals() override;
  std::optional<ReceivedSignal> Wait(absl::Duration timeout) override;
  void Wake() override;

  // Starts a command with the signal handling that this process was started with, in its process
  // group. NotFound if there is no such program; otherwise the system's error.
  // Its environment is ours, with the NAME=VALUE of `environment` set.
  absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      const std::vector<std::string>& command, const std::vector<std::string>& environment = {});

 private:
  const int wake_;  // an eventfd
  int signals_;     // a signalfd
  sigset_t inherited_mask_;
  bool pipe_was_default_ = false;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_SIGNALS_H_
