// Frames of the other end of a tunnel: whatever comes, what is held stays bounded, and the tunnel
// either goes on or ends.
//
// Input: the side (one byte), then frames, each with a length of two bytes, little-endian.
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "common/check.h"
#include "common/tunnel/channel_mux.h"

namespace tributary::tunnel {
namespace {

constexpr uint64_t kWindow = 8192;
constexpr uint64_t kWindowMax = 32768;
constexpr uint32_t kChannels = 8;
constexpr uint64_t kPool = 100'000;
constexpr size_t kQueue = 4096;

class Owner : public ChannelEvents {
 public:
  void OnData(std::string bytes) override {
    CHECK(!over && !bytes.empty());
    held += bytes.size();
  }
  void OnEnd() override { CHECK(!over); }
  void OnReset(const std::string&) override {
    CHECK(!over);
    over = true;
  }
  void OnRoom() override { CHECK(!over); }

  uint64_t held = 0;
  bool over = false;
};

class Site : public MuxEvents {
 public:
  absl::Status OnHello(const std::string& token) override {
    return token == "no" ? absl::UnauthenticatedError("no") : absl::OkStatus();
  }
  void OnReady() override {}
  absl::StatusOr<ChannelEvents*> OnOpen(ChannelId channel, const std::string& service) override {
    if (service == "no") return absl::NotFoundError("no");
    return &owners[channel];
  }
  std::map<ChannelId, Owner> owners;
};

// As the owners of channels do in the programs: they read some, send some, end and reset some.
void Use(ChannelMux* mux, ChannelId id, Owner* owner, int step) {
  if (owner->over) return;
  if (step % 3 == 0) {
    mux->Consumed(id, owner->held);
    owner->held = 0;
  }
  if (const size_t room = mux->Room(id); room > 0 && step % 5 != 0 && id % 3 != 0) {
    mux->Send(id, std::string(room < 700 ? room : 700, 'x'));
  }
  if (step % 11 == 0 && id % 3 == 0) mux->End(id);
  if (step % 17 == 0) {
    mux->Reset(id, "over");
    owner->over = true;
  }
}

}  // namespace
}  // namespace tributary::tunnel

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tributary::tunnel;
  if (size == 0) return 0;
  ChannelMux::Options options;
  options.side = data[0] % 2 == 0 ? ChannelMux::Side::kOpens : ChannelMux::Side::kAccepts;
  options.window_bytes = kWindow;
  options.window_bytes_max = kWindowMax;
  options.frame_bytes_max = 2048;
  options.channels_max = kChannels;
  options.queue_bytes_max = kQueue;
  WindowPool pool(kPool);
  Site site;
  bool ended = false;
  {
    ChannelMux mux(options, &pool, &site, absl::ZeroDuration());
    int step = 0;
    for (size_t at = 1; at + 2 <= size && !ended; ++step) {
      const size_t length = data[at] | (size_t{data[at + 1]} << 8);
      at += 2;
      if (length > size - at) break;
      TunnelFrame frame;
      const bool parsed = frame.ParseFromArray(data + at, static_cast<int>(length));
      at += length;
      if (!parsed) break;
      if (!mux.OnFrame(std::move(frame), absl::Seconds(step)).ok()) {
        mux.Close("breach");
        ended = true;
      }
      if (!ended && options.side == ChannelMux::Side::kOpens) {
        // The number that it will have.
        Owner* const owner = &site.owners[static_cast<ChannelId>(site.owners.size() + 1)];
        if (!mux.Open("board", owner).ok()) site.owners.erase(std::prev(site.owners.end()));
      }
      for (auto& [id, owner] : site.owners) Use(&mux, id, &owner, step);
      (void)mux.Tick(absl::Seconds(step));
      for (int i = 0; i < step % 7; ++i) {
        if (const auto next = mux.NextFrame()) CHECK(next->data().size() <= mux.frame_bytes_max());
      }
      CHECK(mux.channels() <= kChannels);
      CHECK(mux.held_bytes() <= kChannels * (kWindow + kQueue) + kPool);
    }
  }
  CHECK(pool.left_bytes() == kPool);
  return 0;
}
