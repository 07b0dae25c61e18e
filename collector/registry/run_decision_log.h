// The decisions about runs, durable, with who made them and when.
//
//   run/<name>       what was decided of the name
//   audit/<number>   one decision, in the order in which they were made
#ifndef TRIBUTARY_COLLECTOR_REGISTRY_RUN_DECISION_LOG_H_
#define TRIBUTARY_COLLECTOR_REGISTRY_RUN_DECISION_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "collector/registry/registry.h"
#include "collector/registry/run_decisions.h"
#include "common/clock.h"
#include "common/mutex.h"

namespace tributary {

struct AuditEntry {
  uint64_t number = 0;  // grows by one
  absl::Time at;
  std::string who;  // address of the peer
  std::string action;
  std::string run;   // as it was named
  std::string from;  // what was shown as before, and after
  std::string to;
};

// The newest decisions. Thread-safe.
class AuditTrail {
 public:
  explicit AuditTrail(size_t entries_max) : entries_max_(entries_max) {}

  // The newest entry; the oldest goes where there is no place for it.
  void Add(AuditEntry entry) ABSL_LOCKS_EXCLUDED(mu_);
  // The number of the entry that one more would push out.
  std::optional<uint64_t> Overflow() const ABSL_LOCKS_EXCLUDED(mu_);
  // The newest first, from below the number `before` on.
  std::vector<AuditEntry> Newest(uint64_t before, size_t entries_max) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const size_t entries_max_;
  mutable Mutex mu_;
  std::deque<AuditEntry> entries_ ABSL_GUARDED_BY(mu_);  // oldest first
};

// Owned by the commit thread, but for audit().
class RunDecisionLog {
 public:
  struct Options {
    // Older entries of the audit trail are deleted.
    size_t audit_entries_max = 10'000;
  };

  // Reads what was decided before and shows it on the board. Rows that are damaged are left out and
  // kept as they are; `problems` says so, a line each. `registry` and `board` outlive this. Fails
  // with the registry's error.
  static absl::StatusOr<std::unique_ptr<RunDecisionLog>> Open(const Options& options,
                                                              Registry* registry,
                                                              RunDecisionBoard* board,
                                                              std::vector<std::string>* problems);

  struct Outcome {
    std::string shown_as;  // what the named run is shown as from now on
    bool changed = false;
  };
  // Durable, and on the board, when this returns OK. Otherwise nothing was changed, with the error
  // of RunDecisions::Decide or of Registry::Commit.
  absl::StatusOr<Outcome> Decide(const RunDecision& decision, const std::string& who,
                                 absl::Time now);

  const AuditTrail& audit() const { return audit_; }

 private:
  RunDecisionLog(const Options& options, Registry* registry, RunDecisionBoard* board)
      : registry_(registry), board_(board), audit_(options.audit_entries_max) {}

  Registry* const registry_;
  RunDecisionBoard* const board_;
  AuditTrail audit_;
  uint64_t next_number_ = 1;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_REGISTRY_RUN_DECISION_LOG_H_
