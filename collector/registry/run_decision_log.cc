#include "collector/registry/run_decision_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "collector/registry/row_seal.h"
#include "common/status_macros.h"
#include "tributary/store/v1/rows.pb.h"

namespace tributary {
namespace {

constexpr absl::string_view kRunPrefix = "run/";
constexpr absl::string_view kAuditPrefix = "audit/";

std::string RunKey(absl::string_view run) { return absl::StrCat(kRunPrefix, run); }
std::string AuditKey(uint64_t number) {
  return absl::StrCat(kAuditPrefix, absl::Hex(number, absl::kZeroPad16));
}

RegistryEntry MakeRunEntry(const std::string& run, const RunState& state) {
  store::v1::RunRow message;
  message.set_renamed_to(state.renamed_to);
  message.set_hidden(state.hidden);
  if (state.merge.has_value()) message.set_merge(*state.merge);
  return SealRow(RunKey(run), message.SerializeAsString());
}

absl::StatusOr<RunState> ParseRunEntry(const RegistryEntry& entry) {
  ASSIGN_OR_RETURN(const auto message, UnsealMessage<store::v1::RunRow>(entry));
  RunState state;
  state.renamed_to = message.renamed_to();
  state.hidden = message.hidden();
  if (message.has_merge()) state.merge = message.merge();
  return state;
}

RegistryEntry MakeAuditEntry(const AuditEntry& audit) {
  store::v1::AuditRow message;
  message.set_at_unix_nanos(absl::ToUnixNanos(audit.at));
  message.set_who(audit.who);
  message.set_action(audit.action);
  message.set_run(audit.run);
  message.set_from(audit.from);
  message.set_to(audit.to);
  return SealRow(AuditKey(audit.number), message.SerializeAsString());
}

absl::StatusOr<AuditEntry> ParseAuditEntry(const RegistryEntry& entry) {
  AuditEntry audit;
  absl::string_view number = entry.key;
  if (!absl::ConsumePrefix(&number, kAuditPrefix) || number.size() != 16 ||
      !absl::SimpleHexAtoi(number, &audit.number)) {
    return absl::DataLossError(absl::StrCat("registry row ", entry.key, " has no number"));
  }
  ASSIGN_OR_RETURN(const auto message, UnsealMessage<store::v1::AuditRow>(entry));
  audit.at = absl::FromUnixNanos(message.at_unix_nanos());
  audit.who = message.who();
  audit.action = message.action();
  audit.run = message.run();
  audit.from = message.from();
  audit.to = message.to();
  return audit;
}

}  // namespace

void AuditTrail::Add(AuditEntry entry) {
  MutexLock lock(&mu_);
  entries_.push_back(std::move(entry));
  if (entries_.size() > entries_max_) entries_.pop_front();
}

std::optional<uint64_t> AuditTrail::Overflow() const {
  MutexLock lock(&mu_);
  if (entries_.size() < entries_max_) return std::nullopt;
  return entries_.front().number;
}

std::vector<AuditEntry> AuditTrail::Newest(uint64_t before, size_t entries_max) const {
  MutexLock lock(&mu_);
  std::vector<AuditEntry> newest;
  for (auto entry = entries_.rbegin(); entry != entries_.rend() && newest.size() < entries_max;
       ++entry) {
    if (entry->number < before) newest.push_back(*entry);
  }
  return newest;
}

absl::StatusOr<std::unique_ptr<RunDecisionLog>> RunDecisionLog::Open(
    const Options& options, Registry* registry, RunDecisionBoard* board,
    std::vector<std::string>* problems) {
  auto log = std::unique_ptr<RunDecisionLog>(new RunDecisionLog(options, registry, board));
  ASSIGN_OR_RETURN(const std::vector<RegistryEntry> runs, registry->List(kRunPrefix));
  RunDecisions::States states;
  for (const RegistryEntry& entry : runs) {
    absl::StatusOr<RunState> state = ParseRunEntry(entry);
    if (state.ok()) {
      states.emplace(entry.key.substr(kRunPrefix.size()), *std::move(state));
    } else {
      problems->push_back(std::string(state.status().message()));
    }
  }
  board->Publish(std::make_shared<const RunDecisions>(std::move(states)));
  ASSIGN_OR_RETURN(const std::vector<RegistryEntry> audits, registry->List(kAuditPrefix));
  for (const RegistryEntry& entry : audits) {  // in the order of their numbers
    absl::StatusOr<AuditEntry> audit = ParseAuditEntry(entry);
    if (audit.ok()) {
      log->next_number_ = audit->number + 1;
      log->audit_.Add(*std::move(audit));
    } else {
      problems->push_back(std::string(audit.status().message()));
    }
  }
  return log;
}

absl::StatusOr<RunDecisionLog::Outcome> RunDecisionLog::Decide(const RunDecision& decision,
                                                               const std::string& who,
                                                               absl::Time now) {
  const std::shared_ptr<const RunDecisions> before = board_->Get();
  ASSIGN_OR_RETURN(const std::vector<RunDecisions::Change> changes, before->Decide(decision));
  if (changes.empty()) return Outcome{before->ShownAs(decision.run), false};
  auto after = std::make_shared<RunDecisions>(*before);
  after->Apply(changes);

  AuditEntry audit;
  audit.number = next_number_;
  audit.at = now;
  audit.who = who;
  audit.action = std::string(RunActionName(decision.action));
  audit.run = decision.run;
  audit.from = before->ShownAs(decision.run);
  audit.to = after->ShownAs(decision.run);
  RegistryTransaction transaction;
  for (const RunDecisions::Change& change : changes) {
    if (change.state == RunState()) {
      transaction.deletes.push_back(RunKey(change.run));
    } else {
      transaction.puts.push_back(MakeRunEntry(change.run, change.state));
    }
  }
  transaction.puts.push_back(MakeAuditEntry(audit));
  if (const std::optional<uint64_t> oldest = audit_.Overflow()) {
    transaction.deletes.push_back(AuditKey(*oldest));
  }
  const Outcome outcome = {audit.to, true};
  RETURN_IF_ERROR(registry_->Commit(transaction));
  ++next_number_;
  audit_.Add(std::move(audit));
  board_->Publish(std::move(after));
  return outcome;
}

}  // namespace tributary
