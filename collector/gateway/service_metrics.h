// What is counted of services and their ports. Thread-safe.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_SERVICE_METRICS_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_SERVICE_METRICS_H_

#include <map>

#include "collector/registry/service_board.h"
#include "common/metrics.h"
#include "tributary/cluster/v1/cluster.pb.h"

namespace tributary::gateway {

class ServiceMetrics {
 public:
  explicit ServiceMetrics(MetricsRegistry* registry);

  void SessionOpened();
  void SessionClosed();
  // A number was given; `wish_met` unless another one was wished.
  void Granted(bool wish_met);
  void Released();
  // A lease ran out, or its session was lost.
  void Lost();
  // About a session or a claim.
  void Refused(cluster::v1::RefusedReason reason);
  void SetServices(const ServiceSnapshot& snapshot);

 private:
  Counter sessions_opened_;
  Counter sessions_closed_;
  Counter granted_wish_;
  Counter granted_other_;
  Counter released_;
  Counter lost_;
  std::map<int, Counter> refused_;
  std::map<ServiceState, Gauge> services_;
  Gauge conflicts_;
};

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_SERVICE_METRICS_H_
