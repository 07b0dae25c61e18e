#include "collector/run_decider.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tributary {

// What the commit queue owes to who waits; lives as long as either of them looks at it.
struct RunDecider::Pending {
  Mutex mu;
  CondVar answered;
  std::optional<absl::StatusOr<RunDecisionLog::Outcome>> answer ABSL_GUARDED_BY(mu);
};

RunRules RulesOf(const RunDecisions& decisions) {
  RunRules rules;
  for (const auto& [run, state] : decisions.states()) {
    if (!state.renamed_to.empty()) {
      rules.renamed.emplace(RunName(run), RunName(decisions.ShownAs(run)));
    }
    if (state.hidden) rules.hidden.insert(RunName(run));
    if (state.merge.has_value()) rules.merged.emplace(RunName(run), *state.merge);
  }
  return rules;
}

absl::StatusOr<RunDecisionLog::Outcome> RunDecider::Record(const RunDecision& decision,
                                                           const std::string& who) {
  absl::StatusOr<RunDecisionLog::Outcome> outcome =
      deps_.log->Decide(decision, who, deps_.clock->Wall());
  if (outcome.ok()) {
    if (outcome->changed) deps_.index->SetRules(RulesOf(*deps_.board->Get()));
    return outcome;
  }
  const absl::Status& status = outcome.status();
  if (absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status)) return status;
  if (absl::IsResourceExhausted(status)) {
    return absl::UnavailableError(
        absl::StrCat("the store cannot write it now: ", status.message()));
  }
  deps_.on_fatal(status);
  return absl::UnavailableError(absl::StrCat("the store failed: ", status.message()));
}

absl::StatusOr<RunDecisionLog::Outcome> RunDecider::Decide(const RunDecision& decision,
                                                           const std::string& who) {
  {
    MutexLock lock(&mu_);
    if (waiting_ >= options_.waiting_max) {
      return absl::UnavailableError("another decision is being written; try again");
    }
    ++waiting_;
  }
  auto pending = std::make_shared<Pending>();
  deps_.commit->Post([this, pending, decision, who] {
    absl::StatusOr<RunDecisionLog::Outcome> outcome = Record(decision, who);
    MutexLock lock(&pending->mu);
    pending->answer = std::move(outcome);
    pending->answered.SignalAll();
  });
  std::optional<absl::StatusOr<RunDecisionLog::Outcome>> answer;
  const absl::Duration deadline = deps_.clock->Monotonic() + options_.wait_max;
  {
    MutexLock lock(&pending->mu);
    while (!pending->answer.has_value()) {
      const absl::Duration left = deadline - deps_.clock->Monotonic();
      if (left <= absl::ZeroDuration()) break;
      pending->answered.WaitFor(&pending->mu, left);
    }
    answer = pending->answer;
  }
  MutexLock lock(&mu_);
  --waiting_;
  if (answer.has_value()) return *std::move(answer);
  return absl::UnavailableError(absl::StrCat("the store has not written it within ",
                                             absl::FormatDuration(options_.wait_max),
                                             "; it may still do so"));
}

}  // namespace tributary
