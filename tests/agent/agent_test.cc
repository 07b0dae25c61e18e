// The whole core against a collector that follows the protocol: nothing is lost whatever happens.
#include "agent/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/utf8.h"
#include "tests/agent/agent_harness.h"

namespace tributary::agent {
namespace {

using ingest::v1::AgentMessage;
using ::testing::HasSubstr;

class AgentTest : public AgentHarness {};

TEST_F(AgentTest, DeliversWhatExistsAndWhatIsAppended) {
  Write(kFile, File(10));
  StartAgent();
  EXPECT_EQ(Mirror(), File(10));
  Append(kFile, Scalars(5, 10));
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Mirror(), File(15));
  const Progress progress = agent_->progress();
  EXPECT_EQ(progress.state, SessionState::kStreaming);
  EXPECT_EQ(progress.bytes_durable, File(15).size());
  EXPECT_EQ(progress.files_behind, 0u);
  EXPECT_EQ(progress.records_read_total, 16u);
  EXPECT_EQ(progress.lag, absl::ZeroDuration());
}

TEST_F(AgentTest, DeliversAFileThatGrowsByteByByte) {
  const std::string whole = File(3);
  Write(kFile, "");
  StartAgent();
  for (const char byte : whole) {
    Append(kFile, absl::string_view(&byte, 1));
    RunFor(absl::Seconds(1));
  }
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Mirror(), whole);
  EXPECT_EQ(agent_->progress().records_read_total, 4u);
  EXPECT_EQ(agent_->progress().damaged_records_total, 0u);
}

TEST_F(AgentTest, OpensNewFilesWhenTheyAppear) {
  StartAgent();
  EXPECT_EQ(collector_.Count(AgentMessage::kListingComplete), 1);
  Write(kFile, File(1));
  RunFor(absl::Seconds(61));
  EXPECT_EQ(Mirror(), File(1));
}

TEST_F(AgentTest, ListingIsToldOnlyAfterAllWereOffered) {
  for (int i = 0; i < 25; ++i) Write(absl::StrCat("r", i, "/tfevents"), File(1));
  collector_.limits.set_open_batch_max(10);
  collector_.answer_opens = false;
  StartAgent();
  EXPECT_EQ(collector_.Count(AgentMessage::kOpenBatch), 1);  // one batch unanswered at a time
  EXPECT_EQ(collector_.Count(AgentMessage::kListingComplete), 0);
  collector_.answer_opens = true;
  collector_.Break();
  RunFor(absl::Seconds(1));
  EXPECT_EQ(collector_.Count(AgentMessage::kOpenBatch), 4);
  ASSERT_EQ(collector_.Count(AgentMessage::kListingComplete), 1);
  EXPECT_EQ(agent_->progress().files_open, 25u);
}

TEST_F(AgentTest, OpensNewestFirst) {
  Write("old/tfevents", File(1));
  Write("new/tfevents", File(1));
  files_.SetModified("/logs/old/tfevents", clock_.Wall() - absl::Hours(5));
  StartAgent();
  const auto opens = collector_.Messages(AgentMessage::kOpenBatch);
  ASSERT_EQ(opens.size(), 1u);
  ASSERT_EQ(opens[0]->open_batch().opens_size(), 2);
  EXPECT_EQ(opens[0]->open_batch().opens(0).path(), "new/tfevents");
}

TEST_F(AgentTest, AKeptNameThatTheTemplateDoesNotGiveAnyMoreIsToldOnce) {
  Write("one/tfevents", File(1));
  Write("two/tfevents", File(1));
  collector_.change_offer = [](ingest::v1::Offer* offer) { offer->set_run("former/name"); };
  StartAgent();
  EXPECT_EQ(log_.Count("kept=former/name"), 1u);
  collector_.Break();
  RunFor(absl::Seconds(30));
  EXPECT_EQ(log_.Count("kept=former/name"), 1u);
}

