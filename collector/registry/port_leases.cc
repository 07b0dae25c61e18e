#include "collector/registry/port_leases.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "collector/registry/row_seal.h"
#include "common/status_macros.h"

namespace tributary {
namespace {

constexpr char kOwnService[] = "collector";
constexpr size_t kServiceBytesMax = 63;

bool IsServiceName(absl::string_view name) {
  if (name.empty() || name.size() > kServiceBytesMax || absl::StrContains(name, "--")) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  });
}

// Whether `held` is `claimed` or `claimed~N`.
bool IsNameFor(absl::string_view held, absl::string_view claimed) {
  if (held == claimed) return true;
  uint32_t number = 0;
  return absl::ConsumePrefix(&held, claimed) && absl::ConsumePrefix(&held, "~") &&
         absl::SimpleAtoi(held, &number) && number >= 2 && held == absl::StrCat(number);
}

// For people who want to know what it was.
void SetAside(const RegistryEntry& entry, RegistryTransaction* repairs) {
  repairs->deletes.push_back(entry.key);
  repairs->puts.push_back({absl::StrCat("damaged/", entry.key), entry.value});
}

}  // namespace

absl::StatusOr<std::unique_ptr<PortLeases>> PortLeases::Open(const Options& options,
                                                             Registry* registry, Clock* clock) {
  auto leases = std::unique_ptr<PortLeases>(new PortLeases(options, registry, clock));
  RETURN_IF_ERROR(leases->Load());
  return leases;
}

absl::Status PortLeases::Load() {
  RETURN_IF_ERROR(LoadLeases());
  RETURN_IF_ERROR(LoadNumbers());
  const absl::Status repaired = Repair();
  // A full disk must not keep the collector from serving: before the next change, then.
  return absl::IsResourceExhausted(repaired) ? absl::OkStatus() : repaired;
}

