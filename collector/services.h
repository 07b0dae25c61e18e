// The services of nodes and their ports, wired together: leases, sessions, gRPC's call, the board.
#ifndef TRIBUTARY_COLLECTOR_SERVICES_H_
#define TRIBUTARY_COLLECTOR_SERVICES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/gateway/grpc_services.h"
#include "collector/gateway/service_metrics.h"
#include "collector/gateway/service_sessions.h"
#include "collector/registry/node_presence.h"
#include "collector/registry/port_leases.h"
#include "collector/registry/service_board.h"
#include "collector/store/store.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/random.h"
#include "common/task_queue.h"

namespace tributary {

// Life: Open while nobody else uses the registry; Start; Listening once the port is known; Stop
// before the commit queue stops. Destroyed after gRPC's server and the queue.
class Services {
 public:
  // All outlive this, and every task that is posted.
  struct Dependencies {
    Registry* registry;
    Store* store;
    NodePresence* nodes;
    TaskQueue* commit;
    ServiceBoard* board;
    Clock* clock;
    Random* random;  // used on the commit queue
    MetricsRegistry* metrics;
    Logger* log;
    std::function<void(absl::Status)> on_fatal;
  };
  struct Options {
    std::string start_nonce;
    std::string collector_version;
    std::string path_prefix;
  };

  // Reads the leases.
  static absl::StatusOr<std::unique_ptr<Services>> Open(const Options& options,
                                                        const Dependencies& dependencies);

  void Start() { sessions_.Start(); }
  // The collector's own port, and how others name it: "http://head:6006". Thread-safe.
  void Listening(const std::string& node, uint16_t port, const std::string& origin);
  // Ends the sessions; the leases stay. Thread-safe.
  void Stop(const std::string& why);

  gateway::ServicesCalls* calls() { return calls_.get(); }
  gateway::TunnelTokens* tokens() { return &sessions_; }

 private:
  Services(const Options& options, const Dependencies& dependencies,
           std::unique_ptr<PortLeases> leases);

  const Dependencies deps_;
  const std::unique_ptr<PortLeases> leases_;
  gateway::ServiceMetrics metrics_;
  gateway::ServiceSessions sessions_;
  const std::unique_ptr<gateway::ServicesCalls> calls_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_SERVICES_H_