class NamelessTest : public AgentTest {
 protected:
  absl::StatusOr<StreamNaming> Name(const TailedFile& file, const std::string& node) override {
    if (nameless_ && file.relative_path == "bad/tfevents") {
      return absl::NotFoundError("no value for {job}");
    }
    return AgentTest::Name(file, node);
  }
  bool nameless_ = true;
};

TEST_F(NamelessTest, AFileThatCannotBeNamedIsTriedAgainAndHoldsUpNobody) {
  Write("bad/tfevents", File(1));
  Write(kFile, File(1));
  StartAgent();
  EXPECT_EQ(Mirror(), File(1));
  ASSERT_EQ(agent_->Left(10).size(), 1u);
  EXPECT_THAT(agent_->Left(10)[0].why, HasSubstr("no value for {job}"));
  // It exists and was not opened: the collector must not take it for gone.
  EXPECT_EQ(collector_.Count(AgentMessage::kListingComplete), 0);
  nameless_ = false;
  RunFor(absl::Seconds(16));
  EXPECT_EQ(Mirror("bad/tfevents"), File(1));
  EXPECT_EQ(collector_.Count(AgentMessage::kListingComplete), 1);
}

// --- Resume.

TEST_F(AgentTest, Resume_ANewAgentSendsNothingTwice) {
  Write(kFile, File(100));
  StartAgent();
  const uint64_t sent = collector_.payload_bytes();
  Append(kFile, Scalars(1, 100));
  StartAgent();
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Mirror(), File(101));
  EXPECT_EQ(collector_.payload_bytes(), sent + Scalars(1, 100).size());
}

TEST_F(AgentTest, Resume_ALostConnectionReadsNoFile) {
  Write(kFile, File(100));
  StartAgent();
  collector_.Break();
  const int reads = files_.calls(FakeFileSystem::Call::kRead);
  RunFor(absl::Milliseconds(500));
  EXPECT_TRUE(collector_.connected());
  EXPECT_EQ(files_.calls(FakeFileSystem::Call::kRead), reads);
  Append(kFile, Scalars(1, 100));
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Mirror(), File(101));
}

TEST_F(AgentTest, Resume_AChangeDuringTheLostConnectionIsSeen) {
  Write(kFile, File(100));
  StartAgent();
  collector_.reachable = false;
  collector_.Break();
  RunFor(absl::Seconds(2));
  std::string other = File(120);
  other[15] ^= 1;
  Write(kFile, other);
  RunFor(absl::Seconds(3));
  collector_.reachable = true;
  RunFor(absl::Seconds(20));
  EXPECT_EQ(Mirror(), other);
  EXPECT_EQ(collector_.mirror(kFile).generation, 1u);
}

TEST_F(AgentTest, Resume_ARestartedCollectorIsComparedWith) {
  Write(kFile, File(50));
  StartAgent();
  collector_.acknowledge_durable = false;
  Append(kFile, Scalars(50, 50));
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Mirror(), File(100));
  collector_.Restart();
  EXPECT_EQ(Mirror(), File(50));
  collector_.acknowledge_durable = true;
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Mirror(), File(100));
  EXPECT_EQ(collector_.mirror(kFile).generation, 0u);
}

TEST_F(AgentTest, Resume_AtEveryMessageLosesNothing) {
  const std::string whole = File(200);
  for (int lost = 0; lost < 12; ++lost) {
    SCOPED_TRACE(lost);
    Write(absl::StrCat("run", lost, "/tfevents"), whole);
    collector_.limits.set_chunk_bytes_max(3000);
    StartAgent();
    collector_.Break();
    for (int step = 0; step < lost; ++step) queue_.RunOne();
    agent_->Step();
    for (int step = 0; step < lost; ++step) queue_.RunOne();
    collector_.Break();
    RunFor(absl::Seconds(3));
    EXPECT_EQ(Mirror(absl::StrCat("run", lost, "/tfevents")), whole);
  }
}

// --- Another content.

