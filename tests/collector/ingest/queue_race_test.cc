// What happens when the queues overtake each other: commits that end between an offer and its
// answer, sessions that end while the store works for them.
#include <gtest/gtest.h>

#include "tests/collector/ingest/ingest_site.h"

namespace tributary {
namespace {

using ingest::v1::CollectorMessage;

constexpr char kPath[] = "run/a.tfevents";
constexpr char kOther[] = "run/b.tfevents";

class QueueRaceTest : public ::testing::Test {
 protected:
  QueueRaceTest() {
    site_.Start();
    site_.Pass(absl::Seconds(1));
  }
  void TearDown() override { EXPECT_TRUE(site_.fatal.ok()); }

  FakeStream* Stream() { return site_.store.Find("node07", kPath); }
  ManualTaskQueue* ShardOf(const std::string& path) {
    return site_.shard_queues[static_cast<size_t>(site_.store.Find("node07", path)->shard())].get();
  }
  void Freeze(bool frozen) {
    site_.shards_frozen = frozen;
    site_.commit_frozen = frozen;
  }
  // The agent sent four bytes, a commit cycle has their note in hand, and the agent opens the
  // stream again with another one, whose shard stands still: the first offer waits for the second.
  void OpenAgainWhileACommitHoldsTheNotes(ScriptedAgent* agent) {
    agent->Welcomed()->Open(1, kPath);
    agent->Open(2, kOther);
    ASSERT_NE(ShardOf(kPath), ShardOf(kOther));
    site_.commit_frozen = true;
    agent->Send(1, 0, "0123");
    site_.commit.RunAll();  // the cycle asks the shards for their notes
    Freeze(true);
    ScriptedAgent::Message open;
    *open.mutable_open_batch()->add_opens() = ScriptedAgent::OpenOf(1, kPath);
    *open.mutable_open_batch()->add_opens() = ScriptedAgent::OpenOf(2, kOther);
    agent->Say(std::move(open));
    for (auto& queue : site_.shard_queues) ASSERT_TRUE(queue->RunOne());  // the notes
    agent->peer()->messages.clear();
    ASSERT_TRUE(site_.commit.RunOne());  // the opens
    site_.Run();                         // the offers are asked for
  }
  void CommitEnds() {
    site_.commit.RunAll();
    site_.Run();
  }
  void ShardRuns(const std::string& path) {
    ShardOf(path)->RunAll();
    site_.Run();
  }
  void Thaw() {
    Freeze(false);
    site_.Run();
  }
  const ingest::v1::Offer& FirstOffer(const ScriptedAgent& agent) {
    return agent.Last(&CollectorMessage::has_offer_batch)->offer_batch().offers(0);
  }

  IngestSite site_;
};

TEST_F(QueueRaceTest, Fault9_ASealThatOvertakesAnOfferMakesTheAgentOpenAgain) {
  ScriptedAgent agent(&site_);
  OpenAgainWhileACommitHoldsTheNotes(&agent);
  ShardRuns(kPath);  // offers the four bytes
  Stream()->seal_next_ = true;
  CommitEnds();
  ShardRuns(kPath);  // learns of the seal
  Thaw();
  EXPECT_EQ(FirstOffer(agent).refused(), ingest::v1::REFUSAL_REASON_STORE_LOST);
  EXPECT_EQ(agent.Open(1, kPath).offset(), 0u);
  agent.Send(1, 0, "0123");
  EXPECT_EQ(Stream()->bytes_, "0123");
  site_.Pass(absl::Seconds(1));
  EXPECT_EQ(agent.Durable(1), 4u);
}

TEST_F(QueueRaceTest, Fault9_AnOfferMadeAfterTheSealIsGood) {
  ScriptedAgent agent(&site_);
  OpenAgainWhileACommitHoldsTheNotes(&agent);
  Stream()->seal_next_ = true;
  CommitEnds();
  ShardRuns(kPath);  // offers what the seal left, then learns of it
  Thaw();
  EXPECT_EQ(FirstOffer(agent).refused(), ingest::v1::REFUSAL_REASON_UNSPECIFIED);
  EXPECT_EQ(FirstOffer(agent).received(), 0u);
  EXPECT_EQ(agent.Count(&CollectorMessage::has_refusal), 0u);
  agent.Send(1, 0, "0123");
  EXPECT_EQ(Stream()->bytes_, "0123");
}

TEST_F(QueueRaceTest, ADurableMarkThatOvertakesAnOfferIsTold) {
  ScriptedAgent agent(&site_);
  OpenAgainWhileACommitHoldsTheNotes(&agent);
  ShardRuns(kPath);  // nothing is durable yet
  CommitEnds();
  Thaw();
  EXPECT_EQ(FirstOffer(agent).durable(), 0u);
  EXPECT_EQ(agent.Durable(1), 4u);
  EXPECT_EQ(site_.store.Find("node07", kPath)->durable(), 4u);
}

TEST_F(QueueRaceTest, Fault9_ASealRightAfterAnAppendCrashesNothing) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  Stream()->seal_in_append_ = true;
  agent.Send(1, 0, "0123");
  Stream()->seal_in_append_ = false;
  EXPECT_EQ(Stream()->bytes_, "");
  EXPECT_EQ(agent.Open(1, kPath).offset(), 0u);
  agent.Send(1, 0, "0123");
  EXPECT_EQ(Stream()->bytes_, "0123");
}

TEST_F(QueueRaceTest, ASessionThatEndsWhileItsGenerationBegins) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, "old bytes");
  site_.Pass(absl::Seconds(1));
  site_.commit_frozen = true;
  ScriptedAgent::Message renew;
  renew.mutable_new_generation()->set_stream(1);
  agent.Say(std::move(renew));
  agent.Drop();
  site_.commit_frozen = false;
  site_.Pass(absl::Seconds(1));
  ingest::v1::DescribeNodeRequest request;
  request.mutable_node()->set_name("node07");
  const auto answer = site_.Describe(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->streams(0).generation(), 1u);
  EXPECT_EQ(answer->streams(0).received(), 0u);
  EXPECT_EQ(answer->streams(0).durable(), 0u);
}

