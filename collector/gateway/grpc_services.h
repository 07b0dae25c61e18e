// rpc Services over gRPC: a thin reactor in front of the sessions. Hides gRPC.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_GRPC_SERVICES_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_GRPC_SERVICES_H_

#include <memory>

#include "collector/gateway/grpc_cluster_service.h"
#include "collector/gateway/service_sessions.h"
#include "common/clock.h"
#include "common/task_queue.h"

namespace tributary::gateway {

// Without `sessions` (null) every call is refused: the collector has no store. `commit` is where
// the sessions live. All outlive this, and this every call.
std::unique_ptr<ServicesCalls> MakeGrpcServices(ServiceSessions* sessions, TaskQueue* commit,
                                                Clock* clock);

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_GRPC_SERVICES_H_
