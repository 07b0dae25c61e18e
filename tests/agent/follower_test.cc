#include "agent/follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>

#include "common/eventfile/crc32c.h"
#include "tests/support/event_file_builder.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"

namespace tributary::agent {
namespace {

using Kind = Follower::Block::Kind;
using Look = Follower::Look;

constexpr char kPath[] = "/logs/tfevents";
constexpr uint64_t kAll = 1u << 20;

class FollowerTest : public ::testing::Test {
 protected:
  FollowerTest() : files_(&clock_) {}

  // The file as the tailer finds it.
  void Begin(absl::string_view bytes) {
    files_.WriteFile(kPath, bytes);
    tailer_ = std::make_unique<Tailer>(Tailer::Options{.roots = {"/logs"}},
                                       Tailer::Dependencies{&files_, &clock_, nullptr});
    follower_ = std::make_unique<Follower>(Follower::Options{}, tailer_.get(), &clock_);
    Poll();
    ASSERT_EQ(tailer_->file_count(), 1u);
    ASSERT_TRUE(follower_->Start(0, 0, {}).ok());
  }
  void Write(absl::string_view bytes) {
    files_.WriteFile(kPath, bytes);
    Poll();
  }
  void Append(absl::string_view bytes) {
    files_.AppendFile(kPath, bytes);
    Poll();
  }
  void Poll() {
    tailer_->SweepNow();
    for (const TailedFileId id : tailer_->Poll()) follower_->NoteChange(id);
  }
  // Everything that Read hands on now; stops at what is held.
  std::string ReadAll(uint64_t bytes_max = kAll, bool flush = false) {
    std::string all;
    while (true) {
      last_ = follower_->Read(0, bytes_max, flush);
      if (last_.kind != Kind::kBytes) return all;
      EXPECT_EQ(last_.offset, follower_->position(0) - last_.data.size());
      EXPECT_FALSE(last_.data.empty());
      EXPECT_LE(last_.data.size(), bytes_max);
      all += last_.data;
    }
  }

  static std::string Records(int count) {
    EventFileBuilder builder;
    for (int i = 0; i < count; ++i) builder.Scalar("loss", Step(i + 1), 1.5f);
    return builder.Build();
  }
  static std::string Payload(uint64_t bytes, char fill = 'p') {
    return EventFileBuilder().Raw(std::string(bytes, fill)).Build();
  }

