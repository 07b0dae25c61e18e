// The transport over gRPC: one call of Ingest.Session per connection.
#ifndef TRIBUTARY_AGENT_GRPC_TRANSPORT_H_
#define TRIBUTARY_AGENT_GRPC_TRANSPORT_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "agent/transport.h"
#include "common/task_queue.h"

namespace tributary::agent {

struct GrpcTransportOptions {
  // HOST:PORT of the collector.
  std::string address;
  // Obey http_proxy of the environment.
  bool use_proxy = false;
  // A connection without an answer to a ping for so long is closed.
  absl::Duration keepalive_time = absl::Seconds(10);
  absl::Duration keepalive_timeout = absl::Seconds(10);
  // A connection that is not made within this time failed.
  absl::Duration connect_timeout = absl::Seconds(20);
};

// Events are posted to `queue`, which must be where the transport is used and outlive it. May be
// destroyed at any time on that queue, or after the queue was stopped: a live call is cancelled and
// no event is told any more.
std::unique_ptr<Transport> MakeGrpcTransport(const GrpcTransportOptions& options, TaskQueue* queue);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_GRPC_TRANSPORT_H_
