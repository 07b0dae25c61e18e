#include "collector/registry/run_decisions.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "collector/registry/run_decision_log.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_registry.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Decides as the store does, one after the other.
class RunDecisionsTest : public ::testing::Test {
 protected:
  absl::Status Decide(const std::string& run, RunAction action, const std::string& to = "",
                      bool to_exists = false) {
    const auto changes = decisions_.Decide({run, action, to, to_exists});
    if (changes.ok()) decisions_.Apply(*changes);
    return changes.status();
  }
  absl::Status Rename(const std::string& run, const std::string& to, bool to_exists = false) {
    return Decide(run, RunAction::kRename, to, to_exists);
  }
  RunDecisions decisions_;
};

TEST_F(RunDecisionsTest, ChainsLeadToTheirEnd) {
  ASSERT_TRUE(Rename("a", "b").ok());
  ASSERT_TRUE(Rename("b", "c").ok());
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(decisions_.ShownAs(name), "c") << name;
  EXPECT_EQ(decisions_.ShownAs("other"), "other");
}

TEST_F(RunDecisionsTest, ANameThatIsGivenBackEndsTheChain) {
  ASSERT_TRUE(Rename("a", "b").ok());
  ASSERT_TRUE(Rename("b", "c").ok());
  ASSERT_TRUE(Rename("c", "a").ok());
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(decisions_.ShownAs(name), "a") << name;
  ASSERT_TRUE(Rename("a", "b").ok());
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(decisions_.ShownAs(name), "b") << name;
}

TEST_F(RunDecisionsTest, ARenameToItselfUndoesIt) {
  ASSERT_TRUE(Rename("a", "b", true).ok()) << "a joins b";
  ASSERT_TRUE(Rename("a", "a").ok());
  EXPECT_EQ(decisions_.ShownAs("a"), "a");
  EXPECT_THAT(decisions_.states(), IsEmpty());
  EXPECT_TRUE(absl::IsInvalidArgument(Rename("a", "a")));
}

TEST_F(RunDecisionsTest, AFormerNameMovesOnlyWhatItStandsFor) {
  ASSERT_TRUE(Rename("a", "b", true).ok());
  ASSERT_TRUE(Rename("a", "x").ok());
  EXPECT_EQ(decisions_.ShownAs("a"), "x");
  EXPECT_EQ(decisions_.ShownAs("b"), "b");
}

TEST_F(RunDecisionsTest, AFormerNameOfAnotherRunIsTaken) {
  ASSERT_TRUE(Rename("a", "b").ok());
  const absl::Status taken = Rename("x", "a");
  EXPECT_TRUE(absl::IsFailedPrecondition(taken));
  EXPECT_THAT(std::string(taken.message()), HasSubstr("former name of \"b\""));
}

TEST_F(RunDecisionsTest, WhatWasDecidedGoesWithTheName) {
  ASSERT_TRUE(Decide("a", RunAction::kHide).ok());
  ASSERT_TRUE(Decide("a", RunAction::kMerge).ok());
  ASSERT_TRUE(Rename("a", "b").ok());
  EXPECT_TRUE(decisions_.StateOf("b").hidden);
  EXPECT_EQ(decisions_.StateOf("b").merge, true);
  EXPECT_FALSE(decisions_.StateOf("a").hidden);
  ASSERT_TRUE(Decide("a", RunAction::kShow).ok()) << "by its former name";
  EXPECT_FALSE(decisions_.StateOf("b").hidden);
}

TEST_F(RunDecisionsTest, ARunThatIsJoinedKeepsWhatWasDecidedOfIt) {
  ASSERT_TRUE(Decide("a", RunAction::kHide).ok());
  ASSERT_TRUE(Rename("a", "b", true).ok());
  EXPECT_FALSE(decisions_.StateOf("b").hidden);
}

TEST_F(RunDecisionsTest, SplitIsADecisionToo) {
  ASSERT_TRUE(Decide("a", RunAction::kSplit).ok());
  EXPECT_EQ(decisions_.StateOf("a").merge, false) << "whatever the files say";
}

TEST_F(RunDecisionsTest, WhatHoldsAlreadyChangesNothing) {
  ASSERT_TRUE(Rename("a", "b").ok());
  for (const RunDecision& again :
       {RunDecision{"a", RunAction::kRename, "b"}, RunDecision{"a", RunAction::kShow},
        RunDecision{"b", RunAction::kShow}}) {
    EXPECT_THAT(*decisions_.Decide(again), IsEmpty());
  }
}

