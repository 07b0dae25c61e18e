// What people decided about runs: other names, hidden, all writers as one.
//
// A rename says: whatever is called `run` is called `to` from now on. What is stored keeps its
// name; the chain of renames leads from it to the name that is shown. So a name with a rename is
// never shown, it goes on standing for what it stood for, and files that come with it later follow.
#ifndef TRIBUTARY_COLLECTOR_REGISTRY_RUN_DECISIONS_H_
#define TRIBUTARY_COLLECTOR_REGISTRY_RUN_DECISIONS_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/mutex.h"

namespace tributary {

inline constexpr size_t kRunNameBytesMax = 4'096;
inline constexpr size_t kRunDecisionsMax = 100'000;

enum class RunAction { kRename, kHide, kShow, kMerge, kSplit };
// "rename", "hide", "show", "merge", "split".
absl::string_view RunActionName(RunAction action);
std::optional<RunAction> ParseRunAction(absl::string_view name);

struct RunDecision {
  std::string run;
  RunAction action = RunAction::kRename;
  std::string to = "";  // of a rename
  // Whether the store has files that are called `to` already: they then keep what was decided of
  // them.
  bool to_exists = false;
};

// What was decided of one name. All as it was made: nothing.
struct RunState {
  std::string renamed_to;     // empty: it has its own name
  bool hidden = false;        // left out of listings
  std::optional<bool> merge;  // nullopt: as the files beside it say
  friend bool operator==(const RunState&, const RunState&) = default;
};

// A value. Names without an entry have the state as it was made.
class RunDecisions {
 public:
  using States = std::map<std::string, RunState, std::less<>>;
  struct Change {
    std::string run;
    RunState state;
  };

  RunDecisions() = default;
  explicit RunDecisions(States states) : states_(std::move(states)) {}

  const States& states() const { return states_; }
  RunState StateOf(absl::string_view run) const;
  // The end of the chain that begins at `run`; `run` if there is none. Chains of damaged rows that
  // have no end lead nowhere: `run`.
  std::string ShownAs(absl::string_view run) const;

  // What the decision changes; nothing if it holds already. InvalidArgument for a name that cannot
  // be one; FailedPrecondition for a `to` that stands for another run, or too many decisions.
  absl::StatusOr<std::vector<Change>> Decide(const RunDecision& decision) const;
  void Apply(const std::vector<Change>& changes);

 private:
  absl::StatusOr<States> Rename(const RunDecision& decision) const;

  States states_;
};

// Shows the decisions that are in force. Thread-safe.
class RunDecisionBoard {
 public:
  void Publish(std::shared_ptr<const RunDecisions> decisions) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    decisions_ = std::move(decisions);
  }
  // Never null.
  std::shared_ptr<const RunDecisions> Get() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return decisions_;
  }

 private:
  mutable Mutex mu_;
  std::shared_ptr<const RunDecisions> decisions_ ABSL_GUARDED_BY(mu_) =
      std::make_shared<RunDecisions>();
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_REGISTRY_RUN_DECISIONS_H_
