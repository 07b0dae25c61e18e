#include "collector/ingest/grpc_service.h"

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <utility>

#include "common/grpc_server_call.h"
#include "tributary/ingest/v1/ingest.grpc.pb.h"

namespace tributary {
namespace {

using ingest::v1::AgentMessage;
using ingest::v1::CollectorMessage;
using Reactor = grpc::ServerBidiReactor<AgentMessage, CollectorMessage>;
using CallPeer = GrpcServerPeer<AgentMessage, CollectorMessage>;

class GrpcPeer : public SessionPeer {
 public:
  explicit GrpcPeer(std::shared_ptr<CallPeer> call) : call_(std::move(call)) {}
  void Send(CollectorMessage message) override { call_->Send(std::move(message)); }
  size_t queued_messages() const override { return call_->queued_messages(); }
  void Close() override { call_->Close(); }
  std::string address() const override { return call_->address(); }

 private:
  const std::shared_ptr<CallPeer> call_;
};

class Handler : public GrpcServerCallHandler<AgentMessage, CollectorMessage> {
 public:
  explicit Handler(Ingest* ingest) : ingest_(ingest) {}
  uint64_t Connect(std::shared_ptr<CallPeer> peer) override {
    return ingest_->sessions()->Connect(std::make_shared<GrpcPeer>(std::move(peer))).value();
  }
  void OnMessage(uint64_t id, AgentMessage message, absl::Duration) override {
    ingest_->sessions()->OnMessage(SessionId(id), std::move(message));
  }
  void OnClosed(uint64_t id) override {
    ingest_->sessions()->OnClosed(SessionId(id), "the connection ended");
  }

 private:
  Ingest* const ingest_;
};

// For a collector without a store.
class RefusingReactor : public Reactor {
 public:
  explicit RefusingReactor(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

class Service : public ingest::v1::Ingest::CallbackService {
 public:
  Service(const GrpcServer::Options& options, Ingest* ingest)
      : options_(options), ingest_(ingest), handler_(ingest) {}

  Reactor* Session(grpc::CallbackServerContext* context) override {
    if (ingest_ == nullptr) return new RefusingReactor(NoStore());
    return new GrpcServerCall<AgentMessage, CollectorMessage>(
        {options_.unread_bytes_max, options_.unread_messages_max, options_.close_grace}, &handler_,
        ingest_->session_queue(), ingest_->clock(), context);
  }

  grpc::ServerUnaryReactor* DescribeNode(grpc::CallbackServerContext* context,
                                         const ingest::v1::DescribeNodeRequest* request,
                                         ingest::v1::DescribeNodeResponse* response) override {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    if (ingest_ == nullptr) {
      reactor->Finish(NoStore());
      return reactor;
    }
    // Request and response live until Finish.
    ingest_->session_queue()->Post([target = ingest_, request, response, reactor] {
      target->DescribeNode(
          *request, [response, reactor](absl::StatusOr<ingest::v1::DescribeNodeResponse> answer) {
            if (answer.ok()) *response = *std::move(answer);
            reactor->Finish(answer.ok() ? grpc::Status::OK : ToGrpc(answer.status()));
          });
    });
    return reactor;
  }

  grpc::ServerUnaryReactor* DescribeCollector(
      grpc::CallbackServerContext* context, const ingest::v1::DescribeCollectorRequest*,
      ingest::v1::DescribeCollectorResponse* response) override {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    if (options_.describe != nullptr) *response = options_.describe();
    reactor->Finish(options_.describe != nullptr
                        ? grpc::Status::OK
                        : grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "not known here"));
    return reactor;
  }

 private:
  static grpc::Status NoStore() {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION,
                        "this collector has no store: start it with --data DIR");
  }

  const GrpcServer::Options options_;
  Ingest* const ingest_;
  Handler handler_;
};

}  // namespace

struct GrpcServer::Impl {
  Impl(const Options& options, Ingest* ingest) : service(options, ingest) {}
  Service service;
  // Handed-over sockets come in here; must not outlive the server's Shutdown.
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
  std::unique_ptr<grpc::Server> server;
};

GrpcServer::GrpcServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GrpcServer::~GrpcServer() = default;

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const Options& options, Ingest* ingest, const std::vector<grpc::Service*>& others) {
  auto impl = std::make_unique<Impl>(options, ingest);
  const auto millis = [](absl::Duration time) {
    return static_cast<int>(absl::ToInt64Milliseconds(time));
  };
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(options.message_bytes_max);
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.calls_max);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, millis(options.idle_max));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, millis(options.keepalive_time));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, millis(options.keepalive_timeout));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Agents ping too, also while they wait for Welcome: no reason to send them away.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             millis(options.keepalive_time) / 2);
  for (const grpc_compression_algorithm algorithm : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
    builder.SetCompressionAlgorithmSupportStatus(algorithm, false);
  }
  builder.RegisterService(&impl->service);
  for (grpc::Service* const service : others) builder.RegisterService(service);
  impl->acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  impl->server = builder.BuildAndStart();
  if (impl->server == nullptr) return absl::InternalError("gRPC could not start its server");
  return std::unique_ptr<GrpcServer>(new GrpcServer(std::move(impl)));
}

void GrpcServer::Adopt(int socket) {
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.listener_fd = -1;
  connection.fd = socket;
  impl_->acceptor->HandleNewConnection(&connection);
}

void GrpcServer::Stop(absl::Duration grace) {
  impl_->server->Shutdown(
      gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                   gpr_time_from_millis(absl::ToInt64Milliseconds(grace), GPR_TIMESPAN)));
  impl_->server->Wait();
  impl_->server.reset();
  impl_->acceptor.reset();
}

}  // namespace tributary
