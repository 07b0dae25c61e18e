// One lease of a number, and how it stands in the registry.
//
//   lease/<node>/<service>   the lease
//   port/<number>            "<node>/<service>" of the lease that owns the number
#ifndef TRIBUTARY_COLLECTOR_REGISTRY_LEASE_ROW_H_
#define TRIBUTARY_COLLECTOR_REGISTRY_LEASE_ROW_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "collector/registry/registry.h"
#include "collector/registry/service_board.h"

namespace tributary {

inline constexpr char kLeasePrefix[] = "lease/";
inline constexpr char kPortPrefix[] = "port/";

// (node, service). A node has no '/' in its name.
using LeaseKey = std::pair<std::string, std::string>;

struct LeaseRow {
  std::string claimed;  // the service as it was claimed, without "~2"
  uint16_t port = 0;    // 0: out of every range, and the process has not found one yet
  uint16_t wish = 0;
  bool wish_taken_on_node = false;
  ServiceMode mode = ServiceMode::kHost;
  std::string command;
  std::string user;
  int64_t pid = 0;
  std::string process;    // its nonce
  bool found = false;     // nobody asked for it: a claim of the same port on the node comes first
  std::string base_path;  // of the service's own pages: "/tb", or empty
  uint32_t claim_id = 0;
  absl::Time since = absl::UnixEpoch();
  std::optional<absl::Time> stale_since = std::nullopt;
};

// "node07/tensorboard": in keys, and for people.
std::string LeaseName(const LeaseKey& key);

RegistryEntry MakeLeaseEntry(const LeaseKey& key, const LeaseRow& row);
RegistryEntry MakePortEntry(uint16_t port, const LeaseKey& owner);
std::string PortKey(uint16_t port);
std::string LeaseRowKey(const LeaseKey& key);

// DataLoss if the entry's key, checksum or message does not hold.
absl::StatusOr<std::pair<LeaseKey, LeaseRow>> ParseLeaseEntry(const RegistryEntry& entry);
absl::StatusOr<std::pair<uint16_t, LeaseKey>> ParsePortEntry(const RegistryEntry& entry);

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_REGISTRY_LEASE_ROW_H_
