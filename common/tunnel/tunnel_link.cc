#include "common/tunnel/tunnel_link.h"

#include <utility>

#include "common/check.h"

namespace tributary::tunnel {
namespace {

// One is being written while the next is at hand. More would only stand in the way of a channel
// that has its turn later.
constexpr int kFramesOnTheirWay = 2;

}  // namespace

TunnelLink::TunnelLink(const ChannelMux::Options& options, Dependencies dependencies)
    : dependencies_(std::move(dependencies)),
      mux_(options, dependencies_.pool, dependencies_.events, dependencies_.clock->Monotonic()) {}

void TunnelLink::Start(std::unique_ptr<FramePipe> pipe) {
  pipe_ = std::move(pipe);
  pipe_->Start(this);
  Flush();
}

void TunnelLink::Tick() {
  if (over_) return;
  const absl::Status status = mux_.Tick(dependencies_.clock->Monotonic());
  if (status.ok()) {
    Flush();
  } else {
    Close(status);
  }
}

void TunnelLink::Close(const absl::Status& status) {
  if (over_) return;
  over_ = true;
  if (pipe_ != nullptr) pipe_->Close(status);
  mux_.Close(std::string(status.message()));
  dependencies_.on_over(status);
}

void TunnelLink::Flush() {
  // A channel that is told of room sends, and comes here again.
  if (flushing_ || over_ || pipe_ == nullptr) return;
  flushing_ = true;
  while (on_their_way_ < kFramesOnTheirWay) {
    std::optional<TunnelFrame> frame = mux_.NextFrame();
    if (!frame.has_value()) break;
    ++on_their_way_;
    pipe_->Send(*std::move(frame));
  }
  flushing_ = false;
}

void TunnelLink::OnFrame(cluster::v1::TunnelFrame frame) {
  if (over_) return;
  const absl::Status status = mux_.OnFrame(std::move(frame), dependencies_.clock->Monotonic());
  if (status.ok()) {
    Flush();
  } else {
    Close(status);
  }
}

void TunnelLink::OnSent() {
  CHECK(on_their_way_ > 0, "a frame left that was never sent");
  --on_their_way_;
  Flush();
}

void TunnelLink::OnClosed(const absl::Status& status) {
  Close(status.ok() ? absl::UnavailableError("the tunnel ended") : status);
}

size_t Channel::Room() const {
  const std::shared_ptr<TunnelLink> link = link_.lock();
  return link == nullptr ? 0 : link->mux()->Room(id_);
}

void Channel::Send(std::string bytes) {
  if (const std::shared_ptr<TunnelLink> link = link_.lock()) {
    link->mux()->Send(id_, std::move(bytes));
    link->Flush();
  }
}

void Channel::End() {
  if (const std::shared_ptr<TunnelLink> link = link_.lock()) {
    link->mux()->End(id_);
    link->Flush();
  }
}

void Channel::Reset(absl::string_view detail) {
  if (const std::shared_ptr<TunnelLink> link = link_.lock()) {
    link->mux()->Reset(id_, detail);
    link->Flush();
  }
}

void Channel::Consumed(uint64_t bytes) {
  if (const std::shared_ptr<TunnelLink> link = link_.lock()) {
    link->mux()->Consumed(id_, bytes);
    link->Flush();
  }
}

}  // namespace tributary::tunnel
