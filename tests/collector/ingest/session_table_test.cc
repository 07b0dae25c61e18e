// Who comes in: machines of one name, agents of one directory, memory, and many at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collector/ingest/ingest_site.h"

namespace tributary {
namespace {

using ingest::v1::CollectorMessage;
using ::testing::HasSubstr;

class SessionTableTest : public ::testing::Test {
 protected:
  SessionTableTest() { site_.Start(); }
  std::string NodeOf(const ScriptedAgent& agent) {
    const CollectorMessage* message = agent.Last(&CollectorMessage::has_welcome);
    return message == nullptr ? "" : message->welcome().node();
  }
  void SetMachine(ScriptedAgent* agent, const std::string& machine, const std::string& boot) {
    agent->hello()->mutable_node()->set_machine_id(machine);
    agent->hello()->mutable_node()->set_boot_id(boot);
  }
  IngestSite site_;
};

TEST_F(SessionTableTest, Fault14_TheSameAgentReplacesItsOlderSessionAtOnce) {
  ScriptedAgent older(&site_);
  older.Welcomed()->Open(1, "a.tfevents");
  ScriptedAgent newer(&site_);
  newer.hello()->set_agent_nonce(older.hello()->agent_nonce());
  newer.SayHello();
  EXPECT_TRUE(older.ended());
  EXPECT_EQ(NodeOf(newer), "node07");
  EXPECT_EQ(newer.Open(1, "a.tfevents").refused(), ingest::v1::REFUSAL_REASON_UNSPECIFIED);
}

TEST_F(SessionTableTest, AnotherMachineOfTheNameThatAnswersMakesTheSecondOne) {
  ScriptedAgent first(&site_);
  first.Welcomed();
  ScriptedAgent second(&site_);
  SetMachine(&second, "another machine", "another boot");
  second.SayHello();
  EXPECT_EQ(NodeOf(second), "");  // waits for the first one's sign of life
  EXPECT_NE(first.Last(&CollectorMessage::has_heartbeat), nullptr);
  first.Pong();
  EXPECT_EQ(NodeOf(second), "node07~2");
  EXPECT_FALSE(first.ended());
  site_.Pass(absl::Seconds(1));
  const auto conflicts = site_.board.Get()->conflicts;
  ASSERT_EQ(conflicts.size(), 1u);
  EXPECT_EQ(conflicts[0].kind, "name");
  EXPECT_EQ(conflicts[0].wanted, "node07");
}

TEST_F(SessionTableTest, Fault5_AnotherBootOfASilentNodeIsTheNodeThatCameBack) {
  ScriptedAgent before(&site_);
  before.Welcomed();
  ScriptedAgent after(&site_);
  SetMachine(&after, before.hello()->node().machine_id(), "boot after the power cut");
  after.SayHello();
  site_.Pass(absl::Seconds(4));
  EXPECT_EQ(NodeOf(after), "");
  site_.Pass(absl::Seconds(2));
  EXPECT_EQ(NodeOf(after), "node07");
  EXPECT_TRUE(before.ended());
}

TEST_F(SessionTableTest, AClonedImageIsToldToTakeAName) {
  ScriptedAgent first(&site_);
  first.Welcomed();
  site_.store.node_error =
      absl::AlreadyExistsError("two machines with one machine id: give --node");
  ScriptedAgent clone(&site_);
  SetMachine(&clone, first.hello()->node().machine_id(), "another boot");
  clone.SayHello();
  first.Pong();
  EXPECT_EQ(clone.Refused(), ingest::v1::REFUSAL_REASON_NODE_TAKEN);
  EXPECT_THAT(clone.RefusalDetail(), HasSubstr("--node"));
}

TEST_F(SessionTableTest, Fault43_TwoNewMachinesOfOneNameAtOnceAreToldApart) {
  site_.commit_frozen = true;
  ScriptedAgent first(&site_);
  first.SayHello();
  ScriptedAgent second(&site_);
  SetMachine(&second, "another machine", "another boot");
  second.SayHello();
  site_.commit_frozen = false;
  site_.Run();
  // Whoever was first is in; the other waits for its sign of life.
  EXPECT_EQ(NodeOf(first), "node07");
  EXPECT_EQ(NodeOf(second), "");
  first.Pong();
  EXPECT_EQ(NodeOf(second), "node07~2");
}

TEST_F(SessionTableTest, SeveralAgentsOfOneNodeWithOtherLogdirs) {
  ScriptedAgent first(&site_);
  first.Welcomed();
  ScriptedAgent second(&site_);
  second.hello()->mutable_logdirs(0)->set_name("eval");
  second.SayHello();
  EXPECT_EQ(NodeOf(second), "node07");
  ScriptedAgent third(&site_);  // an `exec`: no logdir
  third.hello()->clear_logdirs();
  third.SayHello();
  EXPECT_EQ(NodeOf(third), "node07");
  EXPECT_FALSE(first.ended());
}

TEST_F(SessionTableTest, ALogdirNameThatALiveAgentHasIsRefusedNamingItsDirectoryAndPid) {
  ScriptedAgent first(&site_);
  first.Welcomed();
  ScriptedAgent second(&site_);
  second.hello()->mutable_logdirs(0)->set_path("/other");
  second.SayHello();
  EXPECT_EQ(second.Refused(), ingest::v1::REFUSAL_REASON_UNSPECIFIED);
  first.Pong();
  ASSERT_EQ(second.Refused(), ingest::v1::REFUSAL_REASON_LOGDIR_TAKEN);
  EXPECT_THAT(second.RefusalDetail(), HasSubstr("/logs"));
  EXPECT_THAT(second.RefusalDetail(), HasSubstr("4711"));
  EXPECT_THAT(second.RefusalDetail(), HasSubstr("--logdir NAME=PATH"));
  EXPECT_TRUE(second.ended());
  EXPECT_FALSE(first.ended());
  site_.Pass(absl::Seconds(1));
  EXPECT_EQ(site_.board.Get()->conflicts.size(), 1u);
}

TEST_F(SessionTableTest, ADirectoryThatIsFollowedAlreadyNeedsNoOtherName) {
  ScriptedAgent first(&site_);
  first.Welcomed();
  ScriptedAgent second(&site_);
  second.SayHello();
  first.Pong();
  ASSERT_EQ(second.Refused(), ingest::v1::REFUSAL_REASON_LOGDIR_TAKEN);
  EXPECT_EQ(second.RefusalDetail(),
            "pid 4711 of node07 follows /logs already: one agent is enough for it");
}

// kill -9 and an instant restart: the connection's last bytes are read after the newer one's hello.
TEST_F(SessionTableTest, Fault1_WhatAKilledAgentHadSentIsNoSignOfLife) {
  ScriptedAgent killed(&site_);
  killed.Welcomed()->Open(1, "a.tfevents");
  ScriptedAgent restarted(&site_);
  restarted.SayHello();
  killed.Send(1, 0, "abcd");
  killed.Beat();
  EXPECT_EQ(restarted.Refused(), ingest::v1::REFUSAL_REASON_UNSPECIFIED);
  EXPECT_EQ(NodeOf(restarted), "");
  killed.Drop();
  EXPECT_EQ(NodeOf(restarted), "node07");
  EXPECT_EQ(restarted.Open(1, "a.tfevents").offset(), 4u);
}

// The same, and the old connection's end is never told: a half-open connection.
TEST_F(SessionTableTest, Fault14_LastWordsOfADeadAgentDoNotKeepItsLogdir) {
  ScriptedAgent dead(&site_);
  dead.Welcomed();
  ScriptedAgent restarted(&site_);
  restarted.SayHello();
  site_.Pass(absl::Seconds(1));
  dead.Beat();
  site_.Pass(absl::Seconds(3));
  EXPECT_EQ(NodeOf(restarted), "");
  site_.Pass(absl::Seconds(2));
  EXPECT_EQ(NodeOf(restarted), "node07");
  EXPECT_TRUE(dead.ended());
}

TEST_F(SessionTableTest, Fault47_AnOlderAgentThatKnowsNoPingsKeepsItsLogdirAsLongAsItTalks) {
  ScriptedAgent old(&site_);
  old.Welcomed();
  ScriptedAgent second(&site_);
  second.SayHello();
  for (int second_of_time = 0; second_of_time < 6; ++second_of_time) {
    site_.Pass(absl::Seconds(1));
    if (second_of_time == 2) old.Beat();
  }
  EXPECT_EQ(second.Refused(), ingest::v1::REFUSAL_REASON_LOGDIR_TAKEN);
  EXPECT_FALSE(old.ended());
}

TEST_F(SessionTableTest, Malicious_APongThatWasNeverAskedForProvesNothing) {
  ScriptedAgent first(&site_);
  first.Welcomed();
  ScriptedAgent::Message early;
  early.mutable_heartbeat()->set_pong(1000);
  first.Say(early);
  ScriptedAgent second(&site_);
  second.SayHello();
  EXPECT_EQ(second.Refused(), ingest::v1::REFUSAL_REASON_UNSPECIFIED);
  first.Pong();
  EXPECT_EQ(second.Refused(), ingest::v1::REFUSAL_REASON_LOGDIR_TAKEN);
}

TEST_F(SessionTableTest, ASilentAgentLosesItsLogdirAfterFiveSeconds) {
  ScriptedAgent first(&site_);
  first.Welcomed();
  ScriptedAgent second(&site_);
  second.SayHello();
  site_.Pass(absl::Seconds(6));
  EXPECT_EQ(NodeOf(second), "node07");
  EXPECT_TRUE(first.ended());
}

TEST_F(SessionTableTest, AnAgentThatLeavesWhileItIsAskedForMakesRoomAtOnce) {
  ScriptedAgent first(&site_);
  first.Welcomed();
  ScriptedAgent second(&site_);
  second.SayHello();
  first.Drop();
  EXPECT_EQ(NodeOf(second), "node07");
}

TEST_F(SessionTableTest, ACandidateThatLeavesIsForgotten) {
  ScriptedAgent first(&site_);
  first.Welcomed();
  ScriptedAgent second(&site_);
  second.SayHello();
  second.Drop();
  first.Pong();
  site_.Pass(absl::Seconds(6));
  EXPECT_EQ(second.Count(&CollectorMessage::has_welcome), 0u);
}

TEST_F(SessionTableTest, SessionsBeyondHalfOfThePoolAreBusyUntilOneLeaves) {
  Ingest::Options options;
  options.credit.pool_bytes = 64u << 10;
  IngestSite site(options);
  site.Start();
  std::vector<std::unique_ptr<ScriptedAgent>> agents;
  for (int i = 0; i < 4; ++i) {
    agents.push_back(std::make_unique<ScriptedAgent>(&site, absl::StrCat("node", i)));
    agents.back()->SayHello();
    EXPECT_EQ(NodeOf(*agents.back()), absl::StrCat("node", i));
  }
  ScriptedAgent late(&site, "late");
  late.SayHello();
  EXPECT_EQ(late.Refused(), ingest::v1::REFUSAL_REASON_BUSY);
  EXPECT_THAT(late.RefusalDetail(), HasSubstr("--ingest-memory"));
  agents[0]->Drop();
  ScriptedAgent again(&site, "late");
  again.SayHello();
  EXPECT_EQ(NodeOf(again), "late");
}

// All agents of a cluster come back at once, with more to send than the pool holds: each one is let
// in, memory keeps its bound at every moment, and all of it becomes durable.
TEST_F(SessionTableTest, Fault19_AThousandAgentsReconnectAtOnce) {
  constexpr size_t kAgents = 1000;
  constexpr uint64_t kBytes = 64u << 10;
  Ingest::Options options;
  options.credit.pool_bytes = 20u << 20;
  IngestSite site(options, /*shards=*/4);
  site.Start();
  std::vector<std::unique_ptr<ScriptedAgent>> agents;
  for (size_t i = 0; i < kAgents; ++i) {
    agents.push_back(std::make_unique<ScriptedAgent>(&site, absl::StrCat("node", i)));
  }
  for (auto& agent : agents) agent->SayHello();
  for (auto& agent : agents) agent->Open(1, "a.tfevents");
  std::vector<uint64_t> sent(kAgents);
  for (int round = 0; round < 64; ++round) {
    site.shards_frozen = true;  // all of a round is on its way at once
    uint64_t sent_now = 0;
    for (size_t i = 0; i < kAgents; ++i) {
      const uint64_t bytes = std::min(agents[i]->CreditGiven() - sent[i], kBytes - sent[i]);
      if (bytes > 0) agents[i]->Send(1, sent[i], std::string(bytes, 'x'));
      sent[i] += bytes;
      sent_now += bytes;
    }
    EXPECT_LE(sent_now, 20u << 20);
    if (sent_now == 0) break;
    site.shards_frozen = false;
    site.Run();
  }
  site.shards_frozen = false;
  site.Pass(absl::Seconds(1));
  for (size_t i = 0; i < kAgents; ++i) ASSERT_EQ(agents[i]->Durable(1), kBytes) << i;
}

// A hundred agents send all they may to a disk that does not move: what they have on its way stays
// below the pool, and nobody is taken for dead.
TEST_F(SessionTableTest, Fault12_AFrozenDiskBoundsWhatIsOnItsWayAndSessionsLive) {
  Ingest::Options options;
  options.credit.pool_bytes = 16u << 20;
  IngestSite site(options);
  site.Start();
  std::vector<std::unique_ptr<ScriptedAgent>> agents;
  for (int i = 0; i < 100; ++i) {
    agents.push_back(std::make_unique<ScriptedAgent>(&site, absl::StrCat("node", i)));
    agents.back()->Welcomed()->Open(1, "a.tfevents");
  }
  site.shards_frozen = true;
  site.commit_frozen = true;
  std::vector<uint64_t> sent(agents.size());
  for (int round = 0; round < 40; ++round) {
    for (size_t i = 0; i < agents.size(); ++i) {
      const uint64_t credit = agents[i]->CreditGiven() - sent[i];
      const uint64_t bytes = std::min<uint64_t>(credit, 1u << 20);
      if (bytes > 0) agents[i]->Send(1, sent[i], std::string(bytes, 'x'));
      sent[i] += bytes;
      agents[i]->Beat();
    }
    site.Pass(absl::Seconds(1));
  }
  uint64_t in_flight = 0;
  for (size_t i = 0; i < agents.size(); ++i) {
    EXPECT_FALSE(agents[i]->ended()) << agents[i]->RefusalDetail();
    in_flight += sent[i];
  }
  EXPECT_LE(in_flight, 16u << 20);
  EXPECT_GE(in_flight, 15u << 20);
  // The thaw: all of it arrives, and credit flows again.
  site.shards_frozen = false;
  site.commit_frozen = false;
  site.Pass(absl::Seconds(1));
  for (size_t i = 0; i < agents.size(); ++i) {
    EXPECT_EQ(agents[i]->Durable(1), sent[i]);
    EXPECT_GE(agents[i]->CreditGiven() - sent[i], 8u << 10);
  }
}

}  // namespace
}  // namespace tributary
