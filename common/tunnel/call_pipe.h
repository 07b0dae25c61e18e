// A frame pipe over a call whose reads and writes complete on other threads, as those of gRPC do.
#ifndef TRIBUTARY_COMMON_TUNNEL_CALL_PIPE_H_
#define TRIBUTARY_COMMON_TUNNEL_CALL_PIPE_H_

#include <cstddef>
#include <deque>
#include <memory>

#include "absl/status/status.h"
#include "common/mutex.h"
#include "common/task_queue.h"
#include "common/tunnel/frame_pipe.h"

namespace tributary::tunnel {

// The call: one read and one write are under way at the most. Called under a lock, so nothing may
// complete inside these calls.
class FrameCall {
 public:
  virtual ~FrameCall() = default;
  virtual void StartRead(cluster::v1::TunnelFrame* frame) = 0;
  virtual void StartWrite(const cluster::v1::TunnelFrame* frame) = 0;
  // What is under way must complete soon, with an error if it would not otherwise.
  virtual void Cancel() = 0;
  // No write is under way, and nothing will be started any more; a read completes. The last call.
  virtual void End(const absl::Status& status) = 0;
};

// Between the two: what the call completes goes to the queue in its order, and no more than some
// frames wait there. Shared by the call, which tells what completed, and the pipe that was made of
// it.
class CallState : public std::enable_shared_from_this<CallState> {
 public:
  // `queue` must outlive the call and the pipe.
  explicit CallState(TaskQueue* queue) : queue_(queue) {}

  // By the call's threads. `call` lives until OnOver.
  void Begin(FrameCall* call) ABSL_LOCKS_EXCLUDED(mu_);
  void OnRead(bool ok) ABSL_LOCKS_EXCLUDED(mu_);
  void OnWritten(bool ok) ABSL_LOCKS_EXCLUDED(mu_);
  // The other end is gone; heard of even while nothing is read.
  void OnBroken() ABSL_LOCKS_EXCLUDED(mu_);
  // Nothing of the call is used after this returned.
  void OnOver(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  friend class CallPipe;

  // On the queue.
  void Listen(FramePipeEvents* events) ABSL_LOCKS_EXCLUDED(mu_);
  void StopListening() { events_ = nullptr; }
  void Send(cluster::v1::TunnelFrame frame) ABSL_LOCKS_EXCLUDED(mu_);
  void End(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void Deliver() ABSL_LOCKS_EXCLUDED(mu_);

  void ReadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WriteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void PostDeliver() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  TaskQueue* const queue_;
  FramePipeEvents* events_ = nullptr;  // owned by the queue

  Mutex mu_;
  FrameCall* call_ ABSL_GUARDED_BY(mu_) = nullptr;  // null: not begun, ended or over
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mu_);  // to be told when the write under way is complete
  cluster::v1::TunnelFrame reading_ ABSL_GUARDED_BY(mu_);  // the call's while read_under_way_
  bool read_under_way_ ABSL_GUARDED_BY(mu_) = false;
  std::deque<cluster::v1::TunnelFrame> received_ ABSL_GUARDED_BY(mu_);
  size_t received_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  // The front is the call's while write_under_way_; a deque keeps it where it is.
  std::deque<cluster::v1::TunnelFrame> outgoing_ ABSL_GUARDED_BY(mu_);
  bool write_under_way_ ABSL_GUARDED_BY(mu_) = false;
  int sent_ ABSL_GUARDED_BY(mu_) = 0;  // and not told
  bool over_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  bool deliver_posted_ ABSL_GUARDED_BY(mu_) = false;
};

class CallPipe : public FramePipe {
 public:
  explicit CallPipe(std::shared_ptr<CallState> state) : state_(std::move(state)) {}
  ~CallPipe() override {
    state_->StopListening();
    state_->End(absl::CancelledError("the tunnel is not needed any more"));
  }

  void Start(FramePipeEvents* events) override { state_->Listen(events); }
  void Send(cluster::v1::TunnelFrame frame) override { state_->Send(std::move(frame)); }
  void Close(const absl::Status& status) override { state_->End(status); }

 private:
  const std::shared_ptr<CallState> state_;
};

}  // namespace tributary::tunnel

#endif  // TRIBUTARY_COMMON_TUNNEL_CALL_PIPE_H_