absl::Status PortLeases::Repair() {
  if (repairs_.puts.empty() && repairs_.deletes.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(registry_->Commit(repairs_));
  repairs_ = {};
  return absl::OkStatus();
}

absl::Status PortLeases::LoadLeases() {
  const absl::Duration now = clock_->Monotonic();
  ASSIGN_OR_RETURN(const std::vector<RegistryEntry> rows, registry_->List(kLeasePrefix));
  for (const RegistryEntry& entry : rows) {
    auto parsed = ParseLeaseEntry(entry);
    if (!parsed.ok()) {
      SetAside(entry, &repairs_);
      continue;
    }
    auto& [key, row] = *parsed;
    if (row.process.empty()) {
      // An earlier self, which is no more.
      repairs_.deletes.push_back(entry.key);
      repairs_.deletes.push_back(PortKey(row.port));
      continue;
    }
    Lease lease;
    // As if it had just been renewed: what its process believes is not known.
    lease.expires_at = now + options_.lease;
    lease.reserved_until = now;
    if (row.stale_since.has_value()) {
      const absl::Duration left = *row.stale_since + options_.reservation - clock_->Wall();
      lease.reserved_until += std::clamp(left, absl::ZeroDuration(), options_.reservation);
    }
    if (row.port != 0) by_port_[row.port].insert(key);
    lease.row = std::move(row);
    lease.stored = entry.value;
    leases_.emplace(std::move(key), std::move(lease));
  }
  return absl::OkStatus();
}

absl::Status PortLeases::LoadNumbers() {
  const absl::Duration kept_until = clock_->Monotonic() + options_.lease;
  ASSIGN_OR_RETURN(const std::vector<RegistryEntry> ports, registry_->List(kPortPrefix));
  for (const RegistryEntry& entry : ports) {
    if (absl::c_linear_search(repairs_.deletes, entry.key)) continue;
    auto parsed = ParsePortEntry(entry);
    if (!parsed.ok()) {
      SetAside(entry, &repairs_);
      continue;
    }
    auto& [port, owner] = *parsed;
    const auto holders = by_port_.find(port);
    // Without a lease it is kept; with leases it is one of theirs.
    if (holders != by_port_.end() && !holders->second.contains(owner)) continue;
    numbers_[port] = {.owner = std::move(owner), .stored = entry.value, .kept_until = kept_until};
  }
  for (const auto& [port, holders] : by_port_) {
    if (numbers_.contains(port)) continue;
    const RegistryEntry entry = MakePortEntry(port, *holders.begin());
    numbers_[port] = {.owner = *holders.begin(), .stored = entry.value, .kept_until = kept_until};
    std::erase(repairs_.deletes, entry.key);
    repairs_.puts.push_back(entry);
  }
  return absl::OkStatus();
}

// What holds.

bool PortLeases::HasRunOut(const Lease& lease) const {
  return !lease.own && clock_->Monotonic() >= lease.expires_at;
}

bool PortLeases::IsHeld(const Lease& lease) const {
  if (lease.own) return true;
  // Without a session and not stale: the collector restarted, and its process may come back.
  return !HasRunOut(lease) && (lease.session != 0 || !lease.row.stale_since.has_value());
}

bool PortLeases::IsFree(uint16_t port, const LeaseKey& key) const {
  const auto holders = by_port_.find(port);
  if (holders != by_port_.end()) {
    for (const LeaseKey& holder : holders->second) {
      if (holder != key) return false;
    }
  }
  const auto number = numbers_.find(port);
  return number == numbers_.end() || number->second.owner == key ||
         clock_->Monotonic() >= number->second.kept_until;
}

const LeaseKey* PortLeases::FindOf(const Process& process, uint32_t claim_id) const {
  for (auto it = leases_.lower_bound({process.node, ""});
       it != leases_.end() && it->first.first == process.node; ++it) {
    const Lease& lease = it->second;
    if (!lease.own && lease.row.process == process.nonce && lease.row.claim_id == claim_id) {
      return &it->first;
    }
  }
  return nullptr;
}

PortLeases::Entry* PortLeases::Find(uint64_t session, uint32_t claim_id) {
  for (Entry& entry : leases_) {
    const Lease& lease = entry.second;
    if (lease.session == session && session != 0 && lease.row.claim_id == claim_id) return &entry;
  }
  return nullptr;
}

// Choices.

std::optional<PortLeases::Refusal> PortLeases::Check(const Claim& claim) const {
  if (!IsServiceName(claim.service)) {
    return Refusal{RefusalReason::kName,
                   absl::StrCat("'", claim.service,
                                "' is no service name: 1 to 63 letters, digits, '.', '_', '-', "
                                "without \"--\"")};
  }
  if (claim.range_first > claim.range_last) {
    return Refusal{RefusalReason::kLimit, absl::StrCat("the range ", claim.range_first, "-",
                                                       claim.range_last, " has no numbers")};
  }
  if (claim.fixed && claim.wish == 0) {
    return Refusal{RefusalReason::kLimit, "a fixed number is wanted, but none is named"};
  }
  return std::nullopt;
}

std::string PortLeases::ChooseName(const Process& process, const Claim& claim) const {
  const auto is_usable = [&](const std::string& name) {
    const auto it = leases_.find({process.node, name});
    return it == leases_.end() || !IsHeld(it->second);
  };
  if (IsNameFor(claim.held_service, claim.service) && is_usable(claim.held_service)) {
    return claim.held_service;
  }
  // What runs on when its process starts again, as when the agent that found it does.
  if (claim.listens_on != 0) {
    for (auto it = leases_.lower_bound({process.node, claim.service});
         it != leases_.end() && it->first.first == process.node; ++it) {
      const auto& [key, lease] = *it;
      if (IsNameFor(key.second, claim.service) && lease.row.port == claim.listens_on &&
          is_usable(key.second)) {
        return key.second;
      }
    }
  }
  if (is_usable(claim.service)) return claim.service;
  for (int n = 2;; ++n) {
    std::string name = absl::StrCat(claim.service, "~", n);
    if (is_usable(name)) return name;
  }
}

const LeaseKey* PortLeases::FindListener(const LeaseKey& key, uint16_t port) const {
  const auto holders = by_port_.find(port);
  if (holders == by_port_.end()) return nullptr;
  for (const LeaseKey& holder : holders->second) {
    if (holder != key && holder.first == key.first && IsHeld(leases_.at(holder))) return &holder;
  }
  return nullptr;
}

const LeaseKey* PortLeases::FindEvicted(const LeaseKey& key, uint16_t first, uint16_t last,
                                        const Claim& claim) const {
  const LeaseKey* oldest = nullptr;
  absl::Duration oldest_until;
  for (auto it = by_port_.lower_bound(first); it != by_port_.end() && it->first <= last; ++it) {
    const auto& [port, holders] = *it;
    // Where two listen, at least one of them is no reservation only.
    if (holders.size() != 1 || *holders.begin() == key || claim.taken.contains(port)) continue;
    const LeaseKey& holder = *holders.begin();
    const Lease& lease = leases_.at(holder);
    if (IsHeld(lease) || !HasRunOut(lease)) continue;
    if (oldest == nullptr || lease.reserved_until < oldest_until) {
      oldest = &holder;
      oldest_until = lease.reserved_until;
    }
  }
  return oldest;
}

PortLeases::Choice PortLeases::ChooseNumber(const LeaseKey& key, bool same_process,
                                            const Claim& claim) const {
  if (claim.listens_on != 0) return {.port = claim.listens_on};
  const auto is_good = [&](uint16_t port) {
    return port != 0 && !claim.taken.contains(port) && IsFree(port, key);
  };
  const auto present = leases_.find(key);
  const uint16_t had = present == leases_.end() ? uint16_t{0} : present->second.row.port;
  const auto evict = [&](uint16_t first, uint16_t last) -> std::optional<Choice> {
    const LeaseKey* const evicted = FindEvicted(key, first, last, claim);
    if (evicted == nullptr) return std::nullopt;
    return Choice{.port = leases_.at(*evicted).row.port, .evicted = *evicted};
  };
  if (same_process && is_good(had) && (!claim.fixed || had == claim.wish)) return {.port = had};
  if (is_good(claim.wish)) return {.port = claim.wish};
  if (claim.fixed) {
    return evict(claim.wish, claim.wish).value_or(Choice{.fixed_is_taken = true});
  }
  if (is_good(had)) return {.port = had};
  const bool own_range = claim.range_first == 0;
  const uint16_t first = own_range ? options_.range_first : claim.range_first;
  const uint16_t last = own_range ? options_.range_last : claim.range_last;
  for (int port = first; port <= last; ++port) {
    if (is_good(static_cast<uint16_t>(port))) return {.port = static_cast<uint16_t>(port)};
  }
  return evict(first, last).value_or(Choice{.out_of_range = true});
}

LeaseRow PortLeases::MakeRow(const Process& process, const Claim& claim, uint16_t port) {
  LeaseRow row;
  row.claimed = claim.service;
  row.port = port;
  row.wish = claim.wish;
  row.wish_taken_on_node = claim.taken.contains(claim.wish);
  row.mode = claim.mode;
  row.command = claim.command;
  row.user = claim.user;
  row.found = claim.found;
  row.base_path = claim.base_path;
  row.pid = claim.pid != 0 ? claim.pid : process.pid;
  row.process = process.nonce;
  row.claim_id = claim.id;
  return row;
}

absl::StatusOr<PortLeases::Answer> PortLeases::Take(const Process& process, const Claim& claim,
                                                    absl::Duration received_at) {
  if (std::optional<Refusal> refusal = Check(claim)) return *std::move(refusal);
  const LeaseKey* const mine = FindOf(process, claim.id);
  if (mine != nullptr && leases_.at(*mine).row.claimed != claim.service) {
    return Refusal{RefusalReason::kName,
                   absl::StrCat("claim ", claim.id, " is for ", mine->second, " already")};
  }
  const LeaseKey key = mine != nullptr ? *mine : LeaseKey(process.node, ChooseName(process, claim));
  const auto present = leases_.find(key);
  if (present == leases_.end() && leases_.size() >= options_.leases_max) {
    return Refusal{RefusalReason::kLimit, absl::StrCat("the collector has ", leases_.size(),
                                                       " leases, and takes no more")};
  }
  const Choice choice = ChooseNumber(key, mine != nullptr, claim);
  if (choice.fixed_is_taken) {
    const std::string holder = DescribeHolder(claim.wish, key);
    return Refusal{RefusalReason::kPortTaken,
                   absl::StrCat("port ", claim.wish, " is held by ",
                                holder.empty() ? "another program of the node" : holder)};
  }
  const LeaseKey* const listener = FindListener(key, choice.port);
  if (claim.found && listener != nullptr) {
    return Refusal{RefusalReason::kRegistered, absl::StrCat("port ", choice.port, " is that of ",
                                                            Describe(*listener), " already")};
  }

  LeaseRow row = MakeRow(process, claim, choice.port);
  row.since = mine != nullptr ? present->second.row.since : clock_->Wall();
  Edit edit;
  if (choice.evicted.has_value()) edit.leases[*choice.evicted] = std::nullopt;
  Lost former = {0, 0};
  if (mine == nullptr && present != leases_.end()) {
    edit.kept[present->second.row.port] = present->second.expires_at;
    former = {present->second.session, present->second.row.claim_id};
  }
  // Whoever asked for it comes before who came upon it.
  Lost finder = {0, 0};
  if (listener != nullptr && leases_.at(*listener).row.found) {
    finder = {leases_.at(*listener).session, leases_.at(*listener).row.claim_id};
    edit.leases[*listener] = std::nullopt;
  }
  edit.leases[key] = std::move(row);
  RETURN_IF_ERROR(Commit(edit));
  // The former ran out since the last Tick.
  for (const Lost& lost : {former, finder}) {
    if (lost.session != 0) lost_.push_back(lost);
  }

  Lease& lease = leases_.at(key);
  lease.listening = false;
  lease.session = process.session;
  lease.expires_at = received_at + options_.lease;
  lease.unsaved = false;
  return Grant{.service = key.second,
               .port = choice.port,
               .out_of_range = choice.out_of_range,
               .conflict = ConflictLine(key)};
}

absl::StatusOr<PortLeases::ListeningAnswer> PortLeases::Listening(uint64_t session,
                                                                  uint32_t claim_id,
                                                                  uint16_t port) {
  Entry* const entry = Find(session, claim_id);
  if (entry == nullptr || !IsHeld(entry->second)) return ListeningAnswer::kLost;
  Lease& lease = entry->second;
  if (lease.row.port == 0 && port != 0) {
    Edit edit;
    LeaseRow row = lease.row;
    row.port = port;
    edit.leases[entry->first] = std::move(row);
    RETURN_IF_ERROR(Commit(edit));
  }
  if (lease.row.port != port) return ListeningAnswer::kOtherPort;
  lease.listening = true;
  ++version_;
  return ListeningAnswer::kLive;
}

std::vector<PortLeases::Lost> PortLeases::Renew(uint64_t session, absl::Duration received_at) {
  for (auto& [key, lease] : leases_) {
    if (lease.session != session || session == 0) continue;
    if (received_at < lease.expires_at) {
      lease.expires_at = std::max(lease.expires_at, received_at + options_.lease);
    } else {
      Lose(&lease);
    }
  }
  std::vector<Lost> lost;
  const auto is_of_session = [session](const Lost& one) { return one.session == session; };
  std::copy_if(lost_.begin(), lost_.end(), std::back_inserter(lost), is_of_session);
  std::erase_if(lost_, is_of_session);
  return lost;
}

absl::Status PortLeases::Release(uint64_t session, uint32_t claim_id) {
  Entry* const entry = Find(session, claim_id);
  if (entry == nullptr) return absl::OkStatus();
  Edit edit;
  edit.leases[entry->first] = std::nullopt;
  absl::Status status = Commit(edit);
  if (!status.ok()) MakeStale(&entry->second);
  return status;
}

void PortLeases::MakeStale(Lease* lease) {
  lease->session = 0;
  lease->listening = false;
  lease->row.stale_since = clock_->Wall();
  lease->reserved_until = clock_->Monotonic() + options_.reservation;
  lease->unsaved = true;
  ++version_;
}

void PortLeases::Lose(Lease* lease) {
  if (lease->session != 0) lost_.push_back({lease->session, lease->row.claim_id});
  MakeStale(lease);
}

void PortLeases::SessionLost(uint64_t session) {
  for (auto& [key, lease] : leases_) {
    if (lease.session == session && session != 0) MakeStale(&lease);
  }
}

absl::Status PortLeases::HoldOwn(const std::string& node, uint16_t port, int64_t pid) {
  LeaseRow row;  // The only one without a process's nonce.
  row.claimed = kOwnService;
  row.port = port;
  row.pid = pid;
  row.command = "tributary-collector";
  row.since = clock_->Wall();
  own_.leases = {{{node, kOwnService}, std::move(row)}};
  return HoldOwn();
}

absl::Status PortLeases::HoldOwn() {
  if (own_.leases.empty()) return absl::OkStatus();
  const LeaseKey key = own_.leases.begin()->first;
  const absl::Status committed = Commit(own_);
  if (absl::IsResourceExhausted(committed)) return committed;
  own_.leases.clear();
  RETURN_IF_ERROR(committed);
  Lease& lease = leases_.at(key);
  lease.own = true;
  lease.listening = true;
  lease.session = 0;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PortLeases::Lost>> PortLeases::Tick() {
  const absl::Duration now = clock_->Monotonic();
  Edit edit;
  for (auto& [key, lease] : leases_) {
    if (lease.own) continue;
    if (now >= lease.expires_at && !lease.row.stale_since.has_value()) {
      Lose(&lease);
    }
    if (lease.row.stale_since.has_value() && now >= lease.reserved_until) {
      edit.leases[key] = std::nullopt;
    } else if (lease.unsaved) {
      edit.leases[key] = lease.row;
    }
  }
  for (const auto& [port, number] : numbers_) {
    if (now >= number.kept_until && !by_port_.contains(port)) edit.freed.insert(port);
  }
  RETURN_IF_ERROR(Commit(edit));
  for (auto& [key, lease] : leases_) lease.unsaved = false;
  RETURN_IF_ERROR(HoldOwn());
  return std::exchange(lost_, {});
}

// The registry.

std::set<LeaseKey> PortLeases::HoldersAfter(uint16_t port, const Edit& edit) const {
  std::set<LeaseKey> holders;
  if (const auto it = by_port_.find(port); it != by_port_.end()) holders = it->second;
  for (const auto& [key, row] : edit.leases) {
    if (row.has_value() && row->port == port) {
      holders.insert(key);
    } else {
      holders.erase(key);
    }
  }
  return holders;
}

std::optional<PortLeases::Number> PortLeases::PlanNumber(uint16_t port, const Edit& edit,
                                                         RegistryTransaction* out) const {
  const auto present = numbers_.find(port);
  const Number* const before = present == numbers_.end() ? nullptr : &present->second;
  const std::set<LeaseKey> holders = HoldersAfter(port, edit);
  Number number;
  if (before != nullptr) number = *before;
  if (const auto kept = edit.kept.find(port); kept != edit.kept.end()) {
    number.kept_until = std::max(number.kept_until, kept->second);
  }
  if (!holders.empty() && !holders.contains(number.owner)) number.owner = *holders.begin();
  std::optional<Number> after;
  if (!holders.empty() || clock_->Monotonic() < number.kept_until) after = std::move(number);
  if (after.has_value()) after->stored = MakePortEntry(port, after->owner).value;

  const std::optional<std::string> had =
      before == nullptr ? std::nullopt : std::optional(before->stored);
  const std::optional<std::string> has =
      after.has_value() ? std::optional(after->stored) : std::nullopt;
  out->expect.push_back({PortKey(port), had});
  if (had == has) return after;
  if (has.has_value()) {
    out->puts.push_back({PortKey(port), *has});
  } else {
    out->deletes.push_back(PortKey(port));
  }
  return after;
}

absl::Status PortLeases::Commit(const Edit& edit) {
  // Before what counts on them.
  RETURN_IF_ERROR(Repair());
  if (edit.leases.empty() && edit.freed.empty()) return absl::OkStatus();
  RegistryTransaction transaction;
  std::set<uint16_t> touched = edit.freed;
  for (const auto& [key, row] : edit.leases) {
    const auto present = leases_.find(key);
    RegistryTransaction::Expectation expectation{.key = LeaseRowKey(key), .value = std::nullopt};
    if (present != leases_.end()) {
      expectation.value = present->second.stored;
      touched.insert(present->second.row.port);
    }
    transaction.expect.push_back(std::move(expectation));
    if (row.has_value()) {
      transaction.puts.push_back(MakeLeaseEntry(key, *row));
      touched.insert(row->port);
    } else if (present != leases_.end()) {
      transaction.deletes.push_back(LeaseRowKey(key));
    }
  }
  touched.erase(0);
  std::map<uint16_t, std::optional<Number>> numbers;
  for (const uint16_t port : touched) numbers[port] = PlanNumber(port, edit, &transaction);
  RETURN_IF_ERROR(registry_->Commit(transaction));

  for (const uint16_t port : touched) {
    std::set<LeaseKey> holders = HoldersAfter(port, edit);
    if (holders.empty()) {
      by_port_.erase(port);
    } else {
      by_port_[port] = std::move(holders);
    }
  }
  for (auto& [port, number] : numbers) {
    if (number.has_value()) {
      numbers_.insert_or_assign(port, *std::move(number));
    } else {
      numbers_.erase(port);
    }
  }
  for (const auto& [key, row] : edit.leases) {
    if (!row.has_value()) {
      leases_.erase(key);
      continue;
    }
    Lease& lease = leases_[key];
    lease.row = *row;
    lease.stored = MakeLeaseEntry(key, *row).value;
  }
  ++version_;
  return absl::OkStatus();
}

}  // namespace tributary
