// /api/v1/runs: what people decided about runs, and deciding.
#ifndef TRIBUTARY_COLLECTOR_SERVE_RUNS_H_
#define TRIBUTARY_COLLECTOR_SERVE_RUNS_H_

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/index/index.h"
#include "collector/registry/run_decision_log.h"
#include "collector/registry/run_decisions.h"
#include "collector/serve/same_origin.h"
#include "common/http/message.h"

namespace tributary::serve {

// What the route needs of the store; all thread-safe. Without a store `decide` and `audit` are
// null.
struct RunDecisionAccess {
  const RunDecisionBoard* board = nullptr;
  const AuditTrail* audit = nullptr;
  // Makes a decision durable and puts it in force; `who` is the peer's address. Unavailable: not
  // now. May wait for the disk, but not for long.
  std::function<absl::StatusOr<RunDecisionLog::Outcome>(const RunDecision& decision,
                                                        const std::string& who)>
      decide;
};

// Thread-safe.
class RunsRoute {
 public:
  // `index` and `hosts` outlive this, and what `access` leads to. `path_prefix` is the collector's.
  // `ready`: whether all runs are known.
  RunsRoute(const Index* index, const gateway::HostTable* hosts, RunDecisionAccess access,
            std::string path_prefix, std::function<absl::Status()> ready)
      : index_(index),
        hosts_(hosts),
        access_(std::move(access)),
        path_prefix_(std::move(path_prefix)),
        ready_(std::move(ready)) {}

  http::Response Answer(const http::Request& request) const;

 private:
  http::Response List(const http::Request& request) const;
  http::Response Decide(const http::Request& request) const;
  // That there is such a run, and that it is a whole one.
  absl::Status CheckKnown(const RunDecisions& decisions, const std::string& run) const;

  const Index* const index_;
  const gateway::HostTable* const hosts_;
  const RunDecisionAccess access_;
  const std::string path_prefix_;
  const std::function<absl::Status()> ready_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_RUNS_H_
