#include "collector/ingest/grpc_service.h"

#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "common/mutex.h"
#include "tributary/ingest/v1/ingest.grpc.pb.h"

namespace tributary {
namespace {

using ingest::v1::AgentMessage;
using ingest::v1::CollectorMessage;
using Reactor = grpc::ServerBidiReactor<AgentMessage, CollectorMessage>;

// "ipv4:10.0.0.7:5123" -> "10.0.0.7:5123", "ipv6:%5B::1%5D:5123" -> "[::1]:5123".
std::string PeerAddress(absl::string_view uri) {
  return absl::StrReplaceAll(uri.substr(uri.find(':') + 1),
                             {{"%5B", "["}, {"%5D", "]"}, {"%25", "%"}});
}

// What the session table holds of a call. Outlives the call: after Detach all of it is a no-op.
class GrpcPeer : public SessionPeer, public std::enable_shared_from_this<GrpcPeer> {
 public:
  GrpcPeer(const GrpcServer::Options& options, Reactor* reactor,
           grpc::CallbackServerContext* context, TaskQueue* queue)
      : options_(options),
        queue_(queue),
        address_(PeerAddress(context->peer())),
        reactor_(reactor),
        context_(context) {}

  void Send(CollectorMessage message) override ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (closing_ || finished_) return;
    unread_bytes_ += message.ByteSizeLong();
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
      closing_ = true;
      Advance();
      if (finished_) return;
    }
    // A peer that reads nothing would hold the call for ever.
    queue_->PostAfter(options_.close_grace, [peer = shared_from_this()] { peer->Cut(); });
  }

  std::string address() const override { return address_; }

  // The session queue has dealt with the last message; `message` is for the next one.
  void ReadNext(AgentMessage* message) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    next_read_ = message;
    ReadIfRead();
  }

  void OnWritten(bool ok) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    writing_ = false;
    unread_bytes_ -= outgoing_.front().ByteSizeLong();
    outgoing_.pop_front();
    if (!ok) {
      closing_ = true;
      outgoing_.clear();
    }
    Advance();
    ReadIfRead();
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
  // Starts the next read, unless the agent has too much to read itself.
  void ReadIfRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (next_read_ == nullptr || reactor_ == nullptr || finished_ || closing_) return;
    if (unread_bytes_ > options_.unread_bytes_max) return;
    if (outgoing_.size() > options_.unread_messages_max) return;
    reactor_->StartRead(std::exchange(next_read_, nullptr));
  }

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

  const GrpcServer::Options options_;
  TaskQueue* const queue_;
  const std::string address_;
  mutable Mutex mu_;
  Reactor* reactor_ ABSL_GUARDED_BY(mu_);
  grpc::CallbackServerContext* context_ ABSL_GUARDED_BY(mu_);
  // The front is being written while writing_; a deque keeps it where it is.
  std::deque<CollectorMessage> outgoing_ ABSL_GUARDED_BY(mu_);
  uint64_t unread_bytes_ ABSL_GUARDED_BY(mu_) = 0;  // of outgoing_
  // Where the next message is to be read to; null while a read is under way.
  AgentMessage* next_read_ ABSL_GUARDED_BY(mu_) = nullptr;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
};

// One call of Session. Deletes itself when gRPC is done with it.
class SessionReactor : public Reactor {
 public:
  SessionReactor(const GrpcServer::Options& options, Ingest* ingest,
                 grpc::CallbackServerContext* context)
      : ingest_(ingest),
        peer_(std::make_shared<GrpcPeer>(options, this, context, ingest->session_queue())) {
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
  Service(const GrpcServer::Options& options, Ingest* ingest)
      : options_(options), ingest_(ingest) {}

  Reactor* Session(grpc::CallbackServerContext* context) override {
    if (ingest_ == nullptr) return new RefusingReactor(NoStore());
    return new SessionReactor(options_, ingest_, context);
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

  const GrpcServer::Options options_;
  Ingest* const ingest_;
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
