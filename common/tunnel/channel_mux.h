// Many byte streams over one stream of frames: one end of a tunnel, as a state machine without
// transport, clock or sockets. The collector's end opens channels, the end of a node accepts them.
// The frames are those of proto/tributary/cluster/v1/cluster.proto, which has the rules.
//
// Bounded whatever the other end does: of a channel no more is held than its window (received) and
// `queue_bytes_max` (to be sent); the windows of all channels together are `channels_max` times
// `window_bytes`, and the pool.
#ifndef TRIBUTARY_COMMON_TUNNEL_CHANNEL_MUX_H_
#define TRIBUTARY_COMMON_TUNNEL_CHANNEL_MUX_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/tunnel/window_pool.h"
#include "tributary/cluster/v1/cluster.pb.h"

namespace tributary::tunnel {

using ChannelId = uint32_t;
using cluster::v1::TunnelFrame;

// Less is no room: nobody would gain by sending a few bytes in a frame.
inline constexpr size_t kRoomBytesMin = 256;
// The smallest window that an end may have.
inline constexpr uint64_t kWindowBytesMin = 4096;

// The owner of one channel. Told at the end of calls of the mux, which may be used again at once.
// Nothing is told after OnReset, after the owner's own Reset, or after both sides ended.
class ChannelEvents {
 public:
  virtual ~ChannelEvents() = default;
  // At most a frame. `Consumed` must be called when the bytes were handed on.
  virtual void OnData(std::string bytes) = 0;
  // The other side sends nothing more; ours may go on.
  virtual void OnEnd() = 0;
  // The channel is gone. `detail` is for people.
  virtual void OnReset(const std::string& detail) = 0;
  // Room() was 0 and is not any more.
  virtual void OnRoom() = 0;
};

// The owner of a tunnel's end.
class MuxEvents {
 public:
  virtual ~MuxEvents() = default;
  // At the end that opens: the first frame of the other one. An error ends the tunnel.
  virtual absl::Status OnHello(const std::string& token) = 0;
  // At the end that accepts: the collector took the token.
  virtual void OnReady() = 0;
  // At the end that accepts: who owns the new channel from now on, or why nobody does. The owner
  // may use the channel inside this call.
  virtual absl::StatusOr<ChannelEvents*> OnOpen(ChannelId channel, const std::string& service) = 0;
};

// Not thread-safe: belongs to the one thread of its tunnel.
class ChannelMux {
 public:
  enum class Side { kOpens, kAccepts };
  struct Options {
    Side side = Side::kOpens;
    // What the other end may send on a new channel before it gets more credit.
    uint64_t window_bytes = 64u << 10;
    // To what the window of a channel grows while it is what limits it, as far as the pool has it.
    uint64_t window_bytes_max = 1u << 20;
    // Most bytes of one frame. The end that opens decides for both.
    uint32_t frame_bytes_max = 64u << 10;
    // Channels at once. The end that opens decides; the other one has this as its own bound.
    uint32_t channels_max = 256;
    // Most bytes of one channel that wait to be sent.
    size_t queue_bytes_max = 128u << 10;
    // How often an end that has nothing else to say shows that it is there, and after how long a
    // silence the other one is dead. The end that opens decides for both.
    absl::Duration ping = absl::Seconds(5);
    absl::Duration dead_after = absl::Seconds(15);
    // At the end that accepts: TunnelHello.tunnel_token.
    std::string token = {};
  };

  // `pool` may be null: windows do not grow. All pointers must outlive this. `now`, here and below,
  // is the monotonic clock.
  ChannelMux(const Options& options, WindowPool* pool, MuxEvents* events, absl::Duration now);
  ~ChannelMux();
  ChannelMux(const ChannelMux&) = delete;
  ChannelMux& operator=(const ChannelMux&) = delete;

  // A frame from the other end. An error (InvalidArgument for a breach of the rules, else what
  // OnHello said) means that the tunnel must end; the mux is then of no use but for End.
  absl::Status OnFrame(TunnelFrame frame, absl::Duration now);
  // What must be sent next, nullopt if there is nothing. Frames about channels and credit go first,
  // then the channels take turns.
  std::optional<TunnelFrame> NextFrame();
  // Queues a ping when it is time. Unavailable: the other end was silent for too long; the tunnel
  // must end. To be called at least once a second.
  absl::Status Tick(absl::Duration now);
  // The tunnel is over: every owner hears OnReset.
  void Close(const std::string& detail);

