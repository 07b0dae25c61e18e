#include "common/tunnel/tunnel_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>

#include "tests/support/fake_clock.h"

namespace tributary::tunnel {
namespace {

class Owner : public ChannelEvents {
 public:
  void OnData(std::string bytes) override {
    data += bytes;
    channel.Consumed(bytes.size());
  }
  void OnEnd() override {}
  void OnReset(const std::string& detail) override { reset = detail; }
  void OnRoom() override {
    // As a socket that has more to read.
    if (const size_t room = channel.Room()) channel.Send(std::string(room, 'r'));
  }
  Channel channel;
  std::string data;
  std::string reset;
};

struct Wire {
  std::deque<TunnelFrame> frames;
  bool closed = false;
  absl::Status status;
};

class WirePipe : public FramePipe {
 public:
  explicit WirePipe(Wire* wire) : wire_(wire) {}
  void Start(FramePipeEvents*) override {}
  void Send(TunnelFrame frame) override { wire_->frames.push_back(std::move(frame)); }
  void Close(const absl::Status& status) override {
    wire_->closed = true;
    wire_->status = status;
  }

 private:
  Wire* const wire_;
};

class TunnelLinkTest : public ::testing::Test, public MuxEvents {
 protected:
  TunnelLinkTest() {
    TunnelLink::Dependencies dependencies;
    dependencies.events = this;
    dependencies.clock = &clock_;
    dependencies.on_over = [this](const absl::Status& status) { over_ = status; };
    ChannelMux::Options options;
    collector_ = std::make_shared<TunnelLink>(options, dependencies);
    collector_->Start(std::make_unique<WirePipe>(&wire_));
    TunnelFrame hello;
    hello.mutable_hello()->set_window_bytes(1u << 20);
    collector_->OnFrame(hello);
    Sent();
  }
  absl::Status OnHello(const std::string&) override { return absl::OkStatus(); }
  void OnReady() override {}
  absl::StatusOr<ChannelEvents*> OnOpen(ChannelId, const std::string&) override {
    return absl::NotFoundError("");
  }
  void Open() {
    const absl::StatusOr<ChannelId> id = collector_->mux()->Open("board", &owner_);
    ASSERT_TRUE(id.ok());
    collector_->Flush();
    owner_.channel = Channel(collector_, *id);
  }
  // All that is on the wire has left.
  void Sent() {
    while (!wire_.frames.empty()) {
      wire_.frames.pop_front();
      collector_->OnSent();
    }
  }

  FakeClock clock_;
  Wire wire_;
  absl::Status over_;
  Owner owner_;
  std::shared_ptr<TunnelLink> collector_;
};

TEST_F(TunnelLinkTest, NoMoreThanTwoFramesAreOnTheirWay) {
  Open();
  owner_.channel.Send(std::string(owner_.channel.Room(), 'x'));
  EXPECT_EQ(wire_.frames.size(), 2u);  // open, data
  collector_->OnSent();
  EXPECT_EQ(wire_.frames.size(), 3u);
}

TEST_F(TunnelLinkTest, AnOwnerThatSendsWhenToldOfRoomFillsTheWire) {
  Open();
  owner_.channel.Send(std::string(owner_.channel.Room(), 'x'));
  for (int i = 0; i < 100; ++i) Sent();
  uint64_t total = 0;
  EXPECT_EQ(owner_.channel.Room(), 0u);  // the credit of 1 MiB is used up
  for (const TunnelFrame& frame : wire_.frames) total += frame.data().size();
  EXPECT_EQ(total, 0u);
}

TEST_F(TunnelLinkTest, ABreachEndsTheTunnelAndTellsBothSides) {
  Open();
  TunnelFrame frame;
  frame.set_channel(77);
  frame.set_data("x");
  collector_->OnFrame(frame);
  EXPECT_TRUE(wire_.closed);
  EXPECT_EQ(wire_.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(over_.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(owner_.reset, ::testing::HasSubstr("never opened"));
  // A handle that is left over does nothing.
  EXPECT_EQ(owner_.channel.Room(), 0u);
  owner_.channel.End();
}

TEST_F(TunnelLinkTest, HalfOpen_SilenceEndsIt) {
  Open();
  for (int second = 0; second < 14; ++second) {
    clock_.Advance(absl::Seconds(1));
    collector_->Tick();
  }
  EXPECT_TRUE(over_.ok());
  clock_.Advance(absl::Seconds(1));
  collector_->Tick();
  EXPECT_EQ(over_.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(wire_.closed);
}

TEST_F(TunnelLinkTest, AHandleOutlivesItsTunnel) {
  Open();
  collector_.reset();
  owner_.channel.Consumed(1);
  owner_.channel.Reset("late");
}

}  // namespace
}  // namespace tributary::tunnel
