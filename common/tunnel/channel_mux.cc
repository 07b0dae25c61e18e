#include "common/tunnel/channel_mux.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/status_macros.h"

namespace tributary::tunnel {
namespace {

constexpr uint32_t kFrameBytesMin = 1024;
constexpr uint32_t kFrameBytesLimit = 1u << 20;
// Far above any window: more would only be an attempt to overflow.
constexpr uint64_t kCreditLimit = uint64_t{1} << 40;
// Details are for people.
constexpr size_t kDetailBytesMax = 512;

absl::Status Breach(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("the other end of the tunnel ", what));
}

}  // namespace

ChannelMux::ChannelMux(const Options& options, WindowPool* pool, MuxEvents* events,
                       absl::Duration now)
    : options_(options),
      pool_(pool),
      events_(events),
      frame_bytes_max_(options.frame_bytes_max),
      channels_max_(options.channels_max),
      ping_(options.ping),
      dead_after_(options.dead_after),
      heard_at_(now),
      pinged_at_(now) {
  CHECK(options.window_bytes >= kWindowBytesMin && options.window_bytes <= options.window_bytes_max,
        "a window of ", options.window_bytes, " to ", options.window_bytes_max, " bytes");
  if (options_.side == Side::kOpens) return;
  TunnelFrame hello;
  hello.mutable_hello()->set_tunnel_token(options_.token);
  hello.mutable_hello()->set_window_bytes(options_.window_bytes);
  control_.push_back(std::move(hello));
}

ChannelMux::~ChannelMux() {
  while (!channels_.empty()) Erase(channels_.begin());
}

absl::Status ChannelMux::OnFrame(TunnelFrame frame, absl::Duration now) {
  if (closed_) return absl::UnavailableError("the tunnel is closed");
  heard_at_ = now;
  switch (frame.frame_case()) {
    case TunnelFrame::FRAME_NOT_SET:  // of a later version
      return absl::OkStatus();
    case TunnelFrame::kHello:
    case TunnelFrame::kReady:
    case TunnelFrame::kPing:
      return OnTunnelFrame(std::move(frame));
    default:
      break;
  }
  if (!open_) return Breach("used a channel before hello and ready");
  if (frame.frame_case() == TunnelFrame::kOpen) {
    return OnOpen(frame.channel(), frame.open().service());
  }
  if (frame.channel() == 0 || frame.channel() > last_id_) {
    return Breach(absl::StrCat("used channel ", frame.channel(), ", which was never opened"));
  }
  const auto place = channels_.find(frame.channel());
  // What was under way when this side ended the channel.
  if (place == channels_.end()) return absl::OkStatus();
  switch (frame.frame_case()) {
    case TunnelFrame::kData:
      return OnData(place, std::move(*frame.mutable_data()));
    case TunnelFrame::kWindow:
      return OnWindow(place, frame.window());
    case TunnelFrame::kEnd:
      return OnEnd(place);
    default: {
      ChannelEvents* const owner = place->second.owner;
      Erase(place);
      owner->OnReset(frame.reset().detail().substr(0, kDetailBytesMax));
      return absl::OkStatus();
    }
  }
}

absl::Status ChannelMux::OnTunnelFrame(TunnelFrame frame) {
  if (frame.has_hello()) return OnHello(frame.hello());
  if (frame.has_ready()) return OnReady(frame.ready());
  if (frame.ping().answer() || answer_queued_) return absl::OkStatus();
  answer_queued_ = true;
  frame.mutable_ping()->set_answer(true);
  control_.push_back(std::move(frame));
  return absl::OkStatus();
}

