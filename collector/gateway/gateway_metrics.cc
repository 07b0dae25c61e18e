#include "collector/gateway/gateway_metrics.h"

namespace tributary::gateway {

GatewayMetrics::GatewayMetrics(MetricsRegistry* registry)
    : requests_begun_(registry->AddCounter("tributary_collector_gateway_requests_begun_total",
                                           "Requests for services of nodes that were taken.")),
      requests_ended_(
          registry->AddCounter("tributary_collector_gateway_requests_ended_total",
                               "Of these, those that are over: answered, refused or broken.")),
      tunnels_(
          registry->AddGauge("tributary_collector_gateway_tunnels",
                             "Connections of processes by which their services are reached.")) {}

void GatewayMetrics::RequestBegun() { requests_begun_.Increment(); }
void GatewayMetrics::RequestEnded() { requests_ended_.Increment(); }
void GatewayMetrics::SetTunnels(size_t tunnels) { tunnels_.Set(static_cast<double>(tunnels)); }

}  // namespace tributary::gateway
