// rpc Tunnel: makes a frame pipe of each call. Hides gRPC.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_GRPC_TUNNEL_CALLS_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_GRPC_TUNNEL_CALLS_H_

#include <functional>
#include <memory>

#include "collector/gateway/grpc_cluster_service.h"
#include "common/task_queue.h"
#include "common/tunnel/frame_pipe.h"

namespace tributary::gateway {

// Called on gRPC's threads; pipes are handed over on the queue.
class GrpcTunnelCalls : public TunnelCalls {
 public:
  // `accept` runs on `queue`, which must outlive all calls.
  GrpcTunnelCalls(TaskQueue* queue,
                  std::function<void(std::unique_ptr<tunnel::FramePipe> pipe)> accept);

  grpc::ServerBidiReactor<cluster::v1::TunnelFrame, cluster::v1::TunnelFrame>* Begin(
      grpc::CallbackServerContext* context) override;

 private:
  TaskQueue* const queue_;
  const std::function<void(std::unique_ptr<tunnel::FramePipe> pipe)> accept_;
};

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_GRPC_TUNNEL_CALLS_H_