  // At the end that opens, after OnHello. ResourceExhausted at `channels_max`, Unavailable before
  // OnHello and after the end.
  absl::StatusOr<ChannelId> Open(const std::string& service, ChannelEvents* owner);

  // The rest is of no effect (and Room is 0) for a channel that is over.

  // How many bytes Send takes now: 0, or at least kRoomBytesMin.
  size_t Room(ChannelId channel) const;
  // `bytes` must not be empty nor more than Room().
  void Send(ChannelId channel, std::string bytes);
  // After what was sent. Once.
  void End(ChannelId channel);
  // At once, in both directions.
  void Reset(ChannelId channel, absl::string_view detail);
  // So many bytes of OnData were handed on.
  void Consumed(ChannelId channel, uint64_t bytes);

  size_t channels() const { return channels_.size(); }
  uint32_t frame_bytes_max() const { return frame_bytes_max_; }
  // Bytes that were received and not consumed, and that wait to be sent; of all channels.
  uint64_t held_bytes() const;

 private:
  struct Channel {
    ChannelEvents* owner = nullptr;
    // To be sent.
    std::deque<std::string> queue;
    size_t queued_bytes = 0;
    uint64_t credit = 0;
    bool in_turn = false;  // in turns_
    bool full = false;     // Room was 0 after the last Send
    bool end_wanted = false;
    bool end_sent = false;
    // Received.
    bool end_received = false;
    uint64_t window = 0;      // what is granted when nothing is held
    uint64_t unused = 0;      // credit that the other end still has
    uint64_t held = 0;        // received and not consumed
    uint64_t unreturned = 0;  // consumed and not granted again
    uint64_t returning = 0;   // the grant that waits to be sent
  };
  using Channels = std::map<ChannelId, Channel>;

  absl::Status OnTunnelFrame(TunnelFrame frame);
  absl::Status OnHello(const cluster::v1::TunnelHello& hello);
  absl::Status OnReady(const cluster::v1::TunnelReady& ready);
  absl::Status OnOpen(ChannelId id, const std::string& service);
  absl::Status OnData(Channels::iterator place, std::string bytes);
  absl::Status OnWindow(Channels::iterator place, uint64_t bytes);
  absl::Status OnEnd(Channels::iterator place);
  Channel* Add(ChannelId id, ChannelEvents* owner);
  Channel* Find(ChannelId id);
  const Channel* Find(ChannelId id) const;
  // Forgets the channel; its window goes back to the pool.
  void Erase(Channels::iterator place);
  void EraseIfEnded(Channels::iterator place);
  void TakeTurn(ChannelId id, Channel* channel);
  size_t RoomOf(const Channel& channel) const;
  // The owner, if it must be told that there is room again; else null.
  ChannelEvents* TakeRoomNews(Channel* channel) const;
  void QueueReset(ChannelId id, absl::string_view detail);
  bool ReadsNothing() const;
  // Credit for what was consumed, and more where the window is what limits.
  void Return(ChannelId id, Channel* channel);

  const Options options_;
  WindowPool* const pool_;
  MuxEvents* const events_;
  // Agreed on by hello and ready.
  bool open_ = false;
  bool closed_ = false;
  uint32_t frame_bytes_max_;
  uint32_t channels_max_;
  absl::Duration ping_;
  absl::Duration dead_after_;
  uint64_t their_window_bytes_ = 0;

  Channels channels_;
  ChannelId last_id_ = 0;
  std::deque<TunnelFrame> control_;
  std::deque<ChannelId> returns_;  // channels with `returning`
  std::deque<ChannelId> turns_;    // channels with something to send
  absl::Duration heard_at_;
  absl::Duration pinged_at_;
  uint64_t ping_number_ = 0;
  bool ping_queued_ = false;
  bool answer_queued_ = false;
};

}  // namespace tributary::tunnel

#endif  // TRIBUTARY_COMMON_TUNNEL_CHANNEL_MUX_H_