TEST_F(AgentTest, Generation_RewrittenWhileTailed) {
  const std::string first = File(50);
  std::string second = File(60);
  second[20] ^= 1;
  Write(kFile, first);
  StartAgent();
  Write(kFile, second);
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Mirror(), second);
  EXPECT_THAT(collector_.mirror(kFile).superseded, ::testing::ElementsAre(first));
  EXPECT_EQ(agent_->progress().new_generations_total, 1u);
}

TEST_F(AgentTest, Generation_RewrittenBeforeTheAgentStarted) {
  collector_.mirror(kFile).bytes = File(50);
  std::string other = File(60);
  other[20] ^= 1;
  Write(kFile, other);
  StartAgent();
  EXPECT_EQ(Mirror(), other);
  EXPECT_EQ(collector_.mirror(kFile).generation, 1u);
}

TEST_F(AgentTest, Generation_ReplacedByAShorterDifferentFile) {
  Write(kFile, File(50));
  StartAgent();
  std::string other = File(3);
  other[20] ^= 1;
  files_.ReplaceFile(absl::StrCat("/logs/", kFile), other);
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Mirror(), other);
  EXPECT_EQ(collector_.mirror(kFile).generation, 1u);
}

TEST_F(AgentTest, Generation_AnEqualCopyIsNone) {
  Write(kFile, File(50));
  StartAgent();
  files_.ReplaceFile(absl::StrCat("/logs/", kFile), File(60));
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Mirror(), File(60));
  EXPECT_EQ(collector_.mirror(kFile).generation, 0u);
}

TEST_F(AgentTest, Shorter_EqualBytesKeepTheLongerMirror) {
  Write(kFile, File(50));
  StartAgent();
  files_.TruncateFile(absl::StrCat("/logs/", kFile), File(20).size());
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Mirror(), File(50));
  EXPECT_EQ(collector_.mirror(kFile).state, ingest::v1::SOURCE_STATE_SHORTER);
  // It passes the old end again, with equal bytes.
  Append(kFile, Scalars(40, 20));
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Mirror(), File(60));
  EXPECT_EQ(collector_.mirror(kFile).state, ingest::v1::SOURCE_STATE_LIVE);
  EXPECT_EQ(collector_.mirror(kFile).generation, 0u);
}

TEST_F(AgentTest, Shorter_BeforeTheAgentStarted) {
  collector_.mirror(kFile).bytes = File(50);
  Write(kFile, File(20));
  StartAgent();
  EXPECT_EQ(Mirror(), File(50));
  EXPECT_EQ(collector_.mirror(kFile).state, ingest::v1::SOURCE_STATE_SHORTER);
}

TEST_F(AgentTest, Shorter_TruncatedToNothingAndWrittenAnew) {
  Write(kFile, File(50));
  StartAgent();
  files_.TruncateFile(absl::StrCat("/logs/", kFile), 0);
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Mirror(), File(50));
  const std::string other = Scalars(5, 700);
  Append(kFile, other);
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Mirror(), other);
  EXPECT_EQ(collector_.mirror(kFile).generation, 1u);
}

TEST_F(AgentTest, Gone_IsToldAndComesBack) {
  Write(kFile, File(5));
  StartAgent();
  files_.RemoveAll(absl::StrCat("/logs/", kFile));
  RunFor(absl::Seconds(61));
  EXPECT_EQ(collector_.mirror(kFile).state, ingest::v1::SOURCE_STATE_GONE);
  Write(kFile, File(7));
  RunFor(absl::Seconds(61));
  EXPECT_EQ(Mirror(), File(7));
  EXPECT_EQ(collector_.mirror(kFile).generation, 0u);
}

TEST_F(AgentTest, Overwritten_IsTriedAgainAfterAnHour) {
  bool frozen = true;
  collector_.change_offer = [&](ingest::v1::Offer* offer) { offer->set_overwritten(frozen); };
  Write(kFile, File(5));
  StartAgent();
  RunFor(absl::Minutes(59));
  EXPECT_EQ(Mirror(), "");
  frozen = false;
  RunFor(absl::Minutes(2));
  EXPECT_EQ(Mirror(), File(5));
}

// --- Unreadable files.

