#include "collector/gateway/grpc_cluster_service.h"

#include <grpcpp/grpcpp.h>

#include "tributary/cluster/v1/cluster.grpc.pb.h"

namespace tributary::gateway {

using cluster::v1::ServicesReply;
using cluster::v1::ServicesRequest;
using cluster::v1::TunnelFrame;

struct GrpcClusterService::Impl : public cluster::v1::Cluster::CallbackService {
  Impl(ServicesCalls* services_in, TunnelCalls* tunnels_in)
      : services(services_in), tunnels(tunnels_in) {}

  grpc::ServerBidiReactor<ServicesRequest, ServicesReply>* Services(
      grpc::CallbackServerContext* context) override {
    // gRPC answers for a call without a reactor.
    return services == nullptr ? nullptr : services->Begin(context);
  }

  grpc::ServerBidiReactor<TunnelFrame, TunnelFrame>* Tunnel(
      grpc::CallbackServerContext* context) override {
    return tunnels == nullptr ? nullptr : tunnels->Begin(context);
  }

  ServicesCalls* const services;
  TunnelCalls* const tunnels;
};

GrpcClusterService::GrpcClusterService(ServicesCalls* services, TunnelCalls* tunnels)
    : impl_(std::make_unique<Impl>(services, tunnels)) {}

GrpcClusterService::~GrpcClusterService() = default;

grpc::Service* GrpcClusterService::service() { return impl_.get(); }

}  // namespace tributary::gateway
