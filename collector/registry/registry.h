// The store's memory for decisions: a small, durable map with transactions. Files and bytes are not
// its business.
//
// A seam: SQLite today (sqlite_registry.h), a fake with failures in the simulation, etcd for
// several collectors. Every implementation passes tests/collector/registry/registry_contract.h.
#ifndef TRIBUTARY_COLLECTOR_REGISTRY_REGISTRY_H_
#define TRIBUTARY_COLLECTOR_REGISTRY_REGISTRY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tributary {

struct RegistryEntry {
  std::string key;
  std::string value;
};

// Applied as a whole or not at all.
struct RegistryTransaction {
  struct Expectation {
    std::string key;
    std::optional<std::string> value;  // nullopt: the key must be absent
  };
  std::vector<Expectation> expect = {};
  std::vector<RegistryEntry> puts = {};
  std::vector<std::string> deletes = {};
};

// Owned by one thread at a time (the `commit` thread).
class Registry {
 public:
  virtual ~Registry() = default;

  // nullopt if the key is absent. What a successful Commit wrote is seen by every later call.
  virtual absl::StatusOr<std::optional<std::string>> Get(absl::string_view key) = 0;
  // All entries whose keys begin with `prefix`, in byte order of their keys.
  virtual absl::StatusOr<std::vector<RegistryEntry>> List(absl::string_view prefix) = 0;

  // OK: the transaction is durable. Aborted: an expectation does not hold, nothing was changed.
  // ResourceExhausted: no space, no quota or a file system that is read-only now; nothing was
  // changed, may be tried again. Any other error: unknown
  // whether it was applied or will be found applied after a restart; the caller must not act as if
  // either were so, and the registry refuses later calls with FailedPrecondition until it is opened
  // again.
  virtual absl::Status Commit(const RegistryTransaction& transaction) = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_REGISTRY_REGISTRY_H_