TEST_F(AgentTest, Malicious_APathOfAnyBytesIsReportedAsText) {
  const std::string path = "run_\xe9/events.out.tfevents.1";
  Write(path, File(5));
  files_.Inject({.call = FakeFileSystem::Call::kRead,
                 .status = absl::PermissionDeniedError("/logs/" + path + std::string(5000, '\xe9')),
                 .times = 1,
                 .path_contains = "tfevents"});
  StartAgent();
  const auto reports = collector_.Messages(AgentMessage::kStreamReport);
  ASSERT_FALSE(reports.empty());
  const std::string& detail = reports.front()->stream_report().detail();
  EXPECT_TRUE(IsValidUtf8(detail)) << "the other side's parser would end the session";
  EXPECT_THAT(detail, ::testing::HasSubstr("/logs/run_\xef\xbf\xbd/events"));
  EXPECT_LE(detail.size(), 4000u);
}

TEST_F(AgentTest, Unreadable_IsReportedAndTriedAgain) {
  Write(kFile, File(5));
  files_.Inject({.call = FakeFileSystem::Call::kRead,
                 .status = absl::InternalError("EIO"),
                 .times = 3,
                 .path_contains = "tfevents"});
  StartAgent();
  EXPECT_EQ(collector_.mirror(kFile).state, ingest::v1::SOURCE_STATE_UNREADABLE);
  EXPECT_EQ(agent_->progress().files_unreadable, 1u);
  RunFor(absl::Seconds(5));
  EXPECT_EQ(Mirror(), File(5));
  EXPECT_EQ(collector_.mirror(kFile).state, ingest::v1::SOURCE_STATE_LIVE);
}

class UnlistedDirectoryTest : public AgentTest {
 protected:
  UnlistedDirectoryTest() {
    Write(kFile, File(5));
    Write("closed/events.out.tfevents.1", File(5));
    files_.Inject({.call = FakeFileSystem::Call::kList,
                   .status = absl::PermissionDeniedError("Permission denied"),
                   .times = FakeFileSystem::kForEver,
                   .path_contains = "/logs/closed"});
  }
};

TEST_F(UnlistedDirectoryTest, IsWarnedOfOnceAndTriedAgain) {
  StartAgent();
  RunFor(absl::Minutes(5));
  EXPECT_EQ(log_.Count("warn cannot list a directory"), 1u);
  EXPECT_TRUE(log_.Contains("/logs/closed: Permission denied"));
  EXPECT_EQ(agent_->progress().directories_unlisted, 1u);
  EXPECT_EQ(agent_->progress().directory_error, "/logs/closed: Permission denied");
  files_.ClearFaults();
  RunFor(absl::Minutes(2));
  EXPECT_EQ(Mirror("closed/events.out.tfevents.1"), File(5));
  EXPECT_EQ(agent_->progress().directories_unlisted, 0u);
}

TEST_F(UnlistedDirectoryTest, IsLeftAtTheEnd) {
  options_.once = true;
  StartAgent();
  RunFor(absl::Seconds(1));
  ASSERT_TRUE(agent_->outcome().has_value());
  EXPECT_EQ(agent_->outcome()->code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Mirror(), File(5)) << "the rest is delivered";
  const std::vector<FileLeft> left = agent_->Left(10);
  ASSERT_EQ(left.size(), 1u);
  EXPECT_TRUE(left[0].is_directory);
  EXPECT_EQ(left[0].why, "/logs/closed: Permission denied");
}

