#include "collector/gateway/grpc_tunnel_calls.h"

#include <grpcpp/grpcpp.h>

#include <string>
#include <utility>

#include "common/tunnel/call_pipe.h"
#include "tributary/cluster/v1/cluster.grpc.pb.h"

namespace tributary::gateway {
namespace {

using cluster::v1::TunnelFrame;

// Deletes itself when gRPC is done with the call.
class TunnelReactor : public grpc::ServerBidiReactor<TunnelFrame, TunnelFrame>,
                      public tunnel::FrameCall {
 public:
  TunnelReactor(grpc::CallbackServerContext* context, std::shared_ptr<tunnel::CallState> state)
      : context_(context), state_(std::move(state)) {}

  void StartRead(TunnelFrame* frame) override { Reactor::StartRead(frame); }
  void StartWrite(const TunnelFrame* frame) override { Reactor::StartWrite(frame); }
  void Cancel() override { context_->TryCancel(); }
  void End(const absl::Status& status) override {
    Finish(
        grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message())));
  }

  void OnReadDone(bool ok) override { state_->OnRead(ok); }
  void OnWriteDone(bool ok) override { state_->OnWritten(ok); }
  void OnCancel() override { state_->OnBroken(); }
  void OnDone() override {
    state_->OnOver(absl::UnavailableError("the connection ended"));
    delete this;
  }

 private:
  using Reactor = grpc::ServerBidiReactor<TunnelFrame, TunnelFrame>;

  grpc::CallbackServerContext* const context_;
  const std::shared_ptr<tunnel::CallState> state_;
};

}  // namespace

GrpcTunnelCalls::GrpcTunnelCalls(
    TaskQueue* queue, std::function<void(std::unique_ptr<tunnel::FramePipe> pipe)> accept)
    : queue_(queue), accept_(std::move(accept)) {}

grpc::ServerBidiReactor<TunnelFrame, TunnelFrame>* GrpcTunnelCalls::Begin(
    grpc::CallbackServerContext* context) {
  const auto state = std::make_shared<tunnel::CallState>(queue_);
  auto* const reactor = new TunnelReactor(context, state);
  // Before the first frame can arrive.
  queue_->Post([this, state] { accept_(std::make_unique<tunnel::CallPipe>(state)); });
  state->Begin(reactor);
  return reactor;
}

}  // namespace tributary::gateway
