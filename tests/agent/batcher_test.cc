#include "agent/batcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

namespace tributary::agent {
namespace {

constexpr absl::Duration kNow = absl::Seconds(100);

// Streams with so many bytes each; reading takes them away.
class BatcherTest : public ::testing::Test {
 protected:
  void Ready(uint32_t stream, uint64_t bytes) {
    left_[stream] += bytes;
    batcher_.Add(stream, left_[stream], kNow);
  }
  ingest::v1::Chunk Build(uint64_t bytes_max, uint32_t slices_max = 100) {
    ingest::v1::Chunk chunk =
        batcher_.Build(bytes_max, slices_max, kNow, [this](uint32_t stream, uint64_t room) {
          Batcher::Block block;
          block.offset = sent_[stream];
          block.data.assign(std::min(room, left_[stream]), 'x');
          left_[stream] -= block.data.size();
          sent_[stream] += block.data.size();
          block.left_bytes = left_[stream];
          return block;
        });
    uint64_t bytes = 0;
    for (const ingest::v1::Slice& slice : chunk.slices()) bytes += slice.data().size();
    EXPECT_LE(bytes, bytes_max);
    return chunk;
  }
  static uint64_t BytesOf(const ingest::v1::Chunk& chunk, uint32_t stream) {
    uint64_t bytes = 0;
    for (const ingest::v1::Slice& slice : chunk.slices()) {
      if (slice.stream() == stream) bytes += slice.data().size();
    }
    return bytes;
  }

