// The node's end against a collector's end over a pipe in memory, with sockets in memory.
#include "agent/tunnel/tunnel_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "common/random.h"
#include "tests/support/fake_clock.h"
#include "tests/support/manual_task_queue.h"
#include "tests/support/memory_pipe.h"
#include "tests/support/memory_sockets.h"

namespace tributary::agent {
namespace {

using ::testing::HasSubstr;

// A viewer's channel at the collector.
class Viewer : public tunnel::ChannelEvents {
 public:
  void OnData(std::string bytes) override {
    data += bytes;
    if (reads) channel.Consumed(bytes.size());
  }
  void OnEnd() override { ended = true; }
  void OnReset(const std::string& detail) override { reset = detail; }
  void OnRoom() override {}

  tunnel::Channel channel;
  std::string data;
  bool reads = true;
  bool ended = false;
  std::string reset;
};

class TunnelClientTest : public ::testing::Test, public tunnel::MuxEvents {
 protected:
  TunnelClientTest() {
    TunnelClient::Dependencies dependencies;
    dependencies.queue = &queue_;
    dependencies.sockets = &sockets_;
    dependencies.clock = &clock_;
    dependencies.random = &random_;
    dependencies.log = &log_;
    dependencies.connect = [this] {
      ++connects_;
      wire_ = std::make_shared<MemoryPipe::Wire>();
      auto [collector, node] = MemoryPipe::MakePair(&queue_, wire_);
      tunnel::TunnelLink::Dependencies link;
      link.events = this;
      link.clock = &clock_;
      link.on_over = [](const absl::Status&) {};
      // The older one is destroyed by a task: it may be in use now.
      queue_.Post([older = collector_] {});
      collector_ = std::make_shared<tunnel::TunnelLink>(tunnel::ChannelMux::Options(), link);
      collector_->Start(std::move(collector));
      return std::move(node);
    };
    client_ = std::make_unique<TunnelClient>(TunnelClient::Options(), dependencies);
    sockets_.listening_port = 6006;
    client_->SetServices({{"board", 6006}, {"dead", 6007}});
  }
  ~TunnelClientTest() override {
    client_.reset();
    collector_.reset();
    queue_.RunAll();
  }
  absl::Status OnHello(const std::string& token) override {
    return token == "good" ? absl::OkStatus() : absl::UnauthenticatedError("no such session");
  }
  void OnReady() override {}
  absl::StatusOr<tunnel::ChannelEvents*> OnOpen(tunnel::ChannelId, const std::string&) override {
    return absl::InternalError("");
  }

  void Connect() {
    client_->SetToken("good");
    queue_.RunAll();
    ASSERT_TRUE(client_->ready());
  }
  void Open(const std::string& service, Viewer* viewer) {
    const auto id = collector_->mux()->Open(service, viewer);
    ASSERT_TRUE(id.ok());
    viewer->channel = tunnel::Channel(collector_, *id);
    collector_->Flush();
    queue_.RunAll();
  }
  void Pass(absl::Duration time) {
    for (absl::Duration passed; passed < time; passed += absl::Seconds(1)) {
      clock_.Advance(absl::Seconds(1));
      client_->Tick();
      if (collector_ != nullptr) collector_->Tick();
      queue_.RunAll();
    }
  }