TEST_F(AgentTest, AFileThatMayNotEvenBeLookedAtIsLeft) {
  options_.once = true;
  Write(kFile, File(5));
  files_.Inject({.call = FakeFileSystem::Call::kStat,
                 .status = absl::PermissionDeniedError("Permission denied"),
                 .times = FakeFileSystem::kForEver,
                 .path_contains = "tfevents"});
  StartAgent();
  RunFor(absl::Seconds(1));
  ASSERT_TRUE(agent_->outcome().has_value());
  EXPECT_EQ(agent_->outcome()->code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(log_.Contains("warn file cannot be looked at"));
  EXPECT_EQ(agent_->progress().files_unreadable, 1u);
  ASSERT_EQ(agent_->Left(10).size(), 1u);
  EXPECT_EQ(agent_->Left(10)[0].why,
            absl::StrCat("unreadable: /logs/", kFile, ": Permission denied"));
}

// --- Refusals of bytes.

class RefusalTest : public AgentTest,
                    public ::testing::WithParamInterface<ingest::v1::RefusalReason> {};

TEST_P(RefusalTest, TheFileIsOpenedAgainAndArrives) {
  collector_.refuse_slices = GetParam();
  collector_.refuse_slices_times = 2;
  Write(kFile, File(100));
  StartAgent();
  RunFor(absl::Seconds(90));
  EXPECT_EQ(Mirror(), File(100));
  EXPECT_GE(collector_.Count(AgentMessage::kOpenBatch), 2);
  EXPECT_EQ(agent_->progress().refusals_total, 2u);
}

INSTANTIATE_TEST_SUITE_P(
    Each, RefusalTest,
    ::testing::Values(ingest::v1::REFUSAL_REASON_GAP, ingest::v1::REFUSAL_REASON_CONFLICT,
                      ingest::v1::REFUSAL_REASON_GENERATION, ingest::v1::REFUSAL_REASON_NOT_OPEN,
                      ingest::v1::REFUSAL_REASON_STORE_FULL, ingest::v1::REFUSAL_REASON_STORE_LOST),
    [](const auto& param) { return ingest::v1::RefusalReason_Name(param.param); });

TEST_F(AgentTest, Refusal_ThatNeverEndsIsTriedLaterAndLater) {
  collector_.refuse_slices = ingest::v1::REFUSAL_REASON_GAP;
  collector_.refuse_slices_times = 1 << 30;
  Write(kFile, File(1));
  StartAgent();
  RunFor(absl::Minutes(10));
  EXPECT_LT(collector_.Count(AgentMessage::kOpenBatch), 100);
  collector_.refuse_slices_times = 0;
  RunFor(absl::Seconds(16));
  EXPECT_EQ(Mirror(), File(1));
}

TEST_F(AgentTest, Refusal_OfAnOpenHoldsUpNobodyElse) {
  collector_.change_offer = [](ingest::v1::Offer* offer) {
    if (offer->stream() == 0) {
      offer->Clear();
      offer->set_refused(ingest::v1::REFUSAL_REASON_PATH);
    }
  };
  Write("a/tfevents", File(5));
  Write("b/tfevents", File(5));
  StartAgent();
  EXPECT_EQ(Mirror("a/tfevents") + Mirror("b/tfevents"), File(5));
  EXPECT_EQ(collector_.Count(AgentMessage::kListingComplete), 1);
  const std::vector<FileLeft> left = agent_->Left(10);
  ASSERT_EQ(left.size(), 1u);
  EXPECT_THAT(left[0].why, HasSubstr("REFUSAL_REASON_PATH"));
}

// --- Credit.

TEST_F(AgentTest, Credit_64KiBAreEnoughForEverything) {
  collector_.first_credit = 64u << 10;
  const std::string big = File(5000);
  Write("a/tfevents", big);
  Write("b/tfevents", big);
  StartAgent();
  EXPECT_EQ(Mirror("a/tfevents"), big);
  EXPECT_EQ(Mirror("b/tfevents"), big);
}

TEST_F(AgentTest, Limits_MoreFilesThanOneAgentMayHaveAreToldOnceASession) {
  collector_.limits.set_streams_max(2);
  for (int i = 0; i < 5; ++i) Write(absl::StrCat("run", i, "/tfevents.1"), File(3));
  StartAgent();
  RunFor(absl::Minutes(1));
  EXPECT_EQ(agent_->progress().files_open, 2u);
  std::vector<std::string> lines = log_.lines();
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(),
                          [](const std::string& line) {
                            return absl::StrContains(line, "more files than the collector takes");
                          }),
            collector_.connects());
}