absl::Status ChannelMux::OnHello(const cluster::v1::TunnelHello& hello) {
  if (options_.side != Side::kOpens || open_) return Breach("said hello out of turn");
  if (hello.window_bytes() < kWindowBytesMin || hello.window_bytes() > kCreditLimit) {
    return Breach(absl::StrCat("has a window of ", hello.window_bytes(), " bytes"));
  }
  RETURN_IF_ERROR(events_->OnHello(hello.tunnel_token()));
  their_window_bytes_ = hello.window_bytes();
  open_ = true;
  TunnelFrame frame;
  cluster::v1::TunnelReady* const ready = frame.mutable_ready();
  ready->set_window_bytes(options_.window_bytes);
  ready->set_frame_bytes_max(frame_bytes_max_);
  ready->set_channels_max(channels_max_);
  ready->set_ping_nanos(absl::ToInt64Nanoseconds(ping_));
  ready->set_dead_after_nanos(absl::ToInt64Nanoseconds(dead_after_));
  control_.push_back(std::move(frame));
  return absl::OkStatus();
}

absl::Status ChannelMux::OnReady(const cluster::v1::TunnelReady& ready) {
  if (options_.side != Side::kAccepts || open_) return Breach("said ready out of turn");
  if (ready.window_bytes() < kWindowBytesMin || ready.window_bytes() > kCreditLimit) {
    return Breach(absl::StrCat("has a window of ", ready.window_bytes(), " bytes"));
  }
  if (ready.frame_bytes_max() < kFrameBytesMin || ready.frame_bytes_max() > kFrameBytesLimit) {
    return Breach(absl::StrCat("wants frames of ", ready.frame_bytes_max(), " bytes"));
  }
  if (ready.ping_nanos() <= 0 || ready.dead_after_nanos() <= ready.ping_nanos()) {
    return Breach("wants pings at impossible times");
  }
  their_window_bytes_ = ready.window_bytes();
  frame_bytes_max_ = ready.frame_bytes_max();
  channels_max_ = std::min(channels_max_, ready.channels_max());
  ping_ = absl::Nanoseconds(ready.ping_nanos());
  dead_after_ = absl::Nanoseconds(ready.dead_after_nanos());
  open_ = true;
  events_->OnReady();
  return absl::OkStatus();
}

absl::Status ChannelMux::OnOpen(ChannelId id, const std::string& service) {
  if (options_.side != Side::kAccepts) return Breach("opened a channel, which only we do");
  if (id <= last_id_) return Breach(absl::StrCat("opened channel ", id, " again"));
  if (ReadsNothing()) return Breach("opens channels and reads no answer");
  last_id_ = id;
  if (channels_.size() >= channels_max_) {
    QueueReset(id, "too many connections at once");
    return absl::OkStatus();
  }
  Add(id, nullptr);
  const absl::StatusOr<ChannelEvents*> owner = events_->OnOpen(id, service);
  Channel* const channel = Find(id);
  if (channel == nullptr) return absl::OkStatus();  // reset by its owner at once
  if (owner.ok()) {
    channel->owner = *owner;
  } else {
    Reset(id, owner.status().message());
  }
  return absl::OkStatus();
}

absl::Status ChannelMux::OnData(Channels::iterator place, std::string bytes) {
  Channel& channel = place->second;
  if (bytes.empty()) return Breach("sent data without any");
  if (bytes.size() > frame_bytes_max_) {
    return Breach(
        absl::StrCat("sent a frame of ", bytes.size(), " bytes, of at most ", frame_bytes_max_));
  }
  if (channel.end_received) return Breach("sent data after its end");
  if (bytes.size() > channel.unused) {
    return Breach(absl::StrCat("sent ", bytes.size(), " bytes with a credit of ", channel.unused));
  }
  channel.unused -= bytes.size();
  channel.held += bytes.size();
  channel.owner->OnData(std::move(bytes));
  return absl::OkStatus();
}

absl::Status ChannelMux::OnWindow(Channels::iterator place, uint64_t bytes) {
  Channel& channel = place->second;
  if (bytes > kCreditLimit || channel.credit + bytes > kCreditLimit) {
    return Breach("gave a credit beyond all bounds");
  }
  channel.credit += bytes;
  if (ChannelEvents* const owner = TakeRoomNews(&channel)) owner->OnRoom();
  return absl::OkStatus();
}

absl::Status ChannelMux::OnEnd(Channels::iterator place) {
  if (place->second.end_received) return Breach("ended a channel twice");
  ChannelEvents* const owner = place->second.owner;
  place->second.end_received = true;
  EraseIfEnded(place);
  owner->OnEnd();
  return absl::OkStatus();
}

