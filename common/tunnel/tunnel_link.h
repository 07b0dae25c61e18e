// One end of a running tunnel: the mux, and the pipe its frames travel through.
#ifndef TRIBUTARY_COMMON_TUNNEL_TUNNEL_LINK_H_
#define TRIBUTARY_COMMON_TUNNEL_TUNNEL_LINK_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/clock.h"
#include "common/tunnel/channel_mux.h"
#include "common/tunnel/frame_pipe.h"

namespace tributary::tunnel {

// Not thread-safe: everything happens on one queue, on which the pipe tells its events too.
//
// Life: made, started with its pipe, ended by either end, by silence or by Close. Then every
// channel's owner hears OnReset, and after that `on_over` runs; it may destroy the link.
class TunnelLink : public FramePipeEvents {
 public:
  struct Dependencies {
    WindowPool* pool = nullptr;  // may be null
    MuxEvents* events = nullptr;
    Clock* clock = nullptr;
    std::function<void(const absl::Status& status)> on_over;
  };

  TunnelLink(const ChannelMux::Options& options, Dependencies dependencies);

  // Once.
  void Start(std::unique_ptr<FramePipe> pipe);
  // Once a second.
  void Tick();
  // `status` goes to the other end.
  void Close(const absl::Status& status);

  // Whoever used it calls Flush.
  ChannelMux* mux() { return &mux_; }
  void Flush();

  void OnFrame(cluster::v1::TunnelFrame frame) override;
  void OnSent() override;
  void OnClosed(const absl::Status& status) override;

 private:
  const Dependencies dependencies_;
  ChannelMux mux_;
  std::unique_ptr<FramePipe> pipe_;
  int on_their_way_ = 0;
  bool flushing_ = false;
  bool over_ = false;
};

// The owner's handle of one channel. Does nothing once the channel or its tunnel is over; its own
// end resets a channel that is not.
class Channel {
 public:
  Channel() = default;
  Channel(std::weak_ptr<TunnelLink> link, ChannelId id) : link_(std::move(link)), id_(id) {}
  ~Channel() { Reset("closed"); }
  Channel(Channel&& other) noexcept : link_(std::exchange(other.link_, {})), id_(other.id_) {}
  Channel& operator=(Channel&& other) noexcept {
    std::swap(link_, other.link_);
    std::swap(id_, other.id_);
    return *this;
  }

  // See ChannelMux.
  size_t Room() const;
  void Send(std::string bytes);
  void End();
  void Reset(absl::string_view detail);
  void Consumed(uint64_t bytes);

 private:
  std::weak_ptr<TunnelLink> link_;
  ChannelId id_ = 0;
};

}  // namespace tributary::tunnel

#endif  // TRIBUTARY_COMMON_TUNNEL_TUNNEL_LINK_H_
