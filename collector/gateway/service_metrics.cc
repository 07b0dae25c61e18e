#include "collector/gateway/service_metrics.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace tributary::gateway {
namespace {

Counter AddGranted(MetricsRegistry* registry, const std::string& wish) {
  return registry->AddCounter("tributary_collector_ports_granted_total",
                              "Numbers given to services, by whether it was the wished one.",
                              {{"wish", wish}});
}

Gauge AddServices(MetricsRegistry* registry, const std::string& state) {
  return registry->AddGauge("tributary_collector_services", "Services of nodes, by state.",
                            {{"state", state}});
}

}  // namespace

ServiceMetrics::ServiceMetrics(MetricsRegistry* registry)
    : sessions_opened_(
          registry->AddCounter("tributary_collector_service_sessions_opened_total",
                               "Connections of processes with services that were taken.")),
      sessions_closed_(registry->AddCounter("tributary_collector_service_sessions_closed_total",
                                            "Connections of processes with services that ended.")),
      granted_wish_(AddGranted(registry, "met")),
      granted_other_(AddGranted(registry, "other")),
      released_(registry->AddCounter("tributary_collector_ports_released_total",
                                     "Numbers that their services gave back.")),
      lost_(registry->AddCounter("tributary_collector_ports_lost_total",
                                 "Services whose process was lost: their numbers are reserved.")),
      conflicts_(registry->AddGauge("tributary_collector_port_conflicts",
                                    "Numbers that two services want or have.")) {
  for (int i = cluster::v1::RefusedReason_MIN; i <= cluster::v1::RefusedReason_MAX; ++i) {
    if (!cluster::v1::RefusedReason_IsValid(i)) continue;
    std::string name = cluster::v1::RefusedReason_Name(static_cast<cluster::v1::RefusedReason>(i));
    name = absl::AsciiStrToLower(absl::StripPrefix(name, "REFUSED_REASON_"));
    refused_[i] = registry->AddCounter("tributary_collector_service_refusals_total",
                                       "Sessions of services and claims refused, by reason.",
                                       {{"reason", name}});
  }
  services_[ServiceState::kStarting] = AddServices(registry, "starting");
  services_[ServiceState::kLive] = AddServices(registry, "live");
  services_[ServiceState::kStale] = AddServices(registry, "stale");
}

void ServiceMetrics::SessionOpened() { sessions_opened_.Increment(); }
void ServiceMetrics::SessionClosed() { sessions_closed_.Increment(); }
void ServiceMetrics::Granted(bool wish_met) {
  (wish_met ? granted_wish_ : granted_other_).Increment();
}
void ServiceMetrics::Released() { released_.Increment(); }
void ServiceMetrics::Lost() { lost_.Increment(); }
void ServiceMetrics::Refused(cluster::v1::RefusedReason reason) {
  const auto it = refused_.find(reason);
  if (it != refused_.end()) it->second.Increment();
}
void ServiceMetrics::SetServices(const ServiceSnapshot& snapshot) {
  std::map<ServiceState, double> counts;
  for (const auto& [key, status] : snapshot.services) counts[status.state] += 1;
  for (auto& [state, gauge] : services_) gauge.Set(counts[state]);
  conflicts_.Set(static_cast<double>(snapshot.conflicts.size()));
}

}  // namespace tributary::gateway
