// Takes decisions about runs from viewers: makes them durable and puts them in force.
#ifndef TRIBUTARY_COLLECTOR_RUN_DECIDER_H_
#define TRIBUTARY_COLLECTOR_RUN_DECIDER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "collector/index/index.h"
#include "collector/registry/run_decision_log.h"
#include "collector/registry/run_decisions.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/task_queue.h"

namespace tributary {

// The decisions as the index wants them.
RunRules RulesOf(const RunDecisions& decisions);

// Decisions are written on the commit queue, and whoever asks waits for that, but never long and
// never many: a disk that stands still must not take the threads that answer browsers.
class RunDecider {
 public:
  struct Options {
    absl::Duration wait_max = absl::Seconds(5);
    int waiting_max = 1;
  };
  // All outlive this, and every task on the queue.
  struct Dependencies {
    RunDecisionLog* log;
    RunDecisionBoard* board;
    Index* index;
    Clock* clock;
    TaskQueue* commit;
    // The registry can no longer be trusted. On the commit queue.
    std::function<void(const absl::Status&)> on_fatal;
  };

  RunDecider(const Options& options, const Dependencies& dependencies)
      : options_(options), deps_(dependencies) {}

  // Thread-safe. OK: durable and in force. InvalidArgument, FailedPrecondition: see
  // RunDecisions::Decide. Unavailable: not now; after a wait of Options::wait_max it may come to
  // pass all the same.
  absl::StatusOr<RunDecisionLog::Outcome> Decide(const RunDecision& decision,
                                                 const std::string& who) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Pending;
  // On the commit queue.
  absl::StatusOr<RunDecisionLog::Outcome> Record(const RunDecision& decision,
                                                 const std::string& who);

  const Options options_;
  const Dependencies deps_;
  Mutex mu_;
  int waiting_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_RUN_DECIDER_H_
