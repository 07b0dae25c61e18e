#include "collector/ingest/local_file.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/event_file_builder.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kPath[] = "/logs/run/events.out.tfevents.1767225600.h.1.0";
constexpr uint64_t kAll = ~uint64_t{0};

class LocalFileTest : public ::testing::Test {
 protected:
  LocalFileTest() {
    EventFileIdentity identity;
    identity.run = RunName("run");
    identity.file_name = "events.out.tfevents.1767225600.h.1.0";
    identity.path = "run/events.out.tfevents.1767225600.h.1.0";
    index_file_ = index_->AddFile(identity, nullptr);
    file_ = std::make_unique<LocalFile>(&files_, kPath, index_file_);
  }
  LocalFile::Result Load(uint64_t bytes_max = kAll, uint64_t zeros_over_to = 0) {
    return file_->Load(bytes_max, zeros_over_to, absl::MakeSpan(buffer_));
  }
  std::vector<int64_t> StepsOf(const std::string& tag = "loss") {
    const auto points = index_->ReadScalars(RunName("run"), Tag(tag), {.points_max = 0});
    return points.ok() ? points->steps : std::vector<int64_t>();
  }

  FakeClock clock_;
  FakeFileSystem files_{&clock_};
  std::unique_ptr<Index> index_ = Index::Make({});
  std::shared_ptr<FileIndex> index_file_;
  std::unique_ptr<LocalFile> file_;
  std::vector<char> buffer_ = std::vector<char>(100);
};

EventFileBuilder Steps(std::initializer_list<int64_t> steps, float value = 1) {
  EventFileBuilder builder;
  builder.FileVersion();
  for (int64_t step : steps) builder.Scalar("loss", Step(step), value);
  return builder;
}

TEST_F(LocalFileTest, Missing) {
  EXPECT_TRUE(absl::IsNotFound(Load().status));
  EXPECT_THAT(StepsOf(), IsEmpty());
}

TEST_F(LocalFileTest, Empty) {
  files_.WriteFile(kPath, "");
  const LocalFile::Result result = Load();
  EXPECT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.read_to, 0u);
  EXPECT_FALSE(result.more);
}

