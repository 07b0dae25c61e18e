// What is counted of requests for services and the tunnels they take. Thread-safe.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_GATEWAY_METRICS_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_GATEWAY_METRICS_H_

#include <cstddef>

#include "common/metrics.h"

namespace tributary::gateway {

class GatewayMetrics {
 public:
  explicit GatewayMetrics(MetricsRegistry* registry);

  void RequestBegun();
  void RequestEnded();
  void SetTunnels(size_t tunnels);

 private:
  Counter requests_begun_;
  Counter requests_ended_;
  Gauge tunnels_;
};

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_GATEWAY_METRICS_H_