TEST_F(RunDecisionsTest, Malicious_NamesThatAreNone) {
  EXPECT_THAT(std::string(Rename("a", "").message()), HasSubstr("\"to\" is empty"));
  EXPECT_THAT(std::string(Rename("", "b").message()), HasSubstr("\"run\" is empty"));
  EXPECT_THAT(std::string(Rename("a", std::string(4'097, 'x')).message()),
              HasSubstr("has 4097 bytes, at most 4096"));
  for (const char* name : {"/b", "b/", "b//c", "\xff"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Rename("a", name))) << name;
  }
  for (const char* name : {"..", "b c", ".", "ä/ö"}) EXPECT_TRUE(Rename(name, "x/1").ok()) << name;
}

TEST_F(RunDecisionsTest, Malicious_ACycleOfDamagedRowsLeadsNowhere) {
  RunDecisions::States states;
  states["a"].renamed_to = "b";
  states["b"].renamed_to = "a";
  const RunDecisions decisions(states);
  EXPECT_EQ(decisions.ShownAs("a"), "a");
  EXPECT_TRUE(decisions.Decide({"a", RunAction::kRename, "b"}).ok());
  EXPECT_TRUE(
      absl::IsFailedPrecondition(decisions.Decide({"x", RunAction::kRename, "a"}).status()));
}

TEST_F(RunDecisionsTest, NumberIsBounded) {
  RunDecisions::States states;
  for (size_t i = 0; i < kRunDecisionsMax; ++i) states[absl::StrCat("r", i)].hidden = true;
  const RunDecisions full(states);
  const auto more = full.Decide({"x", RunAction::kHide});
  EXPECT_TRUE(absl::IsFailedPrecondition(more.status()));
  EXPECT_THAT(std::string(more.status().message()), HasSubstr("at most 100000"));
  EXPECT_TRUE(full.Decide({"r1", RunAction::kShow}).ok());
}

class RunDecisionLogTest : public ::testing::Test {
 protected:
  void Open(size_t audit_entries_max = 100) {
    problems_.clear();
    auto log = RunDecisionLog::Open({audit_entries_max}, &registry_, &board_, &problems_);
    ASSERT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
  }
  absl::StatusOr<RunDecisionLog::Outcome> Rename(const std::string& run, const std::string& to) {
    return log_->Decide({run, RunAction::kRename, to}, "10.0.0.1", absl::FromUnixSeconds(7));
  }
  FakeRegistry registry_;
  RunDecisionBoard board_;
  std::vector<std::string> problems_;
  std::unique_ptr<RunDecisionLog> log_;
};

TEST_F(RunDecisionLogTest, Resume_DecisionsAndTrailOutliveARestart) {
  Open();
  ASSERT_EQ(Rename("a", "b")->shown_as, "b");
  ASSERT_TRUE(log_->Decide({"b", RunAction::kHide}, "::1", absl::FromUnixSeconds(8)).ok());
  registry_.Crash();
  registry_.Reopen();
  Open();
  EXPECT_THAT(problems_, IsEmpty());
  EXPECT_EQ(board_.Get()->ShownAs("a"), "b");
  EXPECT_TRUE(board_.Get()->StateOf("b").hidden);
  const std::vector<AuditEntry> audit = log_->audit().Newest(UINT64_MAX, 10);
  ASSERT_EQ(audit.size(), 2);
  EXPECT_EQ(audit[0].action, "hide");
  EXPECT_EQ(audit[1].who, "10.0.0.1");
  EXPECT_EQ(audit[1].at, absl::FromUnixSeconds(7));
  EXPECT_EQ(audit[1].run, "a");
  EXPECT_EQ(audit[1].from, "a");
  EXPECT_EQ(audit[1].to, "b");
  EXPECT_EQ(log_->audit().Newest(audit[0].number, 10).size(), 1);
  ASSERT_TRUE(Rename("b", "c").ok());
  EXPECT_EQ(log_->audit().Newest(UINT64_MAX, 1)[0].number, audit[0].number + 1);
}

TEST_F(RunDecisionLogTest, WhatIsUndoneLeavesNoRow) {
  Open();
  ASSERT_TRUE(Rename("a", "b").ok());
  ASSERT_TRUE(Rename("a", "a").ok());
  EXPECT_FALSE(Rename("a", "a").ok());
  registry_.Reopen();
  Open();
  EXPECT_THAT(board_.Get()->states(), IsEmpty());
}

TEST_F(RunDecisionLogTest, WhatChangesNothingIsNotWritten) {
  Open();
  ASSERT_TRUE(Rename("a", "b").ok());
  const int commits = registry_.commits();
  EXPECT_FALSE(Rename("a", "b")->changed);
  EXPECT_EQ(registry_.commits(), commits);
}

TEST_F(RunDecisionLogTest, Fault10_WhatCannotBeWrittenIsNotInForce) {
  Open();
  registry_.FailCommit(FakeRegistry::Fate::kNoSpace);
  EXPECT_TRUE(absl::IsResourceExhausted(Rename("a", "b").status()));
  EXPECT_EQ(board_.Get()->ShownAs("a"), "a");
  EXPECT_THAT(log_->audit().Newest(UINT64_MAX, 10), IsEmpty());
  EXPECT_TRUE(Rename("a", "b").ok());
}

TEST_F(RunDecisionLogTest, TheTrailIsBounded) {
  Open(3);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Rename("a", absl::StrCat("b", i)).ok());
  EXPECT_EQ(log_->audit().Newest(UINT64_MAX, 10).size(), 3);
  EXPECT_EQ(registry_.List("audit/")->size(), 3);
}

TEST_F(RunDecisionLogTest, Fault8_ADamagedRowIsSaidAndTheOthersHold) {
  Open();
  ASSERT_TRUE(Rename("a", "b").ok());
  ASSERT_TRUE(Rename("c", "d").ok());
  (*registry_.entries())["run/a"][0] ^= 1;
  Open();
  ASSERT_EQ(problems_.size(), 1);
  EXPECT_THAT(problems_[0], HasSubstr("run/a"));
  EXPECT_EQ(board_.Get()->ShownAs("a"), "a");
  EXPECT_EQ(board_.Get()->ShownAs("c"), "d");
}

}  // namespace
}  // namespace tributary