TEST_F(LocalFileTest, AReadThatFailsKeepsWhatWasReadAndGoesOn) {
  const std::string content = Steps({1, 2, 3, 4, 5, 6, 7, 8}).Build();
  files_.WriteFile(kPath, content);
  files_.Inject(
      {.call = FakeFileSystem::Call::kRead, .status = absl::InternalError("EIO"), .after = 4});
  const LocalFile::Result failed = Load();
  EXPECT_FALSE(failed.status.ok());
  EXPECT_GT(failed.read_to, 0u);
  EXPECT_LT(failed.read_to, content.size());
  EXPECT_TRUE(Load().status.ok());
  EXPECT_THAT(StepsOf(), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
}

TEST_F(LocalFileTest, PartsOfAnySizeReadTheSame) {
  const std::string content = Steps({1, 2, 3}).Build();
  files_.WriteFile(kPath, content);
  for (uint64_t part = 1; part < content.size() + 2; part += 7) {
    file_ = std::make_unique<LocalFile>(&files_, kPath, index_file_);
    index_file_->Reset();
    int calls = 1;
    while (Load(part).more) ++calls;
    ASSERT_THAT(StepsOf(), ElementsAre(1, 2, 3)) << part;
    ASSERT_EQ(calls, static_cast<int>((content.size() + part - 1) / part)) << part;
  }
}

TEST_F(LocalFileTest, GrowsByAnyPiece) {
  const std::string content = Steps({1, 2, 3}).Build();
  for (size_t split = 0; split <= content.size(); ++split) {
    file_ = std::make_unique<LocalFile>(&files_, kPath, index_file_);
    index_file_->Reset();
    files_.WriteFile(kPath, content.substr(0, split));
    ASSERT_TRUE(Load().status.ok());
    files_.AppendFile(kPath, content.substr(split));
    const LocalFile::Result result = Load();
    ASSERT_FALSE(result.replaced) << split;
    ASSERT_THAT(StepsOf(), ElementsAre(1, 2, 3)) << split;
  }
}

TEST_F(LocalFileTest, Fault22_Replaced_OtherBytesAtTheStart) {
  files_.WriteFile(kPath, Steps({1, 2}).Build());
  Load();
  files_.ReplaceFile(
      kPath, EventFileBuilder().Scalar("other", Step(9), 1).Build() + Steps({1, 2, 3}).Build());
  EXPECT_TRUE(Load().replaced);
  EXPECT_THAT(StepsOf("other"), ElementsAre(9));
  EXPECT_THAT(StepsOf(), ElementsAre(1, 2, 3));
}

TEST_F(LocalFileTest, Replaced_OtherBytesBeforeTheEnd) {
  files_.WriteFile(kPath, Steps({1, 2}).Build());
  Load();
  files_.WriteFile(kPath, Steps({1, 7, 8}).Build());
  EXPECT_TRUE(Load().replaced);
  EXPECT_THAT(StepsOf(), ElementsAre(1, 7, 8));
}

TEST_F(LocalFileTest, Replaced_ByAShorterFileOfOtherBytes) {
  files_.WriteFile(kPath, Steps({1, 2, 3, 4}).Build());
  Load();
  files_.WriteFile(kPath, EventFileBuilder().Scalar("other", Step(9), 1).Build());
  EXPECT_TRUE(Load().replaced);
  EXPECT_THAT(StepsOf(), IsEmpty());
  EXPECT_THAT(StepsOf("other"), ElementsAre(9));
}

TEST_F(LocalFileTest, Fault24_ACopyWithAnotherInodeIsTheSameFile) {
  files_.WriteFile(kPath, Steps({1, 2}).Build());
  Load();
  files_.ReplaceFile(kPath, Steps({1, 2, 3}).Build());
  EXPECT_FALSE(Load().replaced);
  EXPECT_THAT(StepsOf(), ElementsAre(1, 2, 3));
}

TEST_F(LocalFileTest, Fault5_ShorterWithEqualBytesKeepsItsPointsUntilItGrowsAgain) {
  const std::string content = Steps({1, 2, 3}).Build();
  files_.WriteFile(kPath, content);
  Load();
  for (uint64_t size : {content.size() - 10, uint64_t{5}, uint64_t{0}}) {
    files_.TruncateFile(kPath, size);
    const LocalFile::Result result = Load();
    EXPECT_TRUE(result.shorter);
    EXPECT_FALSE(result.replaced);
    EXPECT_THAT(StepsOf(), ElementsAre(1, 2, 3));
  }
  files_.WriteFile(kPath, Steps({1, 2, 3, 4}).Build());
  EXPECT_FALSE(Load().replaced);
  EXPECT_THAT(StepsOf(), ElementsAre(1, 2, 3, 4));
}

TEST_F(LocalFileTest, Zeros_FilledInTimeAreNoDamage) {
  EventFileBuilder builder = Steps({1, 2, 3, 4});
  const std::string whole = builder.Build();
  const uint64_t begin = builder.record_offsets()[2];
  const uint64_t end = builder.record_offsets()[4];
  files_.WriteFile(kPath, Steps({1, 2, 3, 4}).Hole(begin, end - begin).Build());
  EXPECT_TRUE(Load().zeros_at.has_value());
  EXPECT_THAT(StepsOf(), ElementsAre(1));
  EXPECT_TRUE(Load().zeros_at.has_value());
  files_.WriteFile(kPath, whole);
  const LocalFile::Result result = Load();
  EXPECT_FALSE(result.zeros_at.has_value());
  EXPECT_FALSE(result.replaced);
  EXPECT_THAT(StepsOf(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(index_file_->damage(), IsEmpty());
}

TEST_F(LocalFileTest, Zeros_InAPayloadLongerThanOneCallReadsAreNoReasonToReadItAgain) {
  EventFileBuilder builder;
  builder.FileVersion().Text("t", Step(1), std::string(5'000, '\0')).Scalar("loss", Step(2), 1);
  files_.WriteFile(kPath, builder.Build());
  uint64_t before = 0;
  for (LocalFile::Result result = Load(1'000); result.more; result = Load(1'000)) {
    ASSERT_GT(result.read_to, before);
    before = result.read_to;
    EXPECT_FALSE(result.zeros_at.has_value());
  }
  EXPECT_THAT(StepsOf(), ElementsAre(2));
  EXPECT_THAT(index_file_->damage(), IsEmpty());
}

TEST_F(LocalFileTest, Zeros_AtTheEndAreReadAgainFromTheirRecordOn) {
  EventFileBuilder builder;
  builder.FileVersion().Text("t", Step(1), std::string(5'000, 'x')).Scalar("loss", Step(2), 1);
  const uint64_t begin = builder.record_offsets()[1] + 100;
  const std::string whole = builder.Build();
  files_.WriteFile(kPath, whole.substr(0, begin) + std::string(whole.size() - begin, '\0'));
  LocalFile::Result result = Load(1'000);
  while (result.more) result = Load(1'000);
  EXPECT_TRUE(result.zeros_at.has_value());
  files_.WriteFile(kPath, whole);
  result = Load(1'000);
  while (result.more) result = Load(1'000);
  EXPECT_FALSE(result.zeros_at.has_value());
  EXPECT_THAT(StepsOf(), ElementsAre(2));
  EXPECT_THAT(index_file_->damage(), IsEmpty());
}

TEST_F(LocalFileTest, Fault26_Zeros_WhatLiesBehindThemIsNotRead) {
  EventFileBuilder builder = Steps({1, 2, 3});
  const uint64_t begin = builder.record_offsets()[2];
  const std::string whole = builder.Text("t", Step(1), std::string(50'000, 'x')).Build();
  files_.WriteFile(kPath, builder.Hole(begin, builder.record_offsets()[3] - begin).Build());
  for (int i = 0; i < 3; ++i) {
    const LocalFile::Result result = Load();
    EXPECT_EQ(result.zeros_at, begin);
    EXPECT_FALSE(result.more);
    EXPECT_LE(result.read_to, begin + 2 * buffer_.size());
  }
  EXPECT_FALSE(Load(kAll, begin).zeros_at == std::nullopt);
  EXPECT_EQ(Load(kAll, begin + 1).read_to, whole.size());
  EXPECT_THAT(StepsOf(), ElementsAre(1, 3));
}

TEST_F(LocalFileTest, Zeros_OfAFileAtRestAreAllDamage) {
  EventFileBuilder builder = Steps({1, 2, 3, 4, 5});
  for (const size_t record : {2u, 4u}) {
    const uint64_t begin = builder.record_offsets()[record];
    builder.Hole(begin, builder.record_offsets()[record + 1] - begin);
  }
  const uint64_t torn = builder.size_bytes();
  builder.Text("t", Step(1), std::string(100, '\0')).TruncatedBy(20);
  files_.WriteFile(kPath, builder.Build());
  EXPECT_FALSE(Load(kAll, LocalFile::kAtRest).zeros_at.has_value());
  EXPECT_THAT(StepsOf(), ElementsAre(1, 3, 5));
  ASSERT_THAT(index_file_->damage(), SizeIs(3));
  EXPECT_EQ(index_file_->damage()[2].offset, torn);
}

TEST_F(LocalFileTest, Zeros_GivenUpAreDamage) {
  EventFileBuilder builder = Steps({1, 2, 3, 4});
  const uint64_t begin = builder.record_offsets()[2];
  const uint64_t end = builder.record_offsets()[4];
  files_.WriteFile(kPath, builder.Hole(begin, end - begin).Build());
  EXPECT_TRUE(Load().zeros_at.has_value());
  EXPECT_FALSE(Load(kAll, end).zeros_at.has_value());
  EXPECT_THAT(StepsOf(), ElementsAre(1, 4));
  ASSERT_THAT(index_file_->damage(), SizeIs(1));
  EXPECT_EQ(index_file_->damage()[0].cause, DamageCause::kZeros);
  EXPECT_EQ(index_file_->damage()[0].offset, begin);
}

}  // namespace
}  // namespace tributary