std::optional<TunnelFrame> ChannelMux::NextFrame() {
  if (closed_) return std::nullopt;
  if (!control_.empty()) {
    TunnelFrame frame = std::move(control_.front());
    control_.pop_front();
    if (frame.has_ping()) (frame.ping().answer() ? answer_queued_ : ping_queued_) = false;
    return frame;
  }
  while (!returns_.empty()) {
    const ChannelId id = returns_.front();
    returns_.pop_front();
    Channel* const channel = Find(id);
    if (channel == nullptr) continue;
    TunnelFrame frame;
    frame.set_channel(id);
    frame.set_window(std::exchange(channel->returning, 0));
    return frame;
  }
  while (!turns_.empty()) {
    const ChannelId id = turns_.front();
    turns_.pop_front();
    const auto place = channels_.find(id);
    if (place == channels_.end()) continue;
    Channel& channel = place->second;
    channel.in_turn = false;
    TunnelFrame frame;
    frame.set_channel(id);
    if (channel.queue.empty()) {
      frame.mutable_end();
      channel.end_sent = true;
      EraseIfEnded(place);
      return frame;
    }
    channel.queued_bytes -= channel.queue.front().size();
    frame.set_data(std::move(channel.queue.front()));
    channel.queue.pop_front();
    TakeTurn(id, &channel);
    if (ChannelEvents* const owner = TakeRoomNews(&channel)) owner->OnRoom();
    return frame;
  }
  return std::nullopt;
}

absl::Status ChannelMux::Tick(absl::Duration now) {
  if (closed_) return absl::OkStatus();
  if (now - heard_at_ >= dead_after_) {
    return absl::UnavailableError(absl::StrCat("the other end of the tunnel was silent for ",
                                               absl::FormatDuration(now - heard_at_)));
  }
  if (now - pinged_at_ < ping_) return absl::OkStatus();
  pinged_at_ = now;
  if (ping_queued_) return absl::OkStatus();
  ping_queued_ = true;
  TunnelFrame frame;
  frame.mutable_ping()->set_number(++ping_number_);
  control_.push_back(std::move(frame));
  return absl::OkStatus();
}

void ChannelMux::Close(const std::string& detail) {
  closed_ = true;
  while (!channels_.empty()) {
    ChannelEvents* const owner = channels_.begin()->second.owner;
    Erase(channels_.begin());
    owner->OnReset(detail);
  }
}

absl::StatusOr<ChannelId> ChannelMux::Open(const std::string& service, ChannelEvents* owner) {
  CHECK(options_.side == Side::kOpens, "the accepting end opened a channel");
  if (!open_ || closed_) return absl::UnavailableError("the tunnel is not open");
  if (channels_.size() >= channels_max_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("there are ", channels_.size(), " connections at once"));
  }
  if (ReadsNothing()) return absl::UnavailableError("the other end of the tunnel reads nothing");
  if (last_id_ == UINT32_MAX) return absl::UnavailableError("the tunnel has no numbers left");
  Add(++last_id_, owner);
  TunnelFrame frame;
  frame.set_channel(last_id_);
  frame.mutable_open()->set_service(service);
  control_.push_back(std::move(frame));
  return last_id_;
}

size_t ChannelMux::Room(ChannelId channel) const {
  const Channel* const found = Find(channel);
  return found == nullptr ? 0 : RoomOf(*found);
}

void ChannelMux::Send(ChannelId channel, std::string bytes) {
  Channel* const found = Find(channel);
  if (found == nullptr) return;
  CHECK(!found->end_wanted, "data after the end of channel ", channel);
  CHECK(!bytes.empty() && bytes.size() <= RoomOf(*found), bytes.size(), " bytes for a room of ",
        RoomOf(*found));
  found->credit -= bytes.size();
  found->queued_bytes += bytes.size();
  if (bytes.size() <= frame_bytes_max_) {
    found->queue.push_back(std::move(bytes));
  } else {
    for (size_t at = 0; at < bytes.size(); at += frame_bytes_max_) {
      found->queue.push_back(bytes.substr(at, frame_bytes_max_));
    }
  }
  found->full = RoomOf(*found) == 0;
  TakeTurn(channel, found);
}

