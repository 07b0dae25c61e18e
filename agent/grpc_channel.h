// The channel to the collector, as both users of it want it.
#ifndef TRIBUTARY_AGENT_GRPC_CHANNEL_H_
#define TRIBUTARY_AGENT_GRPC_CHANNEL_H_

#include <grpcpp/grpcpp.h>

#include <memory>

#include "absl/status/status.h"
#include "agent/grpc_transport.h"

namespace tributary::agent {

// A channel of its own: it shares no connection, and no memory of failed tries, with another one.
std::shared_ptr<grpc::Channel> MakeChannel(const GrpcTransportOptions& options);

// The same code. Unavailable names the address, which gRPC's own text may not.
absl::Status ToAbslStatus(const grpc::Status& status, const GrpcTransportOptions& options);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_GRPC_CHANNEL_H_
