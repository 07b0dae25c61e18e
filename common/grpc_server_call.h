// One bidirectional call of a gRPC service whose state lives on a task queue: the thin part that
// every such service has. Included by grpc_* files only.
//
//   gRPC's threads --post--> queue: Connect, OnMessage…, OnClosed of the handler
//   queue, or any thread --Send, Close--> gRPC
//
// No more than one message waits for the queue: the next one is read when that was dealt with, and
// nothing is read while too much waits for a peer that does not read itself.
#ifndef TRIBUTARY_COMMON_GRPC_SERVER_CALL_H_
#define TRIBUTARY_COMMON_GRPC_SERVER_CALL_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/task_queue.h"

namespace tributary {

struct GrpcServerCallLimits {
  // While so much waits for a peer that does not read, nothing more is read from it. It is then
  // silent and ends as such; what it makes us keep is bounded.
  uint64_t unread_bytes_max = 1u << 20;
  uint64_t unread_messages_max = 1'024;
  // How long a call that was closed may take to read what is queued for it.
  absl::Duration close_grace = absl::Seconds(5);
};

// What a handler holds of a call. Thread-safe. Outlives the call: after its end all of it is a
// no-op.
template <typename In, typename Out>
class GrpcServerPeer : public std::enable_shared_from_this<GrpcServerPeer<In, Out>> {
 public:
  using Reactor = grpc::ServerBidiReactor<In, Out>;

  GrpcServerPeer(const GrpcServerCallLimits& limits, Reactor* reactor,
                 grpc::CallbackServerContext* context, TaskQueue* queue)
      : limits_(limits),
        queue_(queue),
        address_(Address(context->peer())),
        reactor_(reactor),
        context_(context) {}

  // Queues a message; never blocks. What is queued after Close is dropped.
  void Send(Out message) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (closing_ || finished_) return;
    unread_bytes_ += message.ByteSizeLong();
    outgoing_.push_back(std::move(message));
    Advance();
  }

  // Messages given to Send that have not left yet.
  size_t queued_messages() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return outgoing_.size();
  }

  // Ends the call once what is queued has left.
  void Close() ABSL_LOCKS_EXCLUDED(mu_) {
    {
      MutexLock lock(&mu_);
      closing_ = true;
      Advance();
      if (finished_) return;
    }
    // A peer that reads nothing would hold the call for ever.
    queue_->PostAfter(limits_.close_grace, [peer = this->shared_from_this()] { peer->Cut(); });
  }

  // "10.0.0.7:5123", "[::1]:5123".
  const std::string& address() const { return address_; }

  // The rest is for the call only.

  // The queue has dealt with the last message; `message` is for the next one.
  void ReadNext(In* message) ABSL_LOCKS_EXCLUDED(mu_) {
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

  // The peer says nothing more, or the connection broke.
  void OnReadEnded() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    closing_ = true;
    Advance();
  }

  // The call is over: reactor and context go.
  void Detach() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    finished_ = true;
    reactor_ = nullptr;
    context_ = nullptr;
  }

  // The handler's name for the call. Owned by the queue.
  uint64_t id = 0;

 private:
  // "ipv4:10.0.0.7:5123" -> "10.0.0.7:5123", "ipv6:%5B::1%5D:5123" -> "[::1]:5123".
  static std::string Address(absl::string_view uri) {
    return absl::StrReplaceAll(uri.substr(uri.find(':') + 1),
                               {{"%5B", "["}, {"%5D", "]"}, {"%25", "%"}});
  }

  void Cut() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (context_ != nullptr && !finished_) context_->TryCancel();
  }

  // Starts the next read, unless the peer has too much to read itself.
  void ReadIfRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (next_read_ == nullptr || reactor_ == nullptr || finished_ || closing_) return;
    if (unread_bytes_ > limits_.unread_bytes_max) return;
    if (outgoing_.size() > limits_.unread_messages_max) return;
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

  const GrpcServerCallLimits limits_;
  TaskQueue* const queue_;
  const std::string address_;
  mutable Mutex mu_;
  Reactor* reactor_ ABSL_GUARDED_BY(mu_);
  grpc::CallbackServerContext* context_ ABSL_GUARDED_BY(mu_);
  // The front is being written while writing_; a deque keeps it where it is.
  std::deque<Out> outgoing_ ABSL_GUARDED_BY(mu_);
  uint64_t unread_bytes_ ABSL_GUARDED_BY(mu_) = 0;  // of outgoing_
  // Where the next message is to be read to; null while a read is under way.
  In* next_read_ ABSL_GUARDED_BY(mu_) = nullptr;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
};

// Who deals with the calls. Everything is called on the queue.
template <typename In, typename Out>
class GrpcServerCallHandler {
 public:
  virtual ~GrpcServerCallHandler() = default;
  // A new call; what is returned names it from now on.
  virtual uint64_t Connect(std::shared_ptr<GrpcServerPeer<In, Out>> peer) = 0;
  // `received_at` is on the monotonic clock.
  virtual void OnMessage(uint64_t id, In message, absl::Duration received_at) = 0;
  // The call is over. May be told twice.
  virtual void OnClosed(uint64_t id) = 0;
};

// The reactor of one call. Deletes itself when gRPC is done with it. Handler, queue and clock
// outlive it.
template <typename In, typename Out>
class GrpcServerCall : public grpc::ServerBidiReactor<In, Out> {
 public:
  using Handler = GrpcServerCallHandler<In, Out>;

  GrpcServerCall(const GrpcServerCallLimits& limits, Handler* handler, TaskQueue* queue,
                 Clock* clock, grpc::CallbackServerContext* context)
      : handler_(handler),
        queue_(queue),
        clock_(clock),
        peer_(std::make_shared<GrpcServerPeer<In, Out>>(limits, this, context, queue)) {
    queue_->Post([target = handler_, peer = peer_] { peer->id = target->Connect(peer); });
    peer_->ReadNext(&message_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      queue_->Post([target = handler_, peer = peer_] { target->OnClosed(peer->id); });
      peer_->OnReadEnded();
      return;
    }
    // `message_` belongs to the task until it starts the next read.
    queue_->Post([target = handler_, peer = peer_, message = std::move(message_), slot = &message_,
                  received_at = clock_->Monotonic()]() mutable {
      target->OnMessage(peer->id, std::move(message), received_at);
      peer->ReadNext(slot);
    });
  }

  void OnWriteDone(bool ok) override { peer_->OnWritten(ok); }

  void OnCancel() override { peer_->OnReadEnded(); }

  void OnDone() override {
    peer_->Detach();
    queue_->Post([target = handler_, peer = peer_] { target->OnClosed(peer->id); });
    delete this;
  }

 private:
  Handler* const handler_;
  TaskQueue* const queue_;
  Clock* const clock_;
  const std::shared_ptr<GrpcServerPeer<In, Out>> peer_;
  In message_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_GRPC_SERVER_CALL_H_
