#include "collector/ingest/grpc_service.h"

#include <grpcpp/grpcpp.h>

#include <deque>
#include <string>
#include <utility>

#include "common/mutex.h"
#include "tributary/ingest/v1/ingest.grpc.pb.h"

namespace tributary {
namespace {

using ingest::v1::AgentMessage;
using ingest::v1::CollectorMessage;
using Reactor = grpc::ServerBidiReactor<AgentMessage, CollectorMessage>;

// How long a session that was closed may take to hand over what is queued for it.
constexpr absl::Duration kCloseGrace = absl::Seconds(5);

// "ipv4:10.0.0.7:5123" -> "10.0.0.7:5123". Sockets that were handed over have no name in gRPC.
std::string PeerAddress(const std::string& uri) {
  const size_t colon = uri.find(':');
  return colon == std::string::npos ? uri : uri.substr(colon + 1);
}

// What the session table holds of a call. Outlives the call: after Detach all of it is a no-op.
class GrpcPeer : public SessionPeer, public std::enable_shared_from_this<GrpcPeer> {
 public:
  GrpcPeer(Reactor* reactor, grpc::CallbackServerContext* context, TaskQueue* queue)
      : queue_(queue),
        address_(PeerAddress(context->peer())),
        reactor_(reactor),
        context_(context) {}

  void Send(CollectorMessage message) override ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (closing_ || finished_) return;
    outgoing_.push_back(std::move(message));
    Advance();
  }

  size_t queued_messages() const override ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return outgoing_.size();
  }

  void Close() override ABSL_LOCKS_EXCLUDED(mu_) {
    {
      MutexLock lock(&mu_);
      if (closing_) return;
      closing_ = true;
      Advance();
      if (finished_) return;
    }
    // A peer that reads nothing would hold the call for ever.
    queue_->PostAfter(kCloseGrace, [peer = shared_from_this()] { peer->Cut(); });
  }

  std::string address() const override { return address_; }

  // The session queue has dealt with the last message.
  void ReadNext(AgentMessage* message) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (reactor_ != nullptr && !finished_ && !closing_) reactor_->StartRead(message);
  }

  void OnWritten(bool ok) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    writing_ = false;
    outgoing_.pop_front();
    if (!ok) {
      closing_ = true;
      outgoing_.clear();
    }
    Advance();
  }

  // The agent says nothing more, or the connection broke.
  void OnReadEnded() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    closing_ = true;
    Advance();
  }

  void Cut() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (context_ != nullptr && !finished_) context_->TryCancel();
  }

  // The call is over: reactor and context go.
  void Detach() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    finished_ = true;
    reactor_ = nullptr;
    context_ = nullptr;
  }

  // Owned by the session queue.
  SessionId id;

 private:
  // Starts the next write, or finishes what is closed and empty. gRPC runs no reaction inside a
  // Start call made here, so the lock may be held.
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (reactor_ == nullptr || finished_ || writing_) return;
    if (!outgoing_.empty()) {
      writing_ = true;
      reactor_->StartWrite(&outgoing_.front());
    } else if (closing_) {
      finished_ = true;
      reactor_->Finish(grpc::Status::OK);
    }
  }

  TaskQueue* const queue_;
  const std::string address_;
  mutable Mutex mu_;
  Reactor* reactor_ ABSL_GUARDED_BY(mu_);
  grpc::CallbackServerContext* context_ ABSL_GUARDED_BY(mu_);
  // The front is being written while writing_; a deque keeps it where it is.
  std::deque<CollectorMessage> outgoing_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
};

// One call of Session. Deletes itself when gRPC is done with it.
class SessionReactor : public Reactor {
 public:
  SessionReactor(Ingest* ingest, grpc::CallbackServerContext* context)
      : ingest_(ingest), peer_(std::make_shared<GrpcPeer>(this, context, ingest->session_queue())) {
    ingest_->session_queue()->Post(
        [target = ingest_, peer = peer_] { peer->id = target->sessions()->Connect(peer); });
    peer_->ReadNext(&message_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      ingest_->session_queue()->Post([target = ingest_, peer = peer_] {
        target->sessions()->OnClosed(peer->id, "the connection ended");
      });
      peer_->OnReadEnded();
      return;
    }
    // The next message is read when this one was dealt with: no more than one waits for each
    // connection. `message_` belongs to the task until it starts the next read.
    ingest_->session_queue()->Post([target = ingest_, peer = peer_, message = std::move(message_),
                                    slot = &message_]() mutable {
      target->sessions()->OnMessage(peer->id, std::move(message));
      peer->ReadNext(slot);
    });
  }

  void OnWriteDone(bool ok) override { peer_->OnWritten(ok); }

  void OnCancel() override { peer_->OnReadEnded(); }

  void OnDone() override {
    peer_->Detach();
    ingest_->session_queue()->Post([target = ingest_, peer = peer_] {
      target->sessions()->OnClosed(peer->id, "the connection ended");
    });
    delete this;
  }

 private:
  Ingest* const ingest_;
  const std::shared_ptr<GrpcPeer> peer_;
  AgentMessage message_;
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
  explicit Service(Ingest* ingest) : ingest_(ingest) {}

  Reactor* Session(grpc::CallbackServerContext* context) override {
    if (ingest_ == nullptr) return new RefusingReactor(NoStore());
    return new SessionReactor(ingest_, context);
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
      absl::StatusOr<ingest::v1::DescribeNodeResponse> answer = target->DescribeNode(*request);
      if (answer.ok()) *response = *std::move(answer);
      reactor->Finish(answer.ok() ? grpc::Status::OK : ToGrpc(answer.status()));
    });
    return reactor;
  }

 private:
  static grpc::Status NoStore() {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION,
                        "this collector has no store: start it with --data DIR");
  }

  Ingest* const ingest_;
};

}  // namespace

struct GrpcServer::Impl {
  explicit Impl(Ingest* ingest) : service(ingest) {}
  Service service;
  // Handed-over sockets come in here; must not outlive the server's Shutdown.
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
  std::unique_ptr<grpc::Server> server;
};

GrpcServer::GrpcServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GrpcServer::~GrpcServer() = default;

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const Options& options,
                                                              Ingest* ingest) {
  auto impl = std::make_unique<Impl>(ingest);
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(options.message_bytes_max);
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.calls_max);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.RegisterService(&impl->service);
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