  FakeClock clock_;
  SeededRandom random_{1};
  NullLogger log_;
  ManualTaskQueue queue_{&clock_};
  MemorySockets sockets_{&queue_};
  std::shared_ptr<MemoryPipe::Wire> wire_;
  std::shared_ptr<tunnel::TunnelLink> collector_;
  int connects_ = 0;
  std::unique_ptr<TunnelClient> client_;
};

TEST_F(TunnelClientTest, NoTokenNoTunnel) {
  Pass(absl::Seconds(60));
  EXPECT_EQ(connects_, 0);
}

TEST_F(TunnelClientTest, AViewerTalksToTheService) {
  Connect();
  Viewer viewer;
  Open("board", &viewer);
  viewer.channel.Send("GET / HTTP/1.1");
  queue_.RunAll();
  ASSERT_EQ(sockets_.accepted.size(), 1u);
  auto& service = *sockets_.accepted[0];
  EXPECT_EQ(service.Hear(), "GET / HTTP/1.1");
  service.Say("200 OK");
  queue_.RunAll();
  EXPECT_EQ(viewer.data, "200 OK");
  viewer.channel.End();
  queue_.RunAll();
  EXPECT_TRUE(service.heard_end());
  EXPECT_FALSE(viewer.ended);
  service.EndWrites();
  queue_.RunAll();
  EXPECT_TRUE(viewer.ended);
  EXPECT_EQ(client_->connections(), 0u);
}

TEST_F(TunnelClientTest, AServiceThatListensOnIpv6Only) {
  sockets_.listening_on_ipv6 = true;
  Connect();
  Viewer viewer;
  Open("board", &viewer);
  viewer.channel.Send("hello");
  queue_.RunAll();
  ASSERT_EQ(sockets_.accepted.size(), 1u);
  EXPECT_EQ(sockets_.accepted[0]->Hear(), "hello");
}

TEST_F(TunnelClientTest, NobodyListens) {
  Connect();
  Viewer viewer;
  Open("dead", &viewer);
  EXPECT_EQ(viewer.reset, "port 6007 on the node: Connection refused");
  EXPECT_EQ(client_->connections(), 0u);
}

TEST_F(TunnelClientTest, AConnectThatIsNotAnsweredEndsAfterThreeSeconds) {
  Connect();
  sockets_.stall = true;
  Viewer viewer;
  Open("board", &viewer);
  Pass(absl::Seconds(2));
  EXPECT_EQ(viewer.reset, "");
  Pass(absl::Seconds(2));
  EXPECT_THAT(viewer.reset, HasSubstr("takes no connections"));
}

TEST_F(TunnelClientTest, OnlyTheServicesOfTheProcessAreReached) {
  Connect();
  Viewer viewer;
  Open("ssh", &viewer);
  EXPECT_THAT(viewer.reset, HasSubstr("no service 'ssh'"));
  EXPECT_TRUE(sockets_.accepted.empty());
}

TEST_F(TunnelClientTest, ALargeAnswerStopsAtTheViewersCreditAndArrivesWhole) {
  sockets_.capacity = 8u << 20;
  Connect();
  Viewer viewer;
  viewer.reads = false;
  Open("board", &viewer);
  auto& service = *sockets_.accepted[0];
  std::string large;
  while (large.size() < (4u << 20)) large += std::to_string(large.size());
  service.Say(large);
  service.EndWrites();
  queue_.RunAll();
  EXPECT_EQ(viewer.data.size(), 64u << 10);
  viewer.reads = true;
  viewer.channel.Consumed(viewer.data.size());
  queue_.RunAll();
  EXPECT_TRUE(viewer.data == large);
  EXPECT_TRUE(viewer.ended);
}

TEST_F(TunnelClientTest, AServiceThatDoesNotReadStopsTheUpload) {
  sockets_.capacity = 1000;
  Connect();
  Viewer viewer;
  Open("board", &viewer);
  std::string sent;
  for (int i = 0; i < 100; ++i) {
    const size_t room = viewer.channel.Room();
    if (room > 0) {
      sent += std::string(room, static_cast<char>('a' + i % 26));
      viewer.channel.Send(sent.substr(sent.size() - room));
    }
    queue_.RunAll();
  }
  EXPECT_LE(sent.size(), 200'000u);
  viewer.channel.End();
  auto& service = *sockets_.accepted[0];
  std::string heard;
  while (heard.size() < sent.size()) {
    const std::string more = service.Hear();
    ASSERT_FALSE(more.empty());
    heard += more;
    queue_.RunAll();
  }
  EXPECT_TRUE(heard == sent);
  EXPECT_TRUE(service.heard_end());
}

TEST_F(TunnelClientTest, AnAnswerGivenBeforeTheRequestWasReadIsPassedOn) {
  Connect();
  Viewer viewer;
  Open("board", &viewer);
  viewer.channel.Send("a long upload");
  queue_.RunAll();
  // The service answers, and closes without reading: a reset for whoever writes on.
  sockets_.accepted[0]->Say("413 Too Large");
  sockets_.accepted.pop_front();
  queue_.RunAll();
  EXPECT_EQ(viewer.data, "413 Too Large");
}

TEST_F(TunnelClientTest, AViewerThatLeavesClosesTheConnection) {
  Connect();
  Viewer viewer;
  Open("board", &viewer);
  viewer.channel.Send("GET");
  queue_.RunAll();
  viewer.channel.Reset("the viewer left");
  queue_.RunAll();
  EXPECT_TRUE(sockets_.accepted[0]->heard_end());
  EXPECT_EQ(client_->connections(), 0u);
}

TEST_F(TunnelClientTest, ABrokenTunnelEndsConnectionsAndIsOpenedAnew) {
  Connect();
  Viewer viewer;
  Open("board", &viewer);
  collector_->Close(absl::UnavailableError("the collector stops"));
  queue_.RunAll();
  EXPECT_FALSE(client_->ready());
  EXPECT_TRUE(sockets_.accepted[0]->heard_end());
  Pass(absl::Seconds(2));
  EXPECT_EQ(connects_, 2);
  EXPECT_TRUE(client_->ready());
}

TEST_F(TunnelClientTest, HalfOpen_IsNoticedWithinTwentySeconds) {
  Connect();
  wire_->cut = true;
  Pass(absl::Seconds(20));
  EXPECT_EQ(connects_, 2);
  EXPECT_TRUE(client_->ready());
}

TEST_F(TunnelClientTest, ATokenThatIsRefusedIsTriedAgainMoreAndMoreRarely) {
  client_->SetToken("old");
  Pass(absl::Seconds(60));
  EXPECT_FALSE(client_->ready());
  EXPECT_GT(connects_, 4);
  EXPECT_LT(connects_, 16);
  client_->SetToken("good");
  queue_.RunAll();
  EXPECT_TRUE(client_->ready());
}

TEST_F(TunnelClientTest, ANewSessionHasANewTunnel) {
  Connect();
  client_->SetToken("");
  queue_.RunAll();
  EXPECT_FALSE(client_->ready());
  Pass(absl::Seconds(30));
  EXPECT_EQ(connects_, 1);
  Connect();
  EXPECT_EQ(connects_, 2);
}

}  // namespace
}  // namespace tributary::agent
