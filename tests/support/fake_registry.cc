#include "tests/support/fake_registry.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tributary {

void FakeRegistry::FailCommit(Fate fate, int passing) {
  script_ = [fate, passing](const RegistryTransaction&) mutable {
    return passing-- == 0 ? fate : Fate::kDurable;
  };
}

void FakeRegistry::Crash() {
  if (kept_at_crash_.has_value()) durable_ = *std::exchange(kept_at_crash_, std::nullopt);
  broken_ = absl::FailedPreconditionError("the registry is closed");
}

absl::StatusOr<std::optional<std::string>> FakeRegistry::Get(absl::string_view key) {
  RETURN_IF_ERROR(broken_);
  const auto found = durable_.find(std::string(key));
  if (found == durable_.end()) return std::optional<std::string>();
  return std::optional<std::string>(found->second);
}

absl::StatusOr<std::vector<RegistryEntry>> FakeRegistry::List(absl::string_view prefix) {
  RETURN_IF_ERROR(broken_);
  std::vector<RegistryEntry> entries;
  for (auto it = durable_.lower_bound(std::string(prefix));
       it != durable_.end() && absl::StartsWith(it->first, prefix); ++it) {
    entries.push_back({it->first, it->second});
  }
  return entries;
}

void FakeRegistry::Apply(const RegistryTransaction& transaction) {
  for (const std::string& key : transaction.deletes) durable_.erase(key);
  for (const RegistryEntry& entry : transaction.puts) durable_[entry.key] = entry.value;
}

absl::Status FakeRegistry::Commit(const RegistryTransaction& transaction) {
  RETURN_IF_ERROR(broken_);
  for (const RegistryTransaction::Expectation& expected : transaction.expect) {
    ASSIGN_OR_RETURN(const std::optional<std::string> value, Get(expected.key));
    if (value != expected.value) {
      return absl::AbortedError(absl::StrCat("registry: ", expected.key, " is not as expected"));
    }
  }
  ++commits_;
  const Fate fate = script_ ? script_(transaction) : Fate::kDurable;
  // The script may have pulled the plug.
  if (!broken_.ok() && fate == Fate::kDurable) return broken_;
  switch (fate) {
    case Fate::kDurable:
      Apply(transaction);
      return absl::OkStatus();
    case Fate::kNoSpace:
      return absl::ResourceExhaustedError("registry: no space");
    case Fate::kAppliedUnknown:
      Apply(transaction);
      break;
    case Fate::kLostUnknown:
      break;
  }
  broken_ = absl::FailedPreconditionError("the registry must be opened again");
  return absl::InternalError("registry: commit failed, outcome unknown");
}

}  // namespace tributary
