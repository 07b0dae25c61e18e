// Which services the nodes have right now, for whoever opens or shows them. The sessions that hold
// the leases publish; the gateway and serve read.
#ifndef TRIBUTARY_COLLECTOR_REGISTRY_SERVICE_BOARD_H_
#define TRIBUTARY_COLLECTOR_REGISTRY_SERVICE_BOARD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "collector/registry/cluster_board.h"
#include "common/mutex.h"

namespace tributary {

enum class ServiceMode { kKeep, kStrip, kHost };
enum class ServiceState {
  kStarting,  // has its number, does not listen yet
  kLive,
  kStale,  // its session is gone; the number is kept for it
};

struct ServiceStatus {
  std::string node;
  std::string service;  // unique within the node: "tensorboard", "tensorboard~2"
  uint16_t port = 0;    // the number people know; where the node's process listens
  ServiceMode mode = ServiceMode::kHost;
  ServiceState state = ServiceState::kStarting;
  std::string base_path;  // of its own pages: "/tb", or empty
  std::string command;    // for people
  std::string user;
  int64_t pid = 0;                          // of the process that holds the lease
  absl::Time since = absl::InfinitePast();  // when it was first given its number
  // Of a stale one: when its session was lost, or when the collector started.
  absl::Time away_since = absl::InfinitePast();
  // Names the session that holds it, and so the tunnel that leads there; 0 of a stale service.
  uint64_t session = 0;
};

struct ServiceSnapshot {
  std::map<std::pair<std::string, std::string>, ServiceStatus> services;  // by (node, service)
  std::vector<ConflictStatus> conflicts;                                  // of kind "port"
};

// Thread-safe.
class ServiceBoard {
 public:
  void Publish(std::shared_ptr<const ServiceSnapshot> snapshot) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    snapshot_ = std::move(snapshot);
  }
  // Never null.
  std::shared_ptr<const ServiceSnapshot> Get() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return snapshot_;
  }

 private:
  mutable Mutex mu_;
  std::shared_ptr<const ServiceSnapshot> snapshot_ ABSL_GUARDED_BY(mu_) =
      std::make_shared<ServiceSnapshot>();
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_REGISTRY_SERVICE_BOARD_H_
