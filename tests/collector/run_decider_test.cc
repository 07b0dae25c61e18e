#include "collector/run_decider.h"

#include <memory>
#include <string>
#include <vector>

#include "common/thread_task_queue.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_registry.h"
#include "tests/support/manual_task_queue.h"

namespace tributary {
namespace {

using ::testing::HasSubstr;

class RunDeciderTest : public ::testing::Test {
 protected:
  RunDeciderTest() {
    log_ = *RunDecisionLog::Open({}, &registry_, &board_, &problems_);
    EventFileIdentity identity;
    identity.run = RunName("a");
    identity.file_name = "events.out.tfevents.1700000000.h.1.0";
    file_ = index_->AddFile(identity, nullptr);
  }
  RunDecider::Dependencies On(TaskQueue* queue) {
    return {log_.get(),  &board_, index_.get(),
            RealClock(), queue,   [this](const absl::Status&) { ++fatal_; }};
  }

  FakeRegistry registry_;
  RunDecisionBoard board_;
  std::vector<std::string> problems_;
  std::unique_ptr<RunDecisionLog> log_;
  std::unique_ptr<Index> index_ = Index::Make({});
  std::shared_ptr<FileIndex> file_;
  int fatal_ = 0;
};

TEST_F(RunDeciderTest, WhatIsAnsweredIsDurableAndInForce) {
  ThreadTaskQueue queue("commit", RealClock());
  RunDecider decider({}, On(&queue));
  const auto outcome = decider.Decide({"a", RunAction::kRename, "b"}, "me");
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->shown_as, "b");
  EXPECT_TRUE(index_->Has(RunName("b")));
  EXPECT_EQ(registry_.commits(), 1);
  EXPECT_TRUE(
      absl::IsInvalidArgument(decider.Decide({"b", RunAction::kRename, ""}, "me").status()));
  queue.Stop();
}

TEST_F(RunDeciderTest, Fault10_NoSpaceIsNotNow) {
  ThreadTaskQueue queue("commit", RealClock());
  RunDecider decider({}, On(&queue));
  registry_.FailCommit(FakeRegistry::Fate::kNoSpace);
  EXPECT_TRUE(absl::IsUnavailable(decider.Decide({"a", RunAction::kHide}, "me").status()));
  EXPECT_EQ(fatal_, 0);
  EXPECT_TRUE(decider.Decide({"a", RunAction::kHide}, "me").ok());
  queue.Stop();
}

TEST_F(RunDeciderTest, Fault9_ARegistryThatCannotBeTrustedEndsTheCollector) {
  ThreadTaskQueue queue("commit", RealClock());
  RunDecider decider({}, On(&queue));
  registry_.FailCommit(FakeRegistry::Fate::kLostUnknown);
  EXPECT_TRUE(absl::IsUnavailable(decider.Decide({"a", RunAction::kHide}, "me").status()));
  queue.Stop();
  EXPECT_EQ(fatal_, 1);
}

TEST_F(RunDeciderTest, Fault12_ADiskThatStandsStillKeepsFewWaitingAndNotForLong) {
  FakeClock clock;
  ManualTaskQueue stuck(&clock);
  RunDecider none({.waiting_max = 0}, On(&stuck));
  EXPECT_THAT(std::string(none.Decide({"a", RunAction::kHide}, "me").status().message()),
              HasSubstr("another decision"));
  RunDecider decider({.wait_max = absl::ZeroDuration()}, On(&stuck));
  const auto outcome = decider.Decide({"a", RunAction::kHide}, "me");
  EXPECT_TRUE(absl::IsUnavailable(outcome.status()));
  EXPECT_THAT(std::string(outcome.status().message()), HasSubstr("it may still do so"));
}

TEST_F(RunDeciderTest, ChainsAreFlatForTheIndex) {
  RunDecisions::States states;
  states["a"].renamed_to = "b";
  states["b"].renamed_to = "c";
  states["c"].hidden = true;
  states["d"].merge = false;
  const RunRules rules = RulesOf(RunDecisions(states));
  EXPECT_EQ(rules.renamed.at(RunName("a")), RunName("c"));
  EXPECT_TRUE(rules.hidden.contains(RunName("c")));
  EXPECT_FALSE(rules.merged.at(RunName("d")));
}

}  // namespace
}  // namespace tributary
