#include "collector/registry/run_decisions.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status_macros.h"
#include "common/utf8.h"

namespace tributary {
namespace {

constexpr std::array<std::pair<RunAction, absl::string_view>, 5> kActions = {{
    {RunAction::kRename, "rename"},
    {RunAction::kHide, "hide"},
    {RunAction::kShow, "show"},
    {RunAction::kMerge, "merge"},
    {RunAction::kSplit, "split"},
}};

absl::Status CheckName(absl::string_view key, absl::string_view name) {
  const auto bad = [key, name](absl::string_view reason) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", key, "\" ", reason, ": \"", name.substr(0, 80), "\""));
  };
  if (name.empty()) return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" is empty"));
  if (name.size() > kRunNameBytesMax) {
    return bad(absl::StrCat("has ", name.size(), " bytes, at most ", kRunNameBytesMax, " allowed"));
  }
  if (ValidUtf8(name) != name) return bad("is no UTF-8");
  for (const absl::string_view component : absl::StrSplit(name, '/')) {
    if (component.empty()) return bad("has a '/' at its start, at its end, or two in a row");
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view RunActionName(RunAction action) {
  for (const auto& [known, name] : kActions) {
    if (known == action) return name;
  }
  return "";
}

std::optional<RunAction> ParseRunAction(absl::string_view name) {
  for (const auto& [action, known] : kActions) {
    if (known == name) return action;
  }
  return std::nullopt;
}

RunState RunDecisions::StateOf(absl::string_view run) const {
  const auto found = states_.find(run);
  return found == states_.end() ? RunState() : found->second;
}

std::string RunDecisions::ShownAs(absl::string_view run) const {
  absl::string_view name = run;
  for (size_t steps = 0; steps <= states_.size(); ++steps) {
    const auto found = states_.find(name);
    if (found == states_.end() || found->second.renamed_to.empty()) return std::string(name);
    name = found->second.renamed_to;
  }
  return std::string(run);
}

absl::StatusOr<RunDecisions::States> RunDecisions::Rename(const RunDecision& decision) const {
  RETURN_IF_ERROR(CheckName("to", decision.to));
  const std::string& run = decision.run;
  const std::string& to = decision.to;
  RunState from = StateOf(run);
  States states;
  if (to == run) {
    if (from.renamed_to.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"to\" is the name that it has: \"", to, "\""));
    }
    // It gets its own name back.
    from.renamed_to.clear();
    states[run] = from;
    return states;
  }
  RunState target = StateOf(to);
  if (!target.renamed_to.empty()) {
    // Names that lead to `run` may be given back to it: the chain then ends there.
    bool leads_here = false;
    absl::string_view name = to;
    for (size_t steps = 0; steps <= states_.size() && !leads_here; ++steps) {
      const auto found = states_.find(name);
      if (found == states_.end() || found->second.renamed_to.empty()) break;
      name = found->second.renamed_to;
      leads_here = name == run;
    }
    if (!leads_here) {
      return absl::FailedPreconditionError(absl::StrCat(
          "\"", to, "\" is a former name of \"", ShownAs(to),
          "\" and stands for it: choose another, or rename \"", to, "\" to \"", to, "\" first"));
    }
    target = RunState();
  }
  if (!decision.to_exists && target == RunState()) {
    target.hidden = from.hidden;
    target.merge = from.merge;
  }
  from = RunState();
  from.renamed_to = to;
  states[run] = from;
  states[to] = target;
  return states;
}

absl::StatusOr<std::vector<RunDecisions::Change>> RunDecisions::Decide(
    const RunDecision& decision) const {
  RETURN_IF_ERROR(CheckName("run", decision.run));
  States states;
  if (decision.action == RunAction::kRename) {
    ASSIGN_OR_RETURN(states, Rename(decision));
  } else {
    std::string run = ShownAs(decision.run);
    RunState state = StateOf(run);
    switch (decision.action) {
      case RunAction::kHide:
      case RunAction::kShow:
        state.hidden = decision.action == RunAction::kHide;
        break;
      default:
        state.merge = decision.action == RunAction::kMerge;
    }
    states[std::move(run)] = state;
  }
  std::vector<Change> changes;
  size_t added = 0;
  for (auto& [run, state] : states) {
    if (state == StateOf(run)) continue;
    added += states_.contains(run) ? 0 : 1;
    changes.push_back({run, std::move(state)});
  }
  if (added > 0 && states_.size() + added > kRunDecisionsMax) {
    return absl::FailedPreconditionError(absl::StrCat("decisions are kept of ", states_.size(),
                                                      " names, at most ", kRunDecisionsMax,
                                                      " allowed: undo some"));
  }
  return changes;
}

void RunDecisions::Apply(const std::vector<Change>& changes) {
  for (const Change& change : changes) {
    if (change.state == RunState()) {
      states_.erase(change.run);
    } else {
      states_[change.run] = change.state;
    }
  }
}

}  // namespace tributary
