#include "collector/registry/node_presence.h"

#include <atomic>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tributary {
namespace {

// Longer ago than any sign of life may be, and far from an overflow.
constexpr int64_t kNever = std::numeric_limits<int64_t>::min() / 2;

}  // namespace

struct NodeHold::State {
  NodePresence* presence;
  NodePresence::Wish wish;
  std::string name;
  // On the monotonic clock. Synchronised by themselves.
  std::atomic<int64_t> heard_nanos;
  std::atomic<int64_t> probed_nanos{kNever};
};

bool IsSameMachine(const Machine& a, const Machine& b) {
  if (!a.boot_id.empty() && !b.boot_id.empty()) return a.boot_id == b.boot_id;
  if (!a.machine_id.empty() && !b.machine_id.empty()) return a.machine_id == b.machine_id;
  return a.boot_id.empty() && b.boot_id.empty() && a.machine_id.empty() && b.machine_id.empty();
}

NodeHold& NodeHold::operator=(NodeHold&& other) noexcept {
  if (this != &other) {
    Reset();
    state_ = std::move(other.state_);
  }
  return *this;
}

const std::string& NodeHold::name() const {
  static const std::string* const kNone = new std::string();
  return state_ == nullptr ? *kNone : state_->name;
}

void NodeHold::Heard(absl::Duration now) {
  if (state_ != nullptr) state_->heard_nanos.store(absl::ToInt64Nanoseconds(now));
}

void NodeHold::Reset() {
  if (state_ == nullptr) return;
  state_->presence->Leave(state_.get());
  state_.reset();
}

void NodePresence::Leave(const NodeHold::State* state) {
  MutexLock lock(&mu_);
  const auto [begin, end] = here_.equal_range(state->name);
  for (auto it = begin; it != end; ++it) {
    if (it->second.get() != state) continue;
    here_.erase(it);
    return;
  }
}

std::optional<std::string> NodePresence::NameOf(const Wish& wish) const {
  MutexLock lock(&mu_);
  for (const auto& [name, state] : here_) {
    if (state->wish.name == wish.name && IsSameMachine(state->wish.machine, wish.machine)) {
      return name;
    }
  }
  return std::nullopt;
}

NodePresence::Others NodePresence::FindOthers(absl::string_view name, const Wish& wish, Proof proof,
                                              absl::Duration now) const {
  std::vector<std::shared_ptr<NodeHold::State>> others;
  {
    MutexLock lock(&mu_);
    const auto [begin, end] = here_.equal_range(name);
    for (auto it = begin; it != end; ++it) {
      const Wish& other = it->second->wish;
      if (IsSameMachine(other.machine, wish.machine)) continue;
      if (wish.kind == Kind::kAgent && other.kind == Kind::kAgent) continue;
      others.push_back(it->second);
    }
  }
  Others found = Others::kNone;
  for (const std::shared_ptr<NodeHold::State>& other : others) {
    const absl::Duration heard = absl::Nanoseconds(other->heard_nanos.load());
    const absl::Duration probed = absl::Nanoseconds(other->probed_nanos.load());
    const bool must_answer = proof == Proof::kAnswer && other->wish.kind == Kind::kAgent;
    if (must_answer ? heard >= probed && now - probed <= sign_of_life_
                    : now - heard <= sign_of_life_) {
      return Others::kLive;
    }
    if (heard >= probed) {
      other->probed_nanos.store(absl::ToInt64Nanoseconds(now));
      if (other->wish.probe != nullptr) other->wish.probe();
      found = Others::kUnknown;
    } else if (now - probed <= sign_of_life_) {
      found = Others::kUnknown;
    }
    // Else it was asked, did not answer in time, and is taken for dead.
  }
  return found;
}

absl::StatusOr<std::string> NodePresence::NameFor(const Wish& wish, Proof proof,
                                                  const Assign& assign, absl::Duration now) {
  const auto asked = [](absl::string_view name) {
    return absl::UnavailableError(
        absl::StrCat("another machine was node ", name,
                     " a moment ago; it is being asked whether it lives: try again"));
  };
  if (std::optional<std::string> known = NameOf(wish); known.has_value()) return *std::move(known);
  const Others others = FindOthers(wish.name, wish, proof, now);
  if (others == Others::kUnknown) return asked(wish.name);
  ASSIGN_OR_RETURN(std::string name, assign(wish.name, wish.machine,
                                            wish.is_live_elsewhere || others == Others::kLive));
  if (name == wish.name) return name;
  switch (FindOthers(name, wish, proof, now)) {
    case Others::kNone:
      break;
    case Others::kUnknown:
      return asked(name);
    case Others::kLive:
      return absl::AlreadyExistsError(absl::StrCat(
          "another live machine is node ", name, " and the two cannot be told apart: give --node"));
  }
  return name;
}

absl::StatusOr<NodeHold> NodePresence::Enter(Wish wish, const Assign& assign, absl::Duration now) {
  ASSIGN_OR_RETURN(std::string name, NameFor(wish, Proof::kRecentWord, assign, now));
  auto state = std::make_shared<NodeHold::State>();
  state->presence = this;
  state->wish = std::move(wish);
  state->name = name;
  state->heard_nanos.store(absl::ToInt64Nanoseconds(now));
  MutexLock lock(&mu_);
  here_.emplace(std::move(name), state);
  return NodeHold(std::move(state));
}

absl::StatusOr<std::string> NodePresence::Foresee(std::string name, Machine machine,
                                                  const Assign& choose, absl::Duration now) {
  // As the kind that looks at all others itself.
  return NameFor({.name = std::move(name), .machine = std::move(machine), .kind = Kind::kService},
                 Proof::kAnswer, choose, now);
}

}  // namespace tributary
