#include "agent/tunnel/grpc_tunnel.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "agent/grpc_channel.h"
#include "agent/guest.h"
#include "common/latch.h"
#include "common/net/socket_loop.h"
#include "common/random.h"
#include "common/tunnel/call_pipe.h"
#include "tributary/cluster/v1/cluster.grpc.pb.h"

namespace tributary::agent {
namespace {

using cluster::v1::TunnelFrame;

constexpr absl::Duration kTick = absl::Seconds(1);

// Deletes itself in OnDone. A hold lets reads and writes be started outside of gRPC's callbacks
// until End.
class TunnelReactor : public grpc::ClientBidiReactor<TunnelFrame, TunnelFrame>,
                      public tunnel::FrameCall {
 public:
  TunnelReactor(const GrpcTransportOptions& options, const std::shared_ptr<grpc::Channel>& channel,
                std::shared_ptr<tunnel::CallState> state, std::shared_ptr<Latch> gone)
      : options_(options),
        state_(std::move(state)),
        gone_(std::move(gone)),
        stub_(cluster::v1::Cluster::NewStub(channel)) {}

  void Begin() {
    stub_->async()->Tunnel(&context_, this);
    AddHold();
    state_->Begin(this);
    StartCall();
  }

  void StartRead(TunnelFrame* frame) override { Reactor::StartRead(frame); }
  void StartWrite(const TunnelFrame* frame) override { Reactor::StartWrite(frame); }
  void Cancel() override { context_.TryCancel(); }
  void End(const absl::Status&) override {
    context_.TryCancel();
    RemoveHold();
  }

  void OnReadDone(bool ok) override { state_->OnRead(ok); }
  void OnWriteDone(bool ok) override { state_->OnWritten(ok); }
  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<tunnel::CallState> state = state_;
    const std::shared_ptr<Latch> gone = gone_;
    const absl::Status closed = ToAbslStatus(status, options_);
    // Before anybody is told: the last hold on the channel must not be a thread of gRPC's, which
    // would wait for its own end.
    delete this;
    state->OnOver(closed);
    gone->Set();
  }

 private:
  using Reactor = grpc::ClientBidiReactor<TunnelFrame, TunnelFrame>;

  const GrpcTransportOptions options_;
  const std::shared_ptr<tunnel::CallState> state_;
  const std::shared_ptr<Latch> gone_;
  const std::unique_ptr<cluster::v1::Cluster::Stub> stub_;
  grpc::ClientContext context_;
};

class ClientPipe : public tunnel::FramePipe {
 public:
  ClientPipe(const GrpcTransportOptions& options, TaskQueue* queue)
      : options_(options),
        state_(std::make_shared<tunnel::CallState>(queue)),
        pipe_(std::make_unique<tunnel::CallPipe>(state_)) {}
  ~ClientPipe() override {
    pipe_.reset();  // ends the call
    if (channel_ != nullptr) gone_->Wait();
  }

  void Start(tunnel::FramePipeEvents* events) override {
    channel_ = MakeChannel(options_);
    pipe_->Start(events);
    (new TunnelReactor(options_, channel_, state_, gone_))->Begin();
  }
  void Send(TunnelFrame frame) override { pipe_->Send(std::move(frame)); }
  void Close(const absl::Status& status) override { pipe_->Close(status); }

 private:
  const GrpcTransportOptions options_;
  const std::shared_ptr<tunnel::CallState> state_;
  // Set when the last of the call is gone.
  const std::shared_ptr<Latch> gone_ = std::make_shared<Latch>();
  std::unique_ptr<tunnel::CallPipe> pipe_;
  std::shared_ptr<grpc::Channel> channel_;  // outlives the call
};

}  // namespace

struct GrpcTunnel::Impl {
  Impl(const GrpcTransportOptions& transport, Clock* clock, Logger* log) : loop("tunnel", clock) {
    TunnelClient::Dependencies dependencies;
    dependencies.queue = &loop;
    dependencies.sockets = &loop;
    dependencies.clock = clock;
    dependencies.random = &random;
    dependencies.log = log;
    dependencies.connect = [this, transport] {
      return std::make_unique<ClientPipe>(transport, &loop);
    };
    client = std::make_unique<TunnelClient>(TunnelClient::Options(), dependencies);
    // Viewers come after the training and after its records; a command that the process starts is
    // not this thread's child.
    loop.Post([log] {
      if (const absl::Status status = BecomeGuest(); !status.ok()) {
        log->Debug("the tunnel is no guest on this node", {{"reason", status}});
      }
    });
    Tick();
  }

  void Tick() {
    loop.PostAfter(kTick, [this] {
      client->Tick();
      Tick();
    });
  }

  SystemRandom random;
  net::SocketLoop loop;
  std::unique_ptr<TunnelClient> client;  // owned by the loop, as long as it runs
};

GrpcTunnel::GrpcTunnel(const GrpcTransportOptions& transport, Clock* clock, Logger* log)
    : impl_(std::make_unique<Impl>(transport, clock, log)) {}

GrpcTunnel::~GrpcTunnel() {
  // In this order: no tick, and no timer of the client, finds it gone.
  impl_->loop.Stop();
  impl_->client.reset();
}

void GrpcTunnel::SetToken(std::string token) {
  impl_->loop.Post(
      [impl = impl_.get(), token = std::move(token)] { impl->client->SetToken(token); });
}

void GrpcTunnel::SetServices(ServicePorts services) {
  impl_->loop.Post([impl = impl_.get(), services = std::move(services)]() mutable {
    impl->client->SetServices(std::move(services));
  });
}

}  // namespace tributary::agent