TEST_F(AgentTest, Limits_FilesThatAreGoneMakeRoomForOthers) {
  collector_.limits.set_streams_max(2);
  StartAgent();
  for (int i = 0; i < 10; ++i) {
    const std::string path = absl::StrCat("run", i, "/tfevents.1");
    Write(path, File(3));
    RunFor(absl::Seconds(40));
    EXPECT_EQ(Mirror(path), File(3)) << i;
    ASSERT_TRUE(files_.Remove("/logs/" + path).ok());
    RunFor(absl::Seconds(40));
    EXPECT_EQ(collector_.mirror(path).state, ingest::v1::SOURCE_STATE_GONE);
  }
  // One that comes back is opened again.
  Write("run0/tfevents.1", File(5));
  RunFor(absl::Seconds(40));
  EXPECT_EQ(Mirror("run0/tfevents.1"), File(5));
  EXPECT_FALSE(log_.Contains("more files than the collector takes"));
}

TEST_F(AgentTest, Credit_NothingIsSentWithoutIt) {
  collector_.first_credit = 1000;
  collector_.give_credit_back = false;
  Write(kFile, File(500));
  StartAgent();
  RunFor(absl::Seconds(10));
  EXPECT_LE(Mirror().size(), 1000u);
  EXPECT_GE(Mirror().size(), 900u);
  collector_.GiveCredit(1 << 20);
  RunFor(absl::Seconds(1));
  EXPECT_EQ(Mirror(), File(500));
}

TEST_F(AgentTest, Credit_ThatIsNotUsedGoesBack) {
  collector_.first_credit = 8u << 10;
  StartAgent();
  collector_.GiveCredit(4u << 20);
  RunFor(absl::Seconds(10));
  EXPECT_EQ(collector_.Count(AgentMessage::kCreditReturn), 1);
  EXPECT_EQ(collector_.credit(), 8u << 10);
}

