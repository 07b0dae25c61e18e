#include "collector/registry/cluster_board.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace tributary {
namespace {

StreamStatus Stream(const std::string& state, uint64_t size, uint64_t durable) {
  StreamStatus stream;
  stream.state = state;
  stream.size_bytes = size;
  stream.received_bytes = durable;
  stream.durable_bytes = durable;
  stream.records = 2;
  return stream;
}

TEST(ClusterBoardTest, TotalsAreTheSumsOfTheStreams) {
  StreamStatus damaged = Stream("live", 100, 90);
  damaged.holes = {{10, 5, "bad length"}, {50, 7, "lost"}};
  const StreamTotals totals = TotalsOf({damaged, Stream("live", 10, 10), Stream("failed", 20, 5)});
  EXPECT_EQ(totals.streams, 3u);
  EXPECT_EQ(totals.size_bytes, 130u);
  EXPECT_EQ(totals.records, 6u);
  EXPECT_EQ(totals.received_bytes, 105u);
  EXPECT_EQ(totals.durable_bytes, 105u);
  EXPECT_EQ(totals.holes, 2u);
  EXPECT_EQ(totals.hole_bytes, 12u);
  EXPECT_EQ(totals.behind, 1u);
  EXPECT_EQ(totals.attention, 2u);
  EXPECT_EQ(TotalsOf({}).streams, 0u);
}

TEST(ClusterBoardTest, FileThatEndedWholeNeedsNoAttention) {
  EXPECT_FALSE(NeedsAttention(Stream("live", 10, 0)));
  EXPECT_FALSE(NeedsAttention(Stream("source_gone", 10, 10)));
  EXPECT_TRUE(NeedsAttention(Stream("source_gone", 10, 9)));
  for (const char* state : {"source_shorter", "overwritten", "failed"}) {
    EXPECT_TRUE(NeedsAttention(Stream(state, 10, 10))) << state;
  }
  StreamStatus hole = Stream("live", 10, 10);
  hole.holes = {{0, 1, "lost"}};
  EXPECT_TRUE(NeedsAttention(hole));
}

}  // namespace
}  // namespace tributary
