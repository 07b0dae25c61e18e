// The part of PortLeases that people read.
#include "absl/strings/str_cat.h"
#include "collector/registry/port_leases.h"

namespace tributary {

std::string PortLeases::Describe(const LeaseKey& key) const {
  const Lease& lease = leases_.at(key);
  std::string text = absl::StrCat(LeaseName(key), " (pid ", lease.row.pid);
  if (!lease.row.user.empty()) absl::StrAppend(&text, ", ", lease.row.user);
  if (lease.session == 0 && !lease.own) absl::StrAppend(&text, ", away");
  return text + ")";
}

std::string PortLeases::DescribeHolder(uint16_t port, const LeaseKey& besides) const {
  if (const auto holders = by_port_.find(port); holders != by_port_.end()) {
    for (const LeaseKey& holder : holders->second) {
      if (holder != besides) return Describe(holder);
    }
  }
  const auto number = numbers_.find(port);
  if (number == numbers_.end() || number->second.owner == besides) return "";
  return absl::StrCat(LeaseName(number->second.owner), " (an earlier process)");
}

std::string PortLeases::ConflictLine(const LeaseKey& key) const {
  std::vector<ConflictStatus> conflicts;
  AddConflicts(key, &conflicts);
  if (conflicts.empty()) return "";
  const ConflictStatus& first = conflicts.front();
  return absl::StrCat("port ", first.wanted, " is held by ", first.holders.front(), ": ",
                      first.resolution);
}

void PortLeases::AddConflicts(const LeaseKey& key, std::vector<ConflictStatus>* out) const {
  const Lease& lease = leases_.at(key);
  const LeaseRow& row = lease.row;
  if (!IsHeld(lease)) return;
  if (row.wish != 0 && row.wish != row.port) {
    std::string holder = DescribeHolder(row.wish, key);
    if (holder.empty() && row.wish_taken_on_node) {
      holder = absl::StrCat("a program on ", key.first, " that is not registered");
    }
    if (!holder.empty()) {
      out->push_back({"port",
                      absl::StrCat(row.wish),
                      {std::move(holder), Describe(key)},
                      row.port == 0 ? absl::StrCat(LeaseName(key), " looks for a free one")
                                    : absl::StrCat(LeaseName(key), " has ", row.port)});
    }
  }
  if (row.port == 0) return;
  const LeaseKey& owner = numbers_.at(row.port).owner;
  if (owner == key) return;
  out->push_back({"port",
                  absl::StrCat(row.port),
                  {Describe(owner), Describe(key)},
                  "both listen there, each on its own node: open them by name"});
}

std::shared_ptr<const ServiceSnapshot> PortLeases::Snapshot() const {
  auto snapshot = std::make_shared<ServiceSnapshot>();
  for (const auto& [key, lease] : leases_) {
    AddConflicts(key, &snapshot->conflicts);
    if (lease.own) continue;  // Whoever asks is there already.
    ServiceStatus status;
    status.node = key.first;
    status.service = key.second;
    status.port = lease.row.port;
    status.mode = lease.row.mode;
    status.state = ServiceState::kStale;
    if (lease.session != 0 && IsHeld(lease)) {
      status.state = lease.listening ? ServiceState::kLive : ServiceState::kStarting;
    }
    status.base_path = lease.row.base_path;
    status.command = lease.row.command;
    status.user = lease.row.user;
    status.pid = lease.row.pid;
    status.since = lease.row.since;
    status.away_since = lease.row.stale_since.value_or(opened_at_);
    status.session = lease.session;
    snapshot->services.emplace(key, std::move(status));
  }
  return snapshot;
}

}  // namespace tributary
