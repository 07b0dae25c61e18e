// How the sessions answer one process. A seam: gRPC is behind it in grpc_services.*.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_SERVICE_PEER_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_SERVICE_PEER_H_

#include <string>

#include "tributary/cluster/v1/cluster.pb.h"

namespace tributary::gateway {

// Thread-safe.
class ServicePeer {
 public:
  virtual ~ServicePeer() = default;
  // Queues a message; never blocks. What is queued after Close is dropped.
  virtual void Send(cluster::v1::ServicesReply reply) = 0;
  // Ends the session once what is queued has left.
  virtual void Close() = 0;
  // Numeric address of the process.
  virtual std::string address() const = 0;
};

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_SERVICE_PEER_H_
