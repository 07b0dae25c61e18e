// The tunnel of one process, on a thread and a connection of its own. Hides gRPC.
#ifndef TRIBUTARY_AGENT_TUNNEL_GRPC_TUNNEL_H_
#define TRIBUTARY_AGENT_TUNNEL_GRPC_TUNNEL_H_

#include <memory>
#include <string>

#include "agent/grpc_transport.h"
#include "agent/tunnel/tunnel_client.h"
#include "common/clock.h"
#include "common/log.h"

namespace tributary::agent {

// Thread-safe. Owns the thread "tunnel". A download never delays a record or a lease: it has
// another connection.
class GrpcTunnel {
 public:
  // `clock` and `log` must outlive this.
  GrpcTunnel(const GrpcTransportOptions& transport, Clock* clock, Logger* log);
  // Ends the tunnel and every connection in it.
  ~GrpcTunnel();

  // See TunnelClient. Nothing is opened before a token was set.
  void SetToken(std::string token);
  void SetServices(ServicePorts services);

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_TUNNEL_GRPC_TUNNEL_H_
