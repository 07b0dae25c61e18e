// An Agent with a thread of its own, for programs: what may be asked of it from another thread.
#ifndef TRIBUTARY_AGENT_AGENT_THREAD_H_
#define TRIBUTARY_AGENT_AGENT_THREAD_H_

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/agent.h"
#include "agent/event_loop.h"
#include "common/mutex.h"

namespace tributary::agent {

// Owned by the main thread, which calls the public methods. The agent, its transport and its namer
// live on the thread "agent".
class AgentThread {
 public:
  struct Dependencies {
    FileSystem* files;  // these outlive this
    Clock* clock;
    Random* random;            // used on the agent's thread only
    ChangeNotifier* notifier;  // may be null
    Logger* log;
    std::function<std::unique_ptr<Transport>(TaskQueue* queue)> make_transport;
    RunNamer namer;  // called on the agent's thread
    // Called on the agent's thread with each new snapshot. May be null.
    std::function<void(const Progress& progress)> on_snapshot;
    // Called once, on the agent's thread, when outcome() was set. May be null.
    std::function<void()> on_outcome;
  };

  // Starts at once. A snapshot is taken each `snapshot_every`; it walks all files, so with very
  // many of them they come more rarely.
  AgentThread(const Agent::Options& options, Dependencies dependencies,
              absl::Duration snapshot_every);
  // Ends the session where it is and joins the thread. Nothing is lost by that.
  ~AgentThread();

  void StartDrain();
  std::optional<absl::Status> outcome() const ABSL_LOCKS_EXCLUDED(mu_);
  // The latest snapshot; its counters are zero before the first one.
  Progress progress() const ABSL_LOCKS_EXCLUDED(mu_);
  // Both ask the agent itself. Not set if it does not answer within `patience`: it hangs in a call
  // of the system, and so would the destructor.
  std::optional<Progress> FreshProgress(absl::Duration patience);
  std::optional<std::vector<FileLeft>> Left(size_t files_max, absl::Duration patience);

 private:
  absl::Duration Tick(bool woken);
  void TakeSnapshot();
  // What `ask` returns on the agent's thread.
  template <typename Answer>
  std::optional<Answer> Ask(std::function<Answer()> ask, absl::Duration patience);

  const Dependencies dependencies_;
  const absl::Duration snapshot_every_;
  // Synchronised by itself. Stopped before what its tasks use goes away.
  EventLoop loop_;

  // Owned by the thread "agent".
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Agent> agent_;
  absl::Duration next_snapshot_;

  mutable Mutex mu_;
  std::optional<absl::Status> outcome_ ABSL_GUARDED_BY(mu_);
  Progress progress_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_AGENT_THREAD_H_