TEST_F(AgentTest, Fairness_ScalarsOvertakeABacklogByTheNextChunk) {
  collector_.first_credit = 1u << 20;
  collector_.give_credit_back = false;
  Write("live/tfevents", File(1));
  StartAgent();
  Write("huge/tfevents", File(200'000));
  RunFor(absl::Seconds(61));
  Append("live/tfevents", Scalars(1, 1));
  RunFor(absl::Seconds(2));
  collector_.GiveCredit(256u << 10);
  RunFor(absl::Milliseconds(10));
  EXPECT_EQ(Mirror("live/tfevents"), File(2));
  EXPECT_LT(Mirror("huge/tfevents").size(), File(200'000).size());
}

// --- Ending.

TEST_F(AgentTest, Once_EndsWhenAllIsDurable) {
  options_.once = true;
  collector_.acknowledge_durable = false;
  Write("a/tfevents", File(100));
  Write("b/tfevents", File(3) + "torn");
  StartAgent();
  EXPECT_FALSE(agent_->outcome().has_value());
  EXPECT_EQ(Mirror("b/tfevents"), File(3) + "torn");  // at once
  collector_.AcknowledgeAll();
  RunFor(absl::Seconds(1));
  ASSERT_TRUE(agent_->outcome().has_value());
  EXPECT_TRUE(agent_->outcome()->ok()) << *agent_->outcome();
  EXPECT_EQ(collector_.Count(AgentMessage::kGoodbye), 1);
  EXPECT_EQ(collector_.Count(AgentMessage::kListingComplete), 1);
}

TEST_F(AgentTest, Once_EndsThoughTheSessionEndsBeforeGoodbyeIsKnownToBeSent) {
  options_.once = true;
  collector_.goodbye_overtakes_sent = true;
  Write("a/tfevents", File(100));
  StartAgent();
  RunFor(absl::Seconds(1));
  ASSERT_TRUE(agent_->outcome().has_value());
  EXPECT_TRUE(agent_->outcome()->ok()) << *agent_->outcome();
  EXPECT_EQ(collector_.connects(), 1);
  EXPECT_EQ(collector_.Count(AgentMessage::kGoodbye), 1);
}

TEST_F(AgentTest, Once_TwiceChangesNothing) {
  options_.once = true;
  Write(kFile, File(100));
  StartAgent();
  ASSERT_TRUE(agent_->outcome().has_value());
  const uint64_t sent = collector_.payload_bytes();
  StartAgent();
  ASSERT_TRUE(agent_->outcome().has_value());
  EXPECT_TRUE(agent_->outcome()->ok());
  EXPECT_EQ(collector_.payload_bytes(), sent);
}

TEST_F(AgentTest, Once_WithoutFilesEndsToo) {
  options_.once = true;
  StartAgent();
  ASSERT_TRUE(agent_->outcome().has_value());
  EXPECT_TRUE(agent_->outcome()->ok());
}

TEST_F(AgentTest, Drain_SendsWhatIsTornAndEnds) {
  Write(kFile, File(3));
  StartAgent();
  Append(kFile, "torn");
  agent_->StartDrain();
  Settle();
  ASSERT_TRUE(agent_->outcome().has_value());
  EXPECT_TRUE(agent_->outcome()->ok());
  EXPECT_EQ(Mirror(), File(3) + "torn");
}

TEST_F(AgentTest, Drain_SaysWhatIsLeft) {
  collector_.acknowledge_durable = false;
  Write(kFile, File(3));
  StartAgent();
  agent_->StartDrain();
  RunFor(absl::Seconds(10));
  EXPECT_FALSE(agent_->outcome().has_value());
  const std::vector<FileLeft> left = agent_->Left(10);
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].relative_path, kFile);
  EXPECT_EQ(left[0].size_bytes, File(3).size());
  EXPECT_EQ(left[0].durable_bytes, 0u);
  EXPECT_EQ(left[0].why, "waiting for the collector");
}

TEST_F(AgentTest, Drain_AFileThatNeverCanBeReadDoesNotHoldItUp) {
  Write(kFile, File(3));
  Write("bad/tfevents", File(3));
  files_.Inject({.call = FakeFileSystem::Call::kRead,
                 .status = absl::PermissionDeniedError("EACCES"),
                 .times = FakeFileSystem::kForEver,
                 .path_contains = "bad"});
  options_.once = true;
  StartAgent();
  RunFor(absl::Seconds(30));
  ASSERT_TRUE(agent_->outcome().has_value());
  EXPECT_TRUE(absl::IsDataLoss(*agent_->outcome()));
  ASSERT_EQ(agent_->Left(10).size(), 1u);
  EXPECT_THAT(agent_->Left(10)[0].why, HasSubstr("EACCES"));
}

TEST_F(AgentTest, Drain_WhatAnotherStoreHadCountsForNothing) {
  Write(kFile, File(5));
  StartAgent();
  ASSERT_EQ(collector_.mirror(kFile).durable, File(5).size());
  // It comes back with an empty store, and does not take the bytes at once.
  collector_.Restart();
  collector_.mirror(kFile) = {};
  collector_.answer_opens = false;
  while (!collector_.connected() && clock_.Monotonic() < absl::Hours(1)) RunFor(absl::Seconds(1));
  ASSERT_TRUE(collector_.connected());
  agent_->StartDrain();
  RunFor(absl::Seconds(5));
  EXPECT_FALSE(agent_->outcome().has_value()) << "nothing is durable there";
  EXPECT_FALSE(agent_->Left(1).empty());
  collector_.answer_opens = true;
  collector_.Break();
  RunFor(absl::Seconds(5));
  ASSERT_TRUE(agent_->outcome().has_value());
  EXPECT_EQ(*agent_->outcome(), absl::OkStatus());
  EXPECT_EQ(collector_.mirror(kFile).durable, File(5).size());
}

TEST_F(AgentTest, Drain_WithoutAnyConnectionWaits) {
  collector_.reachable = false;
  Write(kFile, File(3));
  StartAgent();
  agent_->StartDrain();
  RunFor(absl::Seconds(10));
  EXPECT_FALSE(agent_->outcome().has_value());
  ASSERT_EQ(agent_->Left(10).size(), 1u);
  EXPECT_EQ(agent_->Left(10)[0].why, "not opened yet");
}

// --- Damage.

TEST_F(AgentTest, Damage_IsShippedVerbatimAndCounted) {
  std::string bytes = File(100);
  bytes[bytes.size() / 2] ^= 0x20;
  Write(kFile, bytes);
  StartAgent();
  RunFor(absl::Seconds(10));
  EXPECT_EQ(Mirror(), bytes);
  EXPECT_EQ(agent_->progress().damaged_records_total, 1u);
}

TEST_F(AgentTest, Zeros_AreWaitedForAndArriveFilled) {
  const std::string whole = File(100);
  EventFileBuilder holed;
  const std::string holed_bytes = holed.Bytes(whole).Hole(File(40).size(), 1000).Build();
  Write(kFile, File(10));
  StartAgent();
  Write(kFile, holed_bytes);
  RunFor(absl::Seconds(3));
  EXPECT_EQ(Mirror(), File(40));
  Write(kFile, whole);
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Mirror(), whole);
  EXPECT_EQ(agent_->progress().unfilled_ranges_total, 0u);
}

TEST_F(AgentTest, Zeros_GivenUpAreShippedAndFilledLater) {
  const std::string whole = File(100);
  const uint64_t hole = File(40).size();
  const std::string holed =
      EventFileBuilder().Bytes(whole).Hole(hole, File(50).size() - hole).Build();
  Write(kFile, holed);
  StartAgent();
  RunFor(absl::Seconds(4));
  EXPECT_EQ(Mirror(), File(40));
  RunFor(absl::Seconds(3));
  EXPECT_EQ(Mirror(), holed);
  EXPECT_EQ(agent_->progress().unfilled_ranges_total, 1u);
  Write(kFile, whole);
  RunFor(absl::Seconds(10));
  EXPECT_EQ(Mirror(), whole);
  EXPECT_GE(agent_->progress().fills_sent_total, 1u);
  EXPECT_EQ(collector_.mirror(kFile).generation, 0u);
}

TEST_F(AgentTest, Zeros_NeverFilledDelayNothingElse) {
  const std::string holed = EventFileBuilder().Bytes(File(100)).Zeros(64).Build();
  Write(kFile, holed);
  StartAgent();
  RunFor(absl::Seconds(7));
  EXPECT_EQ(Mirror(), holed);
  Append(kFile, Scalars(5, 100));
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Mirror(), holed + Scalars(5, 100));
}

