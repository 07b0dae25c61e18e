// How a process with services reaches the collector: one call of Services at a time. A seam; gRPC
// is behind it in grpc_services.*.
#ifndef TRIBUTARY_AGENT_PORTS_SERVICES_TRANSPORT_H_
#define TRIBUTARY_AGENT_PORTS_SERVICES_TRANSPORT_H_

#include "absl/status/status.h"
#include "tributary/cluster/v1/cluster.pb.h"

namespace tributary::agent {

// Told on the queue of the transport's user, never inside a call to the transport. After OnClosed
// nothing is told until Connect.
class ServicesTransportEvents {
 public:
  virtual ~ServicesTransportEvents() = default;
  virtual void OnConnected() = 0;
  virtual void OnReply(cluster::v1::ServicesReply reply) = 0;
  // The call is over, or could not be made; `status` says why.
  virtual void OnClosed(absl::Status status) = 0;
};

class ServicesTransport {
 public:
  virtual ~ServicesTransport() = default;
  // Only when no call is there or under way.
  virtual void Connect(ServicesTransportEvents* events) = 0;
  // After OnConnected; messages are few and small. One that is sent into a broken call is lost:
  // OnClosed is on its way.
  virtual void Send(const cluster::v1::ServicesRequest& request) = 0;
  // Nothing more is sent; what was, arrives. OnClosed follows.
  virtual void Finish() = 0;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_PORTS_SERVICES_TRANSPORT_H_