void ChannelMux::End(ChannelId channel) {
  Channel* const found = Find(channel);
  if (found == nullptr || found->end_wanted) return;
  found->end_wanted = true;
  TakeTurn(channel, found);
}

void ChannelMux::Reset(ChannelId channel, absl::string_view detail) {
  const auto place = channels_.find(channel);
  if (place == channels_.end()) return;
  Erase(place);
  QueueReset(channel, detail);
}

void ChannelMux::Consumed(ChannelId channel, uint64_t bytes) {
  Channel* const found = Find(channel);
  if (found == nullptr) return;
  CHECK(bytes <= found->held, bytes, " bytes handed on of ", found->held);
  found->held -= bytes;
  found->unreturned += bytes;
  Return(channel, found);
}

void ChannelMux::Return(ChannelId id, Channel* channel) {
  if (channel->end_received || channel->unreturned < channel->window / 2) return;
  uint64_t grant = std::exchange(channel->unreturned, 0);
  // Much is on its way or used up: the link could take more than the window lets through.
  const bool limits = channel->unused <= channel->window / 4;
  const uint64_t growth = std::min(channel->window, options_.window_bytes_max - channel->window);
  if (limits && growth > 0 && pool_ != nullptr && pool_->Take(growth)) {
    channel->window += growth;
    grant += growth;
  }
  channel->unused += grant;
  if (channel->returning == 0) returns_.push_back(id);
  channel->returning += grant;
}

uint64_t ChannelMux::held_bytes() const {
  uint64_t bytes = 0;
  for (const auto& [id, channel] : channels_) bytes += channel.held + channel.queued_bytes;
  return bytes;
}

ChannelMux::Channel* ChannelMux::Add(ChannelId id, ChannelEvents* owner) {
  Channel& channel = channels_[id];
  channel.owner = owner;
  channel.credit = their_window_bytes_;
  channel.window = options_.window_bytes;
  channel.unused = options_.window_bytes;
  return &channel;
}

ChannelMux::Channel* ChannelMux::Find(ChannelId id) {
  const auto place = channels_.find(id);
  return place == channels_.end() ? nullptr : &place->second;
}

const ChannelMux::Channel* ChannelMux::Find(ChannelId id) const {
  const auto place = channels_.find(id);
  return place == channels_.end() ? nullptr : &place->second;
}

void ChannelMux::Erase(Channels::iterator place) {
  if (pool_ != nullptr) pool_->GiveBack(place->second.window - options_.window_bytes);
  channels_.erase(place);
}

void ChannelMux::EraseIfEnded(Channels::iterator place) {
  if (place->second.end_sent && place->second.end_received) Erase(place);
}

void ChannelMux::TakeTurn(ChannelId id, Channel* channel) {
  const bool something = !channel->queue.empty() || (channel->end_wanted && !channel->end_sent);
  if (channel->in_turn || !something) return;
  channel->in_turn = true;
  turns_.push_back(id);
}

size_t ChannelMux::RoomOf(const Channel& channel) const {
  if (channel.queued_bytes >= options_.queue_bytes_max) return 0;
  const uint64_t room =
      std::min<uint64_t>(channel.credit, options_.queue_bytes_max - channel.queued_bytes);
  return room < kRoomBytesMin ? 0 : static_cast<size_t>(room);
}

ChannelEvents* ChannelMux::TakeRoomNews(Channel* channel) const {
  if (!channel->full || RoomOf(*channel) == 0 || channel->end_wanted) return nullptr;
  channel->full = false;
  return channel->owner;
}

void ChannelMux::QueueReset(ChannelId id, absl::string_view detail) {
  TunnelFrame frame;
  frame.set_channel(id);
  frame.mutable_reset()->set_detail(std::string(detail.substr(0, kDetailBytesMax)));
  control_.push_back(std::move(frame));
}

bool ChannelMux::ReadsNothing() const { return control_.size() > 4 * size_t{channels_max_} + 64; }

}  // namespace tributary::tunnel