TEST_F(QueueRaceTest, AnOpenWhileAGenerationBeginsIsToldToComeAgain) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, "old bytes");
  site_.Pass(absl::Seconds(1));
  site_.shards_frozen = true;
  ScriptedAgent::Message renew;
  renew.mutable_new_generation()->set_stream(1);
  agent.Say(std::move(renew));
  ScriptedAgent::Message open;
  *open.mutable_open_batch()->add_opens() = ScriptedAgent::OpenOf(1, kPath);
  agent.Say(std::move(open));
  site_.commit_frozen = true;
  site_.shards_frozen = false;
  site_.Run();  // the shard let go of the stream; the store has not begun
  EXPECT_EQ(FirstOffer(agent).refused(), ingest::v1::REFUSAL_REASON_GENERATION);
  site_.commit_frozen = false;
  site_.Run();
  EXPECT_EQ(agent.Open(1, kPath).generation(), 1u);
}

TEST_F(QueueRaceTest, ASessionThatEndsWhileItsChunkIsAppended) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  site_.shards_frozen = true;
  agent.Send(1, 0, "0123");
  agent.Drop();
  site_.shards_frozen = false;
  site_.Pass(absl::Seconds(1));
  EXPECT_EQ(Stream()->durable(), 4u);
  ScriptedAgent next(&site_);
  EXPECT_EQ(next.Welcomed()->Open(1, kPath).durable(), 4u);
}

TEST_F(QueueRaceTest, ASessionThatEndsWhileItsStreamsAreOpened) {
  site_.commit_frozen = true;
  ScriptedAgent asking(&site_);
  asking.SayHello();
  asking.Drop();
  site_.commit_frozen = false;
  site_.Run();
  ScriptedAgent agent(&site_);
  agent.Welcomed();
  site_.commit_frozen = true;
  ScriptedAgent::Message open;
  *open.mutable_open_batch()->add_opens() = ScriptedAgent::OpenOf(1, kPath);
  agent.Say(std::move(open));
  agent.Drop();
  site_.commit_frozen = false;
  site_.Run();
  EXPECT_EQ(agent.Count(&CollectorMessage::has_offer_batch), 0u);
  ScriptedAgent next(&site_);
  EXPECT_EQ(next.Welcomed()->Open(1, kPath).refused(), ingest::v1::REFUSAL_REASON_UNSPECIFIED);
}

// The session hears of a seal after the next generation began: what was durable of the old one is
// not so of the new one.
TEST_F(QueueRaceTest, Fault9_ASealThatIsToldAfterANewGenerationBegan) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, "old bytes");
  site_.Pass(absl::Seconds(1));
  ASSERT_EQ(agent.Durable(1), 9u);
  agent.peer()->messages.clear();
  site_.commit_frozen = true;
  agent.Send(1, 9, " and more");
  Stream()->seal_next_ = true;
  site_.commit.RunAll();  // the cycle asks the shards for their notes
  site_.Run();
  ScriptedAgent::Message renew;
  renew.mutable_new_generation()->set_stream(1);
  agent.Say(std::move(renew));
  // The seal and the new generation, before the shard can tell of the seal.
  site_.commit.RunAll();
  site_.commit_frozen = false;
  site_.Pass(absl::Seconds(1));
  ASSERT_EQ(Stream()->generation(), Generation(1));
  for (const CollectorMessage& message : agent.peer()->messages) {
    for (const auto& mark : message.acks().durable()) {
      EXPECT_FALSE(mark.generation() == 1 && mark.offset() > 0) << mark.offset();
    }
    for (const auto& offer : message.offer_batch().offers()) {
      EXPECT_FALSE(offer.generation() == 1 && offer.durable() > 0) << offer.durable();
    }
  }
  ingest::v1::DescribeNodeRequest request;
  request.mutable_node()->set_name("node07");
  EXPECT_EQ(site_.Describe(request)->streams(0).durable(), 0u);
}

// A shutdown while the disk stands still: everybody is told at once, the end waits for the disk.
TEST_F(QueueRaceTest, Fault12_StopWhileTheDiskIsFrozen) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  Freeze(true);
  agent.Send(1, 0, "0123");
  bool done = false;
  site_.ingest->Stop("the collector stops", [&done] { done = true; });
  site_.Pass(absl::Seconds(10));
  EXPECT_TRUE(agent.ended());
  EXPECT_NE(agent.Last(&CollectorMessage::has_goodbye), nullptr);
  EXPECT_FALSE(done);
  Thaw();
  EXPECT_TRUE(done);
  EXPECT_EQ(Stream()->durable(), 4u);
}

}  // namespace
}  // namespace tributary