TEST_F(AgentTest, Zeros_ANewAgentWatchesThemAgain) {
  const std::string whole = File(100);
  const uint64_t hole = File(40).size();
  const uint64_t length = File(50).size() - hole;
  const std::string holed = EventFileBuilder().Bytes(whole).Hole(hole, length).Build();
  collector_.mirror(kFile).bytes = holed;
  collector_.mirror(kFile).unfilled = {{hole, length}};
  Write(kFile, whole);
  StartAgent();
  RunFor(absl::Seconds(6));
  EXPECT_EQ(Mirror(), whole);
  EXPECT_EQ(collector_.mirror(kFile).generation, 0u);
}

TEST_F(AgentTest, TornTail_GoesAfterASecond) {
  const std::string torn = File(10) + Scalars(1, 10).substr(0, 30);
  Write(kFile, torn);
  StartAgent();
  EXPECT_EQ(Mirror(), File(10));
  RunFor(absl::Milliseconds(900));
  EXPECT_EQ(Mirror(), File(10));
  RunFor(absl::Milliseconds(200));
  EXPECT_EQ(Mirror(), torn);
  Append(kFile, Scalars(1, 10).substr(30));
  RunFor(absl::Seconds(2));
  EXPECT_EQ(Mirror(), File(11));
  EXPECT_EQ(agent_->progress().damaged_records_total, 0u);
  EXPECT_EQ(agent_->progress().records_read_total, 12u);
}

}  // namespace
}  // namespace tributary::agent
