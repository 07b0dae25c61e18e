// The transport of services over gRPC: one call of Cluster.Services at a time.
#ifndef TRIBUTARY_AGENT_GRPC_SERVICES_H_
#define TRIBUTARY_AGENT_GRPC_SERVICES_H_

#include <memory>

#include "agent/grpc_transport.h"
#include "agent/ports/services_transport.h"
#include "common/task_queue.h"

namespace tributary::agent {

// Events are posted to `queue`, where the transport is used and which outlives it. Destroyed after
// the queue was stopped: a live call is cancelled.
std::unique_ptr<ServicesTransport> MakeGrpcServices(const GrpcTransportOptions& options,
                                                    TaskQueue* queue);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_GRPC_SERVICES_H_
