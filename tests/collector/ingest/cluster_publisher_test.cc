// What a viewer of the cluster is shown, and how soon.
#include "collector/ingest/cluster_publisher.h"

#include <gtest/gtest.h>

#include "tests/collector/ingest/ingest_site.h"
#include "tests/support/event_file_builder.h"

namespace tributary {
namespace {

constexpr char kPath[] = "run/a.tfevents";

class ClusterPublisherTest : public ::testing::Test {
 protected:
  ClusterPublisherTest() { site_.Start(); }
  NodeStatus Node() {
    const auto snapshot = site_.board.Get();
    return snapshot->nodes.empty() ? NodeStatus() : snapshot->nodes[0];
  }
  StreamStatus Stream() {
    const NodeStatus node = Node();
    return node.streams.empty() ? StreamStatus() : node.streams[0];
  }
  // A viewer may be so far behind the truth.
  void ASecond() { site_.Pass(absl::Seconds(1)); }
  IngestSite site_;
};

TEST_F(ClusterPublisherTest, AnAgentIsShownWithWhatItSaidOfItself) {
  ScriptedAgent agent(&site_);
  agent.hello()->add_logdirs()->set_name("eval");
  agent.hello()->mutable_logdirs(1)->set_path("/eval");
  agent.Welcomed();
  ASecond();
  const NodeStatus node = Node();
  EXPECT_EQ(node.name, "node07");
  EXPECT_EQ(node.state, "connected");
  EXPECT_EQ(node.version, "1.2.3");
  ASSERT_EQ(node.agents.size(), 1u);
  EXPECT_EQ(node.agents[0].pid, 4711);
  EXPECT_EQ(node.agents[0].peer, "127.0.0.1:5000");
  EXPECT_EQ(node.agents[0].logdirs, (std::vector<std::string>{"/logs", "eval=/eval"}));
  EXPECT_EQ(node.last_record, absl::InfinitePast());
  EXPECT_EQ(site_.board.Get()->store_id, site_.store.store_id());
}

TEST_F(ClusterPublisherTest, ANodeIsAwayASecondAfterItsGoodbye) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, "bytes");
  ASecond();
  ASSERT_EQ(Node().state, "connected");
  const absl::Time sent = Node().last_record;
  ScriptedAgent::Message goodbye;
  goodbye.mutable_goodbye();
  agent.Say(std::move(goodbye));
  ASecond();
  const NodeStatus node = Node();
  EXPECT_EQ(node.state, "away");
  EXPECT_TRUE(node.agents.empty());
  // What is known of it stays.
  EXPECT_EQ(node.version, "1.2.3");
  EXPECT_EQ(node.last_record, sent);
  EXPECT_EQ(Stream().durable_bytes, 5u);
}

// As `--once` does: it comes and goes between two looks.
TEST_F(ClusterPublisherTest, AnAgentThatWasThereForAMomentLeavesItsTraces) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, "bytes");
  agent.Drop();
  const absl::Time sent = site_.clock.Wall();
  ASecond();
  const NodeStatus node = Node();
  EXPECT_EQ(node.state, "away");
  EXPECT_EQ(node.version, "1.2.3");
  EXPECT_EQ(node.last_record, sent);
}

TEST_F(ClusterPublisherTest, ANodeThatNeverHadAStreamGoesWithItsConnection) {
  ScriptedAgent agent(&site_);
  agent.Welcomed();
  ASecond();
  ASSERT_EQ(Node().state, "connected");
  agent.Drop();
  ASecond();
  EXPECT_TRUE(site_.board.Get()->nodes.empty());
}

TEST_F(ClusterPublisherTest, WatermarksAreShownWithinASecond) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  ASecond();
  site_.commit_frozen = true;
  agent.Send(1, 0, "0123");
  ASecond();
  EXPECT_EQ(Stream().received_bytes, 4u);
  EXPECT_EQ(Stream().durable_bytes, 0u);
  site_.commit_frozen = false;
  ASecond();
  EXPECT_EQ(Stream().durable_bytes, 4u);
}

// The last bytes of an agent that leaves become durable after it has gone.
TEST_F(ClusterPublisherTest, BytesThatBecomeDurableAfterTheAgentLeftAreShown) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  site_.commit_frozen = true;
  agent.Send(1, 0, "0123");
  agent.Drop();
  ASecond();
  EXPECT_EQ(Stream().durable_bytes, 0u);
  site_.commit_frozen = false;
  ASecond();
  EXPECT_EQ(Stream().durable_bytes, 4u);
}

TEST_F(ClusterPublisherTest, Fault9_ASealAndAStopAreShown) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  FakeStream* const stream = site_.store.Find("node07", kPath);
  stream->seal_next_ = true;
  agent.Send(1, 0, "0123");
  ASecond();
  EXPECT_EQ(Stream().received_bytes, 0u);
  EXPECT_EQ(Stream().state, "live");
  agent.Open(1, kPath);
  stream->seal_next_ = true;
  stream->health_ = absl::InternalError("EIO");
  agent.Send(1, 0, "0123");
  ASecond();
  EXPECT_EQ(Stream().state, "failed");
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_STORE_FAILED);
}

TEST_F(ClusterPublisherTest, NothingIsDrawnWhileNothingChanges) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  ASecond();
  const auto before = site_.board.Get();
  agent.Beat();
  site_.Pass(absl::Seconds(2));
  EXPECT_EQ(site_.board.Get(), before);
}

TEST_F(ClusterPublisherTest, StreamsOfTheStoreAreShownBeforeAnyAgentComes) {
  IngestSite site;
  StreamRequest request;
  request.identity = {"node09", "", kPath};
  request.run = RunName("node09/run");
  site.store.Add(request);
  site.Start();
  site.Pass(absl::Seconds(1));
  const auto snapshot = site.board.Get();
  ASSERT_EQ(snapshot->nodes.size(), 1u);
  EXPECT_EQ(snapshot->nodes[0].state, "away");
  EXPECT_EQ(snapshot->nodes[0].streams[0].run, "node09/run");
}

// Neither a jump of our clock nor one of the agent's ends a session or moves a byte: the difference
// is shown, that is all.
TEST_F(ClusterPublisherTest, Fault20_ClocksThatJumpADayChangeNothingButWhatIsShown) {
  ScriptedAgent agent(&site_);
  agent.hello()->set_clock_unix_nanos(absl::ToUnixNanos(site_.clock.Wall() + absl::Hours(24)));
  agent.Welcomed()->Open(1, kPath);
  ASecond();
  EXPECT_NEAR(Node().clock_offset_s, 86'400, 2);
  for (const absl::Duration jump : {absl::Hours(24), -absl::Hours(48)}) {
    site_.clock.SetWall(site_.clock.Wall() + jump);
    for (int i = 0; i < 10; ++i) {
      agent.Beat();
      ASecond();
    }
    EXPECT_FALSE(agent.ended());
  }
  agent.Send(1, 0, "0123");
  ASecond();
  EXPECT_EQ(agent.Durable(1), 4u);
  EXPECT_NEAR(Node().clock_offset_s, 0, 2);
}

}  // namespace
}  // namespace tributary
