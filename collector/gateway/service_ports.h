// Ports of the head node that lead to one service each: for what can live neither below a prefix
// nor under a name of its own.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_SERVICE_PORTS_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_SERVICE_PORTS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "collector/gateway/host_table.h"
#include "collector/registry/service_board.h"
#include "common/clock.h"
#include "common/log.h"

namespace tributary::gateway {

// Listens where services of mode HOST have their number, as far as it lies in the range: one number
// means one service in the whole cluster, so nothing has to be remembered here, and the port is the
// same after a restart. Belongs to one queue.
class ServicePorts {
 public:
  // Something that listens, and stops with its end.
  using Listener = std::shared_ptr<void>;
  // All outlive this.
  struct Dependencies {
    const ServiceBoard* services = nullptr;
    Clock* clock = nullptr;
    Logger* log = nullptr;
    std::function<absl::StatusOr<Listener>(uint16_t port)> listen;
    // The ports that are listened on have changed.
    std::function<void(std::set<uint16_t> ports)> on_change;
  };

  ServicePorts(const PortRange& range, const Dependencies& dependencies)
      : range_(range), dependencies_(dependencies) {}

  // Once a second. A port that is taken is tried again after a minute.
  void Tick();

 private:
  const PortRange range_;
  const Dependencies dependencies_;
  std::map<uint16_t, Listener> listeners_;
  std::map<uint16_t, absl::Duration> try_again_at_;
};

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_SERVICE_PORTS_H_
