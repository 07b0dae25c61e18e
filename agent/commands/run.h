#ifndef TRIBUTARY_AGENT_COMMANDS_RUN_H_
#define TRIBUTARY_AGENT_COMMANDS_RUN_H_

#include <memory>
#include <optional>

#include "agent/admin.h"
#include "agent/agent_thread.h"
#include "agent/commands/world.h"
#include "agent/config.h"
#include "agent/ports/found_tensorboards.h"
#include "agent/ports/service_desk.h"
#include "common/progress_line.h"

namespace tributary::agent {

// `tributary-agent run`: follows the logdirs
//   - until TERM, INT or HUP, then drains for --drain-timeout; a second one ends the drain;
//   - with --once, until everything is durable that was there at the start;
//   - beside a command, until that ends, then drains. Its exit code is the result, whatever becomes
//     of the delivery; TERM, HUP, USR1, USR2 and INT are passed on to it.
// Used once, on the main thread.
class RunCommand {
 public:
  // `child` is null without a COMMAND. `config` and `world` outlive this.
  RunCommand(const AgentConfig& config, const World& world, ChildProcess* child);
  ~RunCommand();

  // The exit code.
  int Run();

 private:
  absl::Status Start();
  absl::Status CheckNames(const NodeFacts& node) const;
  void StartThread(const NodeFacts& node);
  absl::Status StartAdmin();
  // Looks for TensorBoards of this node, if it is to.
  void StartFinding(const NodeFacts& node);
  // One round of the main thread; the exit code when all is over.
  std::optional<int> Round();
  void HandleSignal(const ReceivedSignal& signal);
  void StartDrain();
  // True if the collector was away for longer than --once waits.
  bool GaveUp(const Progress& progress);
  int Finish(const absl::Status& outcome);
  int FinishWithoutThread();
  void PrintLeft(const std::vector<FileLeft>& left);
  // What the main thread has to look at next, and when.
  absl::Duration NextLook() const;
  // How long another live agent in this one's place is waited for.
  absl::Duration TakenWait() const;

  const AgentConfig& config_;
  const World& world_;
  ChildProcess* const child_;
  const bool once_;

  std::unique_ptr<ChangeNotifier> notifier_;
  std::unique_ptr<AdminBoard> board_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<AgentThread> thread_;
  // On the desk's thread, which ends first.
  std::unique_ptr<FoundTensorboards> tensorboards_;
  std::unique_ptr<ServiceDesk> desk_;
  std::optional<ProgressLine> line_;

  std::optional<int> child_exit_;
  // Set once the drain has begun: when it ends at the latest.
  std::optional<absl::Duration> drain_end_;
  bool impatient_ = false;
  // When the collector was last talked to, or the start.
  absl::Duration last_contact_;
};

// Waits for a command that runs without an agent, because the configuration is no good; passes
// signals on. Its exit code.
int WaitForChild(ChildProcess* child, const World& world);

// Passes on what a command did not get itself: the terminal signals everyone in the foreground.
void PassOn(const ReceivedSignal& signal, ChildProcess* child);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_RUN_H_
