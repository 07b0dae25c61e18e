#include "collector/gateway/tunnel_hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "tests/support/fake_clock.h"
#include "tests/support/manual_task_queue.h"
#include "tests/support/memory_pipe.h"

namespace tributary::gateway {
namespace {

class Tokens : public TunnelTokens {
 public:
  absl::StatusOr<uint64_t> SessionOfToken(absl::string_view token) override {
    if (token == "one" && one_lives) return 1;
    if (token == "two") return 2;
    return absl::UnauthenticatedError("no such session");
  }
  bool one_lives = true;
};

class Owner : public tunnel::ChannelEvents {
 public:
  void OnData(std::string) override {}
  void OnEnd() override {}
  void OnReset(const std::string& detail) override { reset = detail; }
  void OnRoom() override {}
  std::string reset;
};

// A process with a tunnel.
class Process : public tunnel::MuxEvents {
 public:
  Process(Clock* clock, std::unique_ptr<tunnel::FramePipe> pipe, const std::string& token) {
    tunnel::ChannelMux::Options options;
    options.side = tunnel::ChannelMux::Side::kAccepts;
    options.token = token;
    tunnel::TunnelLink::Dependencies dependencies;
    dependencies.events = this;
    dependencies.clock = clock;
    dependencies.on_over = [this](const absl::Status& status) { over = status; };
    link = std::make_shared<tunnel::TunnelLink>(options, dependencies);
    link->Start(std::move(pipe));
  }
  absl::Status OnHello(const std::string&) override { return absl::OkStatus(); }
  void OnReady() override { ready = true; }
  absl::StatusOr<tunnel::ChannelEvents*> OnOpen(tunnel::ChannelId,
                                                const std::string& service) override {
    opened.insert(service);
    return &owner;
  }
  std::shared_ptr<tunnel::TunnelLink> link;
  Owner owner;
  std::set<std::string> opened;
  bool ready = false;
  absl::Status over;
};

class TunnelHubTest : public ::testing::Test {
 protected:
  TunnelHubTest() { MakeHub({}); }
  ~TunnelHubTest() override {
    hub_.reset();
    queue_.RunAll();
  }
  void MakeHub(const TunnelHub::Options& options) {
    TunnelHub::Dependencies dependencies;
    dependencies.queue = &queue_;
    dependencies.clock = &clock_;
    dependencies.tokens = &tokens_;
    dependencies.log = &log_;
    hub_ = std::make_unique<TunnelHub>(options, dependencies);
  }
  std::unique_ptr<Process> Start(const std::string& token) {
    wire_ = std::make_shared<MemoryPipe::Wire>();
    auto [collector, node] = MemoryPipe::MakePair(&queue_, wire_);
    hub_->Accept(std::move(collector));
    auto process = std::make_unique<Process>(&clock_, std::move(node), token);
    queue_.RunAll();
    return process;
  }
  void Pass(absl::Duration time) {
    for (absl::Duration passed; passed < time; passed += absl::Seconds(1)) {
      clock_.Advance(absl::Seconds(1));
      hub_->Tick();
      queue_.RunAll();
    }
  }

  FakeClock clock_;
  ManualTaskQueue queue_{&clock_};
  Tokens tokens_;
  NullLogger log_;
  std::shared_ptr<MemoryPipe::Wire> wire_;
  std::unique_ptr<TunnelHub> hub_;
};

TEST_F(TunnelHubTest, AChannelLeadsToTheProcessOfItsSession) {
  const auto one = Start("one");
  const auto two = Start("two");
  EXPECT_TRUE(one->ready && two->ready);
  Owner viewer;
  const auto channel = hub_->Open(2, "board", &viewer);
  ASSERT_TRUE(channel.ok());
  queue_.RunAll();
  EXPECT_THAT(two->opened, ::testing::ElementsAre("board"));
  EXPECT_TRUE(one->opened.empty());
}

TEST_F(TunnelHubTest, NoTunnelNoChannel) {
  Owner viewer;
  EXPECT_EQ(hub_->Open(1, "board", &viewer).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(TunnelHubTest, AnUnknownTokenIsRefused) {
  const auto process = Start("three");
  EXPECT_EQ(process->over.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(hub_->tunnels(), 0u);
}

TEST_F(TunnelHubTest, AnEndedSessionEndsItsTunnelAndChannels) {
  const auto process = Start("one");
  Owner viewer;
  const auto channel = hub_->Open(1, "board", &viewer);
  ASSERT_TRUE(channel.ok());
  Pass(absl::Seconds(2));
  EXPECT_TRUE(hub_->Has(1));
  tokens_.one_lives = false;
  Pass(absl::Seconds(1));
  EXPECT_EQ(viewer.reset, "the session of the tunnel ended");
  EXPECT_FALSE(process->over.ok());
  EXPECT_FALSE(hub_->Has(1));
  EXPECT_EQ(hub_->tunnels(), 0u);
}

TEST_F(TunnelHubTest, HalfOpen_ANewerTunnelTakesThePlaceOfAnOlder) {
  const auto older = Start("one");
  wire_->cut = true;
  Owner viewer;
  const auto channel = hub_->Open(1, "board", &viewer);
  ASSERT_TRUE(channel.ok());
  const auto newer = Start("one");
  EXPECT_TRUE(newer->ready);
  EXPECT_EQ(viewer.reset, "the process has a newer tunnel");
  EXPECT_TRUE(hub_->Has(1));
  EXPECT_EQ(hub_->tunnels(), 1u);
  Owner other;
  const auto again = hub_->Open(1, "board", &other);
  ASSERT_TRUE(again.ok());
  queue_.RunAll();
  EXPECT_THAT(newer->opened, ::testing::ElementsAre("board"));
}

TEST_F(TunnelHubTest, HalfOpen_SilenceIsNoticedWithinTwentySeconds) {
  const auto process = Start("one");
  Owner viewer;
  const auto channel = hub_->Open(1, "board", &viewer);
  ASSERT_TRUE(channel.ok());
  wire_->cut = true;
  Pass(absl::Seconds(20));
  EXPECT_THAT(viewer.reset, ::testing::HasSubstr("silent"));
  EXPECT_FALSE(hub_->Has(1));
  EXPECT_EQ(hub_->tunnels(), 0u);
}

TEST_F(TunnelHubTest, AProcessThatNeverSaysHelloIsLetGo) {
  auto [collector, node] = MemoryPipe::MakePair(&queue_);
  hub_->Accept(std::move(collector));
  Pass(absl::Seconds(20));
  EXPECT_EQ(hub_->tunnels(), 0u);
}

TEST_F(TunnelHubTest, TunnelsAreLimited) {
  TunnelHub::Options options;
  options.tunnels_max = 1;
  MakeHub(options);
  const auto one = Start("one");
  const auto two = Start("two");
  EXPECT_TRUE(one->ready);
  EXPECT_EQ(two->over.code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(TunnelHubTest, TheEndOfTheHubTellsEverybody) {
  const auto process = Start("one");
  Owner viewer;
  const auto channel = hub_->Open(1, "board", &viewer);
  ASSERT_TRUE(channel.ok());
  hub_.reset();
  queue_.RunAll();
  EXPECT_EQ(viewer.reset, "the collector ends the tunnel");
  EXPECT_FALSE(process->over.ok());
}

}  // namespace
}  // namespace tributary::gateway