  Batcher batcher_{Batcher::Options{.turn_bytes_max = 1000, .live_bytes_max = 100}};
  std::map<uint32_t, uint64_t> left_;
  std::map<uint32_t, uint64_t> sent_;
};

TEST_F(BatcherTest, AnEmptyOneHasNothingToSend) {
  EXPECT_TRUE(batcher_.empty());
  EXPECT_FALSE(batcher_.ShouldSend({.bytes_max = 100, .full_bytes = 1, .idle = true}, kNow));
  EXPECT_EQ(Build(100).slices_size(), 0);
}

TEST_F(BatcherTest, OneChunkCarriesManyStreams) {
  for (uint32_t stream = 0; stream < 20; ++stream) Ready(stream, 10);
  EXPECT_EQ(Build(1000).slices_size(), 20);
  EXPECT_TRUE(batcher_.empty());
  EXPECT_EQ(batcher_.waiting_bytes(), 0u);
}

TEST_F(BatcherTest, SlicesAreBounded) {
  for (uint32_t stream = 0; stream < 20; ++stream) Ready(stream, 10);
  EXPECT_EQ(Build(1000, 7).slices_size(), 7);
  EXPECT_EQ(batcher_.waiting_bytes(), 130u);
  EXPECT_EQ(Build(1000, 100).slices_size(), 13);
}

TEST_F(BatcherTest, BytesAreBoundedToTheLast) {
  Ready(0, 50);
  EXPECT_EQ(BytesOf(Build(1), 0), 1u);
  EXPECT_EQ(BytesOf(Build(48), 0), 48u);
  EXPECT_EQ(BytesOf(Build(48), 0), 1u);
}

TEST_F(BatcherTest, Fairness_AHugeStreamDelaysALiveOneByNoChunk) {
  Ready(1, 1'000'000);
  Build(1000);
  Ready(2, 10);
  EXPECT_EQ(BytesOf(Build(1000), 2), 10u);
}

TEST_F(BatcherTest, Fairness_LiveStreamsLeaveHalfToTheBacklog) {
  for (uint32_t stream = 0; stream < 100; ++stream) Ready(stream, 100);
  Ready(100, 5000);
  const ingest::v1::Chunk chunk = Build(1000, 1000);
  EXPECT_EQ(BytesOf(chunk, 100), 500u);
}

TEST_F(BatcherTest, Fairness_BacklogStreamsTakeTurns) {
  Ready(1, 10'000);
  Ready(2, 10'000);
  Ready(3, 10'000);
  const ingest::v1::Chunk chunk = Build(3000);
  EXPECT_EQ(BytesOf(chunk, 1), 1000u);
  EXPECT_EQ(BytesOf(chunk, 2), 1000u);
  EXPECT_EQ(BytesOf(chunk, 3), 1000u);
}

TEST_F(BatcherTest, Fairness_NobodyStarvesWhateverIsAdded) {
  Ready(1, 100'000);
  Ready(2, 100'000);
  for (int round = 0; round < 300; ++round) {
    for (uint32_t stream = 10; stream < 30; ++stream) Ready(stream, 100);
    Build(1000);
  }
  // Twice as much is added as there is room for: in the end all 22 have a backlog and equal parts.
  for (const uint32_t stream : {1u, 2u, 10u, 29u}) {
    EXPECT_NEAR(static_cast<double>(sent_[stream]), 300'000.0 / 22, 2000) << stream;
  }
}

TEST_F(BatcherTest, AStreamWithoutBytesAfterAllLeavesTheQueue) {
  Ready(1, 10);
  left_[1] = 0;
  EXPECT_EQ(Build(100).slices_size(), 0);
  EXPECT_TRUE(batcher_.empty());
}

TEST_F(BatcherTest, ARemovedStreamIsNotRead) {
  Ready(1, 10);
  Ready(2, 2000);
  batcher_.Remove(1);
  batcher_.Remove(2);
  batcher_.Remove(77);
  EXPECT_TRUE(batcher_.empty());
  EXPECT_EQ(batcher_.waiting_bytes(), 0u);
  EXPECT_EQ(Build(100).slices_size(), 0);
}

TEST_F(BatcherTest, AddedAgainAfterRemovalIsReadOnce) {
  Ready(1, 10);
  batcher_.Remove(1);
  batcher_.Add(1, 10, kNow);
  const ingest::v1::Chunk chunk = Build(100);
  EXPECT_EQ(chunk.slices_size(), 1);
}

TEST_F(BatcherTest, Nagle_IdleSendsAtOnceAndBusyWaits) {
  const Batcher::Room idle{.bytes_max = 1000, .full_bytes = 500, .idle = true};
  const Batcher::Room busy{.bytes_max = 1000, .full_bytes = 500, .idle = false};
  Ready(1, 10);
  EXPECT_TRUE(batcher_.ShouldSend(idle, kNow));
  EXPECT_FALSE(batcher_.ShouldSend(busy, kNow));
  EXPECT_EQ(batcher_.next_send(busy), kNow + absl::Milliseconds(5));
  EXPECT_TRUE(batcher_.ShouldSend(busy, kNow + absl::Milliseconds(5)));
  Ready(2, 490);
  EXPECT_TRUE(batcher_.ShouldSend(busy, kNow));
}

TEST_F(BatcherTest, Nagle_NothingWithoutCredit) {
  Ready(1, 10'000);
  const Batcher::Room none{.bytes_max = 0, .full_bytes = 1, .idle = true};
  EXPECT_FALSE(batcher_.ShouldSend(none, kNow + absl::Hours(1)));
  EXPECT_EQ(batcher_.next_send(none), absl::InfiniteDuration());
  // A little credit is not spent on a small chunk while others are on their way.
  const Batcher::Room little{.bytes_max = 100, .full_bytes = 500, .idle = false};
  EXPECT_FALSE(batcher_.ShouldSend(little, kNow));
}

TEST_F(BatcherTest, OffsetsAscendWithinOneStream) {
  Ready(1, 100'000);
  uint64_t next = 0;
  for (int i = 0; i < 20; ++i) {
    const ingest::v1::Chunk chunk = Build(2500);
    for (const ingest::v1::Slice& slice : chunk.slices()) {
      EXPECT_EQ(slice.offset(), next);
      next = slice.offset() + slice.data().size();
    }
  }
  EXPECT_EQ(next, 50'000u);
}

}  // namespace
}  // namespace tributary::agent