  FakeClock clock_;
  FakeFileSystem files_;
  std::unique_ptr<Tailer> tailer_;
  std::unique_ptr<Follower> follower_;
  Follower::Block last_;
};

TEST_F(FollowerTest, HandsOnEveryByteWhateverTheRoom) {
  const std::string bytes = Records(20) + Payload(5000) + Records(20);
  for (const uint64_t room :
       std::initializer_list<uint64_t>{1, 2, 11, 12, 13, 55, 100, 4096, 100'000}) {
    SCOPED_TRACE(room);
    Begin(bytes);
    EXPECT_EQ(ReadAll(room), bytes);
    EXPECT_EQ(last_.kind, Kind::kAtEnd);
    EXPECT_EQ(follower_->totals().records, 41u);
    EXPECT_EQ(follower_->totals().damaged_records, 0u);
  }
}

TEST_F(FollowerTest, CutsAtRecordsWhereItCan) {
  Begin(Records(100));
  const uint64_t record = Records(1).size();
  const Follower::Block block = follower_->Read(0, record * 3 + 7, false);
  EXPECT_EQ(block.data.size(), record * 3);
}

TEST_F(FollowerTest, Torn_AtEveryByteWaitsOneSecondAndGoesOn) {
  const std::string whole = Records(3);
  const uint64_t record = Records(1).size();
  for (uint64_t cut = 1; cut < whole.size(); ++cut) {
    SCOPED_TRACE(cut);
    Begin(whole.substr(0, cut));
    EXPECT_EQ(ReadAll().size(), cut / record * record);
    if (cut % record != 0) {
      EXPECT_EQ(last_.kind, Kind::kHeld);
      EXPECT_EQ(last_.until, clock_.Monotonic() + absl::Seconds(1));
      clock_.Advance(absl::Milliseconds(999));
      EXPECT_EQ(ReadAll(), "");
      clock_.Advance(absl::Milliseconds(1));
      EXPECT_EQ(ReadAll().size(), cut % record);
    }
    EXPECT_EQ(last_.kind, Kind::kAtEnd);
    Append(whole.substr(cut));
    EXPECT_EQ(ReadAll(), whole.substr(cut));
    EXPECT_EQ(follower_->totals().records, 3u);
    EXPECT_EQ(follower_->totals().damaged_records, 0u);
  }
}

TEST_F(FollowerTest, Torn_GoesAtOnceWithFlush) {
  const std::string torn = Records(2).substr(0, 70);
  Begin(torn);
  EXPECT_EQ(ReadAll(kAll, /*flush=*/true), torn);
}

TEST_F(FollowerTest, Torn_CompletedWithinTheSecondGoesWhole) {
  const std::string whole = Records(2);
  Begin(whole.substr(0, 70));
  EXPECT_EQ(ReadAll().size(), whole.size() / 2);
  Append(whole.substr(70));
  EXPECT_EQ(ReadAll(), whole.substr(whole.size() / 2));
}

TEST_F(FollowerTest, Zeros_InAHeaderAreHeldForFiveSecondsSinceTheLastChange) {
  const std::string before = Records(2);
  Begin(before + std::string(100, '\0'));
  EXPECT_EQ(ReadAll(), before);
  EXPECT_EQ(last_.kind, Kind::kHeld);
  clock_.Advance(absl::Seconds(4));
  EXPECT_EQ(ReadAll(), "");
  Append(std::string(50, '\0'));
  clock_.Advance(absl::Seconds(4));
  EXPECT_EQ(ReadAll(), "");
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(ReadAll(), std::string(150, '\0'));
  EXPECT_EQ(follower_->totals().unfilled_ranges, 1u);
  EXPECT_TRUE(follower_->watches(0));
}

TEST_F(FollowerTest, Zeros_InAFileThatNeverRestsAreGivenUpAllTheSame) {
  const std::string records = Records(1);
  Begin(records + std::string(64, '\0') + records);
  EXPECT_EQ(ReadAll(), records);
  for (int second = 1; second < 30; ++second) {
    clock_.Advance(absl::Seconds(1));
    Append(records);
    ASSERT_EQ(ReadAll(), "") << second;
  }
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(ReadAll().size(), 64 + 30 * records.size());
}

TEST_F(FollowerTest, Zeros_AtTheEndOfABodyAreHeld) {
  const std::string record = Payload(1000);
  std::string torn = record.substr(0, 500) + std::string(516, '\0');
  Begin(Records(1) + torn.substr(0, 800));
  EXPECT_EQ(ReadAll(), Records(1));
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(ReadAll(), "");
  Write(Records(1) + record);
  EXPECT_EQ(ReadAll(), record);
  EXPECT_EQ(follower_->totals().damaged_records, 0u);
}

TEST_F(FollowerTest, Zeros_AtTheEndOfALongBodyWhoseStartHasGone) {
  const std::string record = Payload(600'000);
  const std::string holed = record.substr(0, 400'000) + std::string(100'000, '\0');
  Begin(holed);
  const std::string first = ReadAll();
  EXPECT_EQ(last_.kind, Kind::kHeld);
  EXPECT_LT(first.size(), 500'000u);
  EXPECT_EQ(first, record.substr(0, first.size()));
  clock_.Advance(absl::Seconds(1));
  Write(record);
  EXPECT_EQ(first + ReadAll(), record);
  EXPECT_EQ(follower_->totals().records, 1u);
  EXPECT_EQ(follower_->totals().damaged_records, 0u);
}

TEST_F(FollowerTest, Zeros_WithinALegalLongRecordDelayNothing) {
  const std::string record = Payload(3'000'000, '\0');
  Begin(record + Records(1));
  EXPECT_EQ(ReadAll(), record + Records(1));
  EXPECT_EQ(follower_->totals().records, 2u);
  EXPECT_FALSE(follower_->watches(0));
}

TEST_F(FollowerTest, Fill_IsDueWhenTheRangeTurnsIntoRecords) {
  const std::string whole = Records(40);
  const uint64_t record = Records(1).size();
  const std::string holed = EventFileBuilder().Bytes(whole).Hole(10 * record, 5 * record).Build();
  Begin(holed);
  EXPECT_EQ(ReadAll(kAll, /*flush=*/true), holed);
  ASSERT_TRUE(follower_->watches(0));
  clock_.Advance(absl::Seconds(5));
  follower_->LookAtRanges(0);
  EXPECT_FALSE(follower_->fills_pending(0));

  Write(whole);
  clock_.Advance(absl::Seconds(5));
  follower_->LookAtRanges(0);
  ASSERT_TRUE(follower_->fills_pending(0));
  std::string filled;
  uint64_t offset = 0;
  while (const std::optional<Follower::Block> fill = follower_->NextFill(0, 100)) {
    if (filled.empty()) offset = fill->offset;
    EXPECT_EQ(fill->offset, offset + filled.size());
    EXPECT_LE(fill->data.size(), 100u);
    filled += fill->data;
  }
  EXPECT_LE(offset, 10 * record);
  EXPECT_EQ(filled, whole.substr(offset, filled.size()));
  EXPECT_GE(offset + filled.size(), 15 * record);

  // Repeated until it is durable, and the file does not count as changed before or after.
  EXPECT_EQ(follower_->LookAgain(0), Look::kSame);
  follower_->RepeatFills(0);
  EXPECT_TRUE(follower_->NextFill(0, kAll).has_value());
  follower_->FillDurable(0, offset, filled.size());
  EXPECT_FALSE(follower_->watches(0));
  EXPECT_EQ(follower_->LookAgain(0), Look::kSame);
}

// A collector tells where the zeros are, not in which record.
TEST_F(FollowerTest, Fill_OfAResumedRangeThatBeginsInsideARecord) {
  const std::string whole = Records(40) + Payload(600 << 10) + Records(5);
  const uint64_t record = Records(1).size();
  const uint64_t hole = 10 * record + 30;
  const std::string earlier = EventFileBuilder().Bytes(whole).Hole(3 * record, record).Build();
  const std::string holed = EventFileBuilder().Bytes(earlier).Hole(hole, 3 * record).Build();
  Begin(holed);
  ASSERT_TRUE(follower_->Start(0, holed.size(), {{hole, 3 * record}}).ok());
  ASSERT_TRUE(follower_->watches(0));
  follower_->LookAtRanges(0);
  EXPECT_FALSE(follower_->fills_pending(0));
  Write(earlier);
  for (int look = 0; look < 2; ++look) {
    clock_.Advance(absl::Seconds(5));
    follower_->LookAtRanges(0);
  }
  ASSERT_TRUE(follower_->fills_pending(0));
  const std::optional<Follower::Block> fill = follower_->NextFill(0, kAll);
  ASSERT_TRUE(fill.has_value());
  EXPECT_EQ(fill->offset, hole);
  EXPECT_EQ(fill->data, whole.substr(hole, 3 * record));
}

TEST_F(FollowerTest, Fill_OfAResumedRangeFarInTheFileIsFoundInSteps) {
  std::string before;
  for (int i = 0; i < 34; ++i) before += Payload(1 << 20);
  const std::string whole = before + Records(40);
  const uint64_t hole = before.size() + 30;
  Begin(whole);
  ASSERT_TRUE(follower_->Start(0, whole.size(), {{hole, 100}}).ok());
  int looks = 0;
  for (; looks < 10 && !follower_->fills_pending(0); ++looks) {
    follower_->LookAtRanges(0);
    clock_.Advance(absl::Seconds(5));
  }
  EXPECT_TRUE(follower_->fills_pending(0));
  EXPECT_GT(looks, 1) << "a look reads 16 MiB at most";
}

TEST_F(FollowerTest, Fill_WithGarbageIsNone) {
  const std::string whole = Records(40);
  const uint64_t record = Records(1).size();
  const std::string holed = EventFileBuilder().Bytes(whole).Hole(10 * record, 5 * record).Build();
  Begin(holed);
  ReadAll(kAll, true);
  std::string garbage = whole;
  garbage[12 * record + 20] ^= 1;
  Write(garbage);
  clock_.Advance(absl::Seconds(5));
  follower_->LookAtRanges(0);
  EXPECT_FALSE(follower_->fills_pending(0));
}

TEST_F(FollowerTest, Fill_IsNotLookedForAfterTenMinutes) {
  const std::string whole = Records(40);
  const std::string holed = EventFileBuilder().Bytes(whole).Hole(550, 110).Build();
  Begin(holed);
  ReadAll(kAll, true);
  clock_.Advance(absl::Minutes(10));
  Write(whole);
  EXPECT_EQ(follower_->LookAtRanges(0), absl::InfiniteDuration());
  EXPECT_FALSE(follower_->fills_pending(0));
  // Taken as zeros on both sides all the same.
  EXPECT_EQ(follower_->LookAgain(0), Look::kSame);
}

TEST_F(FollowerTest, Damage_IsHandedOnVerbatimAndCountedOnce) {
  std::string bytes = Records(50);
  bytes[20 * Records(1).size() + 15] ^= 4;  // a payload
  bytes[40 * Records(1).size() + 2] ^= 4;   // a length
  Begin(bytes);
  EXPECT_EQ(ReadAll(100), bytes);
  EXPECT_EQ(follower_->totals().damaged_records, 2u);
  EXPECT_EQ(follower_->totals().records, 48u);
  follower_->Rewind(0, 0);
  EXPECT_EQ(ReadAll(), bytes);
  EXPECT_EQ(follower_->totals().damaged_records, 2u);
  EXPECT_EQ(follower_->totals().records, 48u);
}

TEST_F(FollowerTest, Rewind_IntoARecordIsNoDamage) {
  const std::string bytes = Records(20);
  Begin(bytes);
  ReadAll();
  follower_->Rewind(0, 30);
  EXPECT_EQ(ReadAll(), bytes.substr(30));
  EXPECT_EQ(follower_->totals().damaged_records, 0u);
}

TEST_F(FollowerTest, Look_FindsWhatChanged) {
  const std::string bytes = Records(20);
  Begin(bytes);
  ReadAll();
  EXPECT_EQ(follower_->LookAgain(0), Look::kSame);
  Append(Records(1));
  EXPECT_EQ(follower_->LookAgain(0), Look::kSame);
  std::string other = bytes;
  other[3] ^= 1;
  Write(other);
  EXPECT_EQ(follower_->LookAgain(0), Look::kDifferent);
  other = bytes;
  other[other.size() - 1] ^= 1;
  Write(other);
  EXPECT_EQ(follower_->LookAgain(0), Look::kDifferent);
  Write(bytes.substr(0, bytes.size() - 1));
  EXPECT_EQ(follower_->LookAgain(0), Look::kShorter);
  Write("");
  EXPECT_EQ(follower_->LookAgain(0), Look::kShorter);
  other = bytes.substr(0, 100);
  other[3] ^= 1;
  Write(other);
  EXPECT_EQ(follower_->LookAgain(0), Look::kDifferent);
  files_.ReplaceFile(kPath, bytes + bytes);
  Poll();
  EXPECT_EQ(follower_->LookAgain(0), Look::kReplaced);
  EXPECT_EQ(follower_->LookAgain(0), Look::kSame);
}

TEST_F(FollowerTest, Look_KnowsAFileThatWasResumed) {
  const std::string bytes = Records(20);
  Begin(bytes);
  ASSERT_TRUE(follower_->Start(0, bytes.size(), {}).ok());
  EXPECT_EQ(follower_->LookAgain(0), Look::kSame);
  std::string other = bytes + Records(1);
  other[bytes.size() - 1] ^= 1;
  Write(other);
  EXPECT_EQ(follower_->LookAgain(0), Look::kDifferent);
}

TEST_F(FollowerTest, Malicious_ALengthThatNoFileCanHaveDoesNotWrap) {
  const std::string before = Records(2);
  for (const uint64_t length :
       {~uint64_t{0}, ~uint64_t{0} - 11, ~uint64_t{0} - 15 - before.size()}) {
    SCOPED_TRACE(length);
    std::string header(12, '\0');
    std::memcpy(header.data(), &length, sizeof(length));
    const uint32_t crc = MaskCrc32c(Crc32c(header.substr(0, 8)));
    std::memcpy(header.data() + 8, &crc, sizeof(crc));
    Begin(before + header + std::string(300 << 10, '\0'));
    std::string all = ReadAll();
    clock_.Advance(absl::Minutes(1));
    all += ReadAll(kAll, /*flush=*/true);
    EXPECT_EQ(all, before + header + std::string(300 << 10, '\0'));
    EXPECT_NE(follower_->LookAgain(0), Look::kDifferent) << "real bytes were taken for a hole";
  }
}

TEST_F(FollowerTest, Rewritten_SinceTheLastLookNothingOfItIsHandedOn) {
  const std::string bytes = Records(20);
  Begin(bytes);
  EXPECT_EQ(follower_->Read(0, 300, false).kind, Kind::kBytes);
  // As long as before, and nobody has looked.
  files_.WriteFile(kPath, Payload(bytes.size()).substr(0, bytes.size()));
  EXPECT_EQ(follower_->Read(0, kAll, false).kind, Kind::kChanged);
  EXPECT_EQ(follower_->LookAgain(0), Look::kDifferent);
}

TEST_F(FollowerTest, Rewritten_AfterARewindNothingOfItIsHandedOn) {
  const std::string bytes = Records(20);
  Begin(bytes);
  ReadAll();
  follower_->Rewind(0, 300);
  files_.WriteFile(kPath, Payload(bytes.size()).substr(0, bytes.size()));
  EXPECT_EQ(follower_->Read(0, 100, false).kind, Kind::kChanged);
  EXPECT_EQ(follower_->position(0), 300u);
}

TEST_F(FollowerTest, Unreadable_KeepsThePosition) {
  Begin(Records(3));
  files_.Inject({.call = FakeFileSystem::Call::kRead, .status = absl::InternalError("EIO")});
  EXPECT_EQ(ReadAll(), "");
  EXPECT_EQ(last_.kind, Kind::kUnreadable);
  EXPECT_THAT(last_.error.message(), ::testing::HasSubstr("EIO"));
  EXPECT_EQ(ReadAll(), Records(3));
}

}  // namespace
}  // namespace tributary::agent
