#include "agent/grpc_transport.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/grpc_channel.h"
#include "common/check.h"
#include "common/latch.h"
#include "tributary/ingest/v1/ingest.grpc.pb.h"

namespace tributary::agent {
namespace {

using ingest::v1::AgentMessage;
using ingest::v1::CollectorMessage;

// What is in the pipe when the agent closes, a goodbye above all, gets so long to leave.
constexpr absl::Duration kCloseGrace = absl::Seconds(1);

class SessionCall;

// What the queue's tasks, the call and the transport share.
struct Connection {
  // Only touched on the queue, or after it was stopped.
  TransportEvents* events = nullptr;  // null: nobody listens any more
  SessionCall* call = nullptr;        // null: ended, or none was begun
  bool live = false;                  // Connect was called, OnClosed was not told

  // The call and its hold on the channel are gone. Touched on any thread.
  Latch call_gone;
};

// One call. A hold keeps it alive until the queue has let go of it, so that Write may be called on
// the queue while gRPC ends the call. Deletes itself in OnDone.
class SessionCall : public grpc::ClientBidiReactor<AgentMessage, CollectorMessage> {
 public:
  SessionCall(const GrpcTransportOptions& options, TaskQueue* queue,
              std::shared_ptr<Connection> connection, const std::shared_ptr<grpc::Channel>& channel)
      : options_(options),
        queue_(queue),
        connection_(std::move(connection)),
        stub_(ingest::v1::Ingest::NewStub(channel)) {}

  // The four below on the queue, while connection->call is this.
  void Start() {
    stub_->async()->Session(&context_, this);
    AddHold();
    StartRead(&incoming_);
    StartCall();
  }
  void Write(AgentMessage message) {
    outgoing_ = std::move(message);
    StartWrite(&outgoing_);
  }
  void EndWrites() { StartWritesDone(); }
  void Cancel() { context_.TryCancel(); }
  // The last use by the queue: the call may be gone when this returns.
  void LetGo() { RemoveHold(); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      queue_->Post([connection = connection_, call = this] {
        if (connection->call != call) return;
        connection->call = nullptr;
        call->LetGo();
      });
      return;
    }
    queue_->Post([connection = connection_, message = std::move(incoming_)]() mutable {
      if (connection->events != nullptr) connection->events->OnMessage(std::move(message));
    });
    incoming_ = CollectorMessage();
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return;  // The read ends too, and tells.
    queue_->Post([connection = connection_] {
      if (connection->events != nullptr && connection->call != nullptr) {
        connection->events->OnSent();
      }
    });
  }

  void OnDone(const grpc::Status& status) override {
    absl::Status closed = ToAbslStatus(status, options_);
    if (closed.ok()) closed = absl::UnavailableError("the collector ended the session");
    TaskQueue* const queue = queue_;
    const std::shared_ptr<Connection> connection = connection_;
    // Before anybody is told: the transport gives the channel back when it hears of it, and the
    // last to do so must not be a thread of gRPC. That thread would wait for its own end.
    delete this;
    queue->Post([connection, closed = std::move(closed)]() mutable {
      connection->live = false;
      if (connection->events == nullptr) return;
      std::exchange(connection->events, nullptr)->OnClosed(std::move(closed));
    });
    connection->call_gone.Set();
  }

 private:
  const GrpcTransportOptions options_;
  TaskQueue* const queue_;
  const std::shared_ptr<Connection> connection_;
  const std::unique_ptr<ingest::v1::Ingest::Stub> stub_;
  grpc::ClientContext context_;
  CollectorMessage incoming_;  // owned by the one read
  AgentMessage outgoing_;      // owned by the one write
};

class GrpcTransport : public Transport {
 public:
  GrpcTransport(const GrpcTransportOptions& options, TaskQueue* queue)
      : options_(options), queue_(queue) {}

  ~GrpcTransport() override {
    if (!connection_) return;
    connection_->events = nullptr;
    if (SessionCall* call = std::exchange(connection_->call, nullptr)) {
      call->Cancel();
      call->LetGo();
    }
    connection_->call_gone.Wait();
  }

  void Connect(TransportEvents* events) override {
    CHECK(!connection_ || !connection_->live, "the last connection is not closed");
    // A new one each time: tasks of an older call can reach nothing of this one.
    connection_ = std::make_shared<Connection>();
    connection_->events = events;
    connection_->live = true;
    channel_ = MakeChannel(options_);
    connection_->call = new SessionCall(options_, queue_, connection_, channel_);
    connection_->call->Start();
    // gRPC keeps what is written until the connection stands, or closes.
    queue_->Post([connection = connection_] {
      if (connection->events != nullptr) connection->events->OnConnected();
    });
  }

  void Send(AgentMessage message) override {
    // Nothing is told of a message that is sent into a connection that ended: OnClosed is on its
    // way.
    if (connection_ && connection_->call != nullptr) connection_->call->Write(std::move(message));
  }

  void Close() override {
    if (!connection_ || connection_->call == nullptr) return;
    connection_->call->EndWrites();
    queue_->PostAfter(kCloseGrace, [connection = connection_] {
      if (connection->call != nullptr) connection->call->Cancel();
    });
  }

 private:
  const GrpcTransportOptions options_;
  TaskQueue* const queue_;
  // Those of the last connection. Outlives the call that uses it.
  std::shared_ptr<grpc::Channel> channel_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace

std::unique_ptr<Transport> MakeGrpcTransport(const GrpcTransportOptions& options,
                                             TaskQueue* queue) {
  return std::make_unique<GrpcTransport>(options, queue);
}

}  // namespace tributary::agent
