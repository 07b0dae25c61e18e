// Notices when a registry can no longer be trusted.
#ifndef TRIBUTARY_COLLECTOR_STORE_WATCHED_REGISTRY_H_
#define TRIBUTARY_COLLECTOR_STORE_WATCHED_REGISTRY_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "collector/registry/registry.h"

namespace tributary {

// Passes everything on. Whoever commits deals with the error at hand; that the registry refuses all
// that follows concerns the whole process, whichever commit it was. Owned by the commit thread.
class WatchedRegistry : public Registry {
 public:
  // `registry` must outlive this.
  explicit WatchedRegistry(Registry* registry) : registry_(registry) {}

  absl::StatusOr<std::optional<std::string>> Get(absl::string_view key) override {
    return registry_->Get(key);
  }
  absl::StatusOr<std::vector<RegistryEntry>> List(absl::string_view prefix) override {
    return registry_->List(prefix);
  }
  absl::Status Commit(const RegistryTransaction& transaction) override {
    absl::Status status = registry_->Commit(transaction);
    const bool known = status.ok() || absl::IsResourceExhausted(status) || absl::IsAborted(status);
    if (!known && health_.ok()) health_ = status;
    return status;
  }

  // Not OK since the outcome of a transaction is unknown: that error.
  const absl::Status& health() const { return health_; }

 private:
  Registry* const registry_;
  absl::Status health_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_STORE_WATCHED_REGISTRY_H_
