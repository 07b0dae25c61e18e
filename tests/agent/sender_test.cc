// The agent's session: how it begins, what ends it, who is waited for.
#include "agent/sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "tests/agent/agent_harness.h"

namespace tributary::agent {
namespace {

using ingest::v1::AgentMessage;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class SenderTest : public AgentHarness {
 protected:
  std::vector<std::string> Warnings() const {
    std::vector<std::string> lines = log_.lines();
    std::erase_if(lines, [](const std::string& line) { return !absl::StartsWith(line, "warn"); });
    return lines;
  }
};

TEST_F(SenderTest, BusyIsTriedAgain) {
  ingest::v1::Refusal busy;
  busy.set_reason(ingest::v1::REFUSAL_REASON_BUSY);
  collector_.refuse_hello = busy;
  Write(kFile, File(5));
  StartAgent();
  RunFor(absl::Minutes(5));
  EXPECT_FALSE(agent_->outcome().has_value());
  EXPECT_GT(collector_.connects(), 15);  // never slower than each 15 s
  collector_.refuse_hello.reset();
  RunFor(absl::Seconds(15));
  EXPECT_EQ(Mirror(), File(5));
}

class FinalRefusalTest : public SenderTest,
                         public ::testing::WithParamInterface<ingest::v1::RefusalReason> {};

TEST_P(FinalRefusalTest, EndsTheAgent) {
  ingest::v1::Refusal refusal;
  refusal.set_reason(GetParam());
  refusal.set_detail("do something else");
  collector_.refuse_hello = refusal;
  StartAgent();
  RunFor(absl::Minutes(1));
  ASSERT_TRUE(agent_->outcome().has_value());
  EXPECT_FALSE(agent_->outcome()->ok());
  EXPECT_THAT(agent_->outcome()->message(), HasSubstr("do something else"));
  EXPECT_EQ(collector_.connects(), 1);
  EXPECT_EQ(agent_->progress().state, SessionState::kFinished);
}

INSTANTIATE_TEST_SUITE_P(Each, FinalRefusalTest,
                         ::testing::Values(ingest::v1::REFUSAL_REASON_PROTOCOL,
                                           ingest::v1::REFUSAL_REASON_VERSION,
                                           ingest::v1::REFUSAL_REASON_WRONG_STORE,
                                           ingest::v1::REFUSAL_REASON_UNAUTHORISED),
                         [](const auto& param) {
                           return ingest::v1::RefusalReason_Name(param.param);
                         });

// Another agent in this one's place, which the collector says is alive.
class TakenTest : public SenderTest,
                  public ::testing::WithParamInterface<ingest::v1::RefusalReason> {
 protected:
  TakenTest() {
    ingest::v1::Refusal refusal;
    refusal.set_reason(GetParam());
    refusal.set_detail("pid 4711 of node1 follows /logs");
    collector_.refuse_hello = refusal;
    Write(kFile, File(5));
  }
};

TEST_P(TakenTest, APredecessorThatDrainsIsWaitedForWithOneLine) {
  StartAgent();
  RunFor(absl::Seconds(29));
  EXPECT_FALSE(agent_->outcome().has_value());
  EXPECT_GT(collector_.connects(), 5);
  EXPECT_THAT(Warnings(), SizeIs(1));
  EXPECT_TRUE(log_.Contains("pid 4711 of node1 follows /logs"));
  EXPECT_TRUE(log_.Contains("; waiting at most 30s for the other one to end"));
  collector_.refuse_hello.reset();
  RunFor(absl::Seconds(15));
  EXPECT_EQ(Mirror(), File(5));
}

TEST_P(TakenTest, OneThatLivesEndsTheAgentAfterTheWait) {
  StartAgent();
  RunFor(absl::Milliseconds(30'001));
  ASSERT_TRUE(agent_->outcome().has_value());
  EXPECT_TRUE(absl::IsFailedPrecondition(*agent_->outcome()));
  EXPECT_THAT(agent_->outcome()->message(), HasSubstr("pid 4711 of node1"));
  EXPECT_THAT(agent_->outcome()->message(), Not(HasSubstr("waiting")));
}

TEST_P(TakenTest, EachTimeItIsLetInTheWaitBeginsAnew) {
  const ingest::v1::Refusal refusal = *collector_.refuse_hello;
  StartAgent();
  for (int round = 0; round < 5; ++round) {
    RunFor(absl::Seconds(20));
    ASSERT_FALSE(agent_->outcome().has_value()) << round;
    collector_.refuse_hello.reset();
    RunFor(absl::Seconds(16));
    ASSERT_TRUE(collector_.connected());
    collector_.refuse_hello = refusal;
    collector_.Break();
  }
}

TEST_P(TakenTest, WithoutAnEndItIsWaitedForForEver) {
  options_.taken_wait = absl::InfiniteDuration();
  StartAgent();
  RunFor(absl::Hours(2));
  EXPECT_FALSE(agent_->outcome().has_value());
  EXPECT_LT(Warnings().size(), 30u);
  EXPECT_TRUE(log_.Contains("; waiting for the other one to end"));
}

INSTANTIATE_TEST_SUITE_P(Each, TakenTest,
                         ::testing::Values(ingest::v1::REFUSAL_REASON_NODE_TAKEN,
                                           ingest::v1::REFUSAL_REASON_LOGDIR_TAKEN),
                         [](const auto& param) {
                           return ingest::v1::RefusalReason_Name(param.param);
                         });

TEST_F(SenderTest, ANewReasonToWaitIsTold) {
  collector_.reachable = false;
  StartAgent();
  RunFor(absl::Seconds(40));
  EXPECT_THAT(Warnings(), SizeIs(1));
  collector_.reachable = true;
  collector_.refuse_hello.emplace().set_reason(ingest::v1::REFUSAL_REASON_BUSY);
  RunFor(absl::Seconds(40));
  EXPECT_THAT(Warnings(), SizeIs(2));
}

TEST_F(SenderTest, APingIsAnsweredAtOnceThoughNoHeartbeatIsDue) {
  StartAgent();
  const size_t before = collector_.Messages(ingest::v1::AgentMessage::kHeartbeat).size();
  ingest::v1::CollectorMessage ping;
  ping.mutable_heartbeat()->set_ping(7);
  collector_.SendToAgent(ping);
  Settle();
  const auto heartbeats = collector_.Messages(ingest::v1::AgentMessage::kHeartbeat);
  ASSERT_EQ(heartbeats.size(), before + 1);
  EXPECT_EQ(heartbeats.back()->heartbeat().pong(), 7u);
  // Once.
  RunFor(absl::Seconds(10));
  EXPECT_EQ(collector_.Messages(ingest::v1::AgentMessage::kHeartbeat).back()->heartbeat().pong(),
            0u);
}

TEST_F(SenderTest, AnotherStoreThanWantedEndsTheAgent) {
  options_.hello.set_store_id("mine");
  StartAgent();
  ASSERT_TRUE(agent_->outcome().has_value());
  EXPECT_TRUE(absl::IsFailedPrecondition(*agent_->outcome()));
}

TEST_F(SenderTest, ASilentPeerIsGivenUp) {
  Write(kFile, File(5));
  StartAgent();
  collector_.mute = true;
  Append(kFile, Scalars(1, 5));
  RunFor(absl::Seconds(19));
  EXPECT_EQ(collector_.connects(), 1);
  collector_.mute = false;
  RunFor(absl::Seconds(5));
  EXPECT_EQ(collector_.connects(), 2);
  EXPECT_EQ(Mirror(), File(6));
}

TEST_F(SenderTest, HeartbeatsWhenIdle) {
  StartAgent();
  ingest::v1::CollectorMessage heartbeat;
  heartbeat.mutable_heartbeat();
  for (int i = 0; i < 10; ++i) {
    RunFor(absl::Seconds(5));
    collector_.SendToAgent(heartbeat);
  }
  EXPECT_EQ(collector_.connects(), 1);
  EXPECT_GE(collector_.Count(AgentMessage::kHeartbeat), 9);
}

TEST_F(SenderTest, ACollectorThatIsSlowToWelcomeIsWaitedFor) {
  Write(kFile, File(5));
  collector_.hold_welcome = true;
  StartAgent();
  ingest::v1::CollectorMessage heartbeat;
  heartbeat.mutable_heartbeat();
  for (int i = 0; i < 10; ++i) {
    RunFor(absl::Seconds(5));
    collector_.SendToAgent(heartbeat);
  }
  EXPECT_EQ(collector_.connects(), 1);
  EXPECT_GE(collector_.Count(AgentMessage::kHeartbeat), 9) << "or the collector takes it for dead";
  collector_.AnswerHello();
  Settle();
  EXPECT_EQ(Mirror(), File(5));
}

TEST_F(SenderTest, GoodbyeBeforeWelcomeIsTriedAgain) {
  Write(kFile, File(5));
  collector_.hold_welcome = true;
  StartAgent();
  ingest::v1::CollectorMessage goodbye;
  goodbye.mutable_goodbye()->set_detail("the collector stops");
  collector_.SendToAgent(goodbye);
  collector_.hold_welcome = false;
  RunFor(absl::Seconds(5));
  EXPECT_EQ(collector_.connects(), 2);
  EXPECT_EQ(Mirror(), File(5));
}

TEST_F(SenderTest, DrainWithNothingLeftEndsWithTheSessionAndNotAfterABackoff) {
  collector_.hold_welcome = true;
  StartAgent();
  agent_->StartDrain();
  Settle();
  EXPECT_FALSE(agent_->outcome().has_value()) << "it may still be welcome";
  ingest::v1::CollectorMessage refusal;
  refusal.mutable_refusal()->set_reason(ingest::v1::REFUSAL_REASON_NODE_TAKEN);
  collector_.SendToAgent(refusal);
  Settle();
  EXPECT_TRUE(agent_->outcome().has_value());
}

TEST_F(SenderTest, UnreachableIsTriedWithBackoffAndSaysWhy) {
  collector_.reachable = false;
  StartAgent();
  RunFor(absl::Minutes(2));
  EXPECT_GT(collector_.connects(), 8);
  EXPECT_LT(collector_.connects(), 40);
  EXPECT_THAT(agent_->progress().last_error, HasSubstr("cannot be reached"));
  // One line, whatever the number of tries.
  EXPECT_EQ(std::ranges::count_if(log_.lines(),
                                  [](const std::string& line) { return line.starts_with("warn"); }),
            1);
  collector_.reachable = true;
  RunFor(absl::Seconds(16));
  EXPECT_TRUE(collector_.connected());
  EXPECT_EQ(agent_->progress().last_error, "");
}

}  // namespace
}  // namespace tributary::agent
