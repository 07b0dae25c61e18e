// The gRPC service `Cluster` (proto/tributary/cluster/v1/cluster.proto): one object for both of its
// calls, which know nothing of each other. Only declares what it names of gRPC.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_GRPC_CLUSTER_SERVICE_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_GRPC_CLUSTER_SERVICE_H_

#include <memory>

namespace grpc {
class CallbackServerContext;
class Service;
template <class Request, class Response>
class ServerBidiReactor;
}  // namespace grpc

namespace tributary::cluster::v1 {
class ServicesReply;
class ServicesRequest;
class TunnelFrame;
}  // namespace tributary::cluster::v1

namespace tributary::gateway {

// Who answers rpc Services. Called on gRPC's threads, any number at once.
class ServicesCalls {
 public:
  virtual ~ServicesCalls() = default;
  // The reactor of one call, which deletes itself in OnDone. `context` lives as long as the call.
  virtual grpc::ServerBidiReactor<cluster::v1::ServicesRequest, cluster::v1::ServicesReply>* Begin(
      grpc::CallbackServerContext* context) = 0;
};

// The same for rpc Tunnel.
class TunnelCalls {
 public:
  virtual ~TunnelCalls() = default;
  virtual grpc::ServerBidiReactor<cluster::v1::TunnelFrame, cluster::v1::TunnelFrame>* Begin(
      grpc::CallbackServerContext* context) = 0;
};

// Life: register service() with one server; end that server, then this.
class GrpcClusterService {
 public:
  // A call without somebody who answers it (null) is refused: UNIMPLEMENTED. Both must outlive
  // this.
  GrpcClusterService(ServicesCalls* services, TunnelCalls* tunnels);
  ~GrpcClusterService();

  // Valid as long as this.
  grpc::Service* service();

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_GRPC_CLUSTER_SERVICE_H_
