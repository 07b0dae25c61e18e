#include "common/tunnel/call_pipe.h"

#include <utility>

namespace tributary::tunnel {
namespace {

// While so much waits for the queue, nothing more is read.
constexpr size_t kReceivedFramesMax = 16;
constexpr size_t kReceivedBytesMax = 1u << 20;

}  // namespace

void CallState::Begin(FrameCall* call) {
  MutexLock lock(&mu_);
  call_ = call;
  ReadLocked();
}

void CallState::OnRead(bool ok) {
  MutexLock lock(&mu_);
  read_under_way_ = false;
  if (ok) {
    received_bytes_ += reading_.data().size();
    received_.push_back(std::move(reading_));
    reading_ = cluster::v1::TunnelFrame();
    ReadLocked();
    PostDeliver();
  } else {
    EndLocked(absl::OkStatus());
  }
}

void CallState::OnWritten(bool ok) {
  MutexLock lock(&mu_);
  write_under_way_ = false;
  outgoing_.pop_front();
  if (call_ == nullptr) return;
  if (ending_) {
    std::exchange(call_, nullptr)->End(end_);
    return;
  }
  if (!ok) {
    EndLocked(absl::OkStatus());
    return;
  }
  ++sent_;
  WriteLocked();
  PostDeliver();
}

void CallState::OnBroken() {
  MutexLock lock(&mu_);
  EndLocked(absl::OkStatus());
}

void CallState::OnOver(const absl::Status& status) {
  MutexLock lock(&mu_);
  call_ = nullptr;
  over_ = true;
  status_ = status;
  PostDeliver();
}

void CallState::Listen(FramePipeEvents* events) {
  events_ = events;
  MutexLock lock(&mu_);
  PostDeliver();
}

void CallState::Send(cluster::v1::TunnelFrame frame) {
  MutexLock lock(&mu_);
  if (call_ == nullptr || ending_) return;  // OnClosed is on its way
  outgoing_.push_back(std::move(frame));
  WriteLocked();
}

void CallState::End(const absl::Status& status) {
  MutexLock lock(&mu_);
  EndLocked(status);
}

void CallState::Deliver() {
  std::deque<cluster::v1::TunnelFrame> frames;
  int sent = 0;
  bool over = false;
  absl::Status status;
  {
    MutexLock lock(&mu_);
    deliver_posted_ = false;
    if (events_ == nullptr && !over_) return;
    frames.swap(received_);
    received_bytes_ = 0;
    sent = std::exchange(sent_, 0);
    over = over_;
    status = status_;
    ReadLocked();
  }
  // Each may end the pipe.
  for (; sent > 0 && events_ != nullptr; --sent) events_->OnSent();
  for (cluster::v1::TunnelFrame& frame : frames) {
    if (events_ == nullptr) return;
    events_->OnFrame(std::move(frame));
  }
  if (over && events_ != nullptr) std::exchange(events_, nullptr)->OnClosed(status);
}

void CallState::ReadLocked() {
  if (call_ == nullptr || ending_ || read_under_way_) return;
  if (received_.size() >= kReceivedFramesMax || received_bytes_ >= kReceivedBytesMax) return;
  read_under_way_ = true;
  call_->StartRead(&reading_);
}

void CallState::WriteLocked() {
  if (write_under_way_ || outgoing_.empty()) return;
  write_under_way_ = true;
  call_->StartWrite(&outgoing_.front());
}

void CallState::EndLocked(const absl::Status& status) {
  if (call_ == nullptr || ending_) return;
  ending_ = true;
  end_ = status;
  if (write_under_way_) {
    call_->Cancel();
  } else {
    std::exchange(call_, nullptr)->End(status);
  }
}

void CallState::PostDeliver() {
  if (deliver_posted_) return;
  deliver_posted_ = true;
  queue_->Post([state = shared_from_this()] { state->Deliver(); });
}

}  // namespace tributary::tunnel
