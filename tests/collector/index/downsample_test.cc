#include "collector/index/downsample.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> Noise(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> values(count);
  for (double& value : values) value = normal(random);
  return values;
}

TEST(SampleExtremesTest, NothingOfNothing) { EXPECT_THAT(SampleExtremes({}, 5), IsEmpty()); }

TEST(SampleExtremesTest, AllIfThereAreNoMore) {
  EXPECT_THAT(SampleExtremes({3, 1, 2}, 3), ElementsAre(0, 1, 2));
  EXPECT_THAT(SampleExtremes({3, 1, 2}, 1000), ElementsAre(0, 1, 2));
}

TEST(SampleExtremesTest, OnePointIsTheLast) {
  EXPECT_THAT(SampleExtremes({9, 1, 2}, 1), ElementsAre(2));
}

TEST(SampleExtremesTest, TwoPointsAreTheEnds) {
  EXPECT_THAT(SampleExtremes({1, 9, 2}, 2), ElementsAre(0, 2));
}

TEST(SampleExtremesTest, ThreePointsHaveTheOneFarthestFromTheLine) {
  EXPECT_THAT(SampleExtremes({0, 1, 2, -7, 4, 5}, 3), ElementsAre(0, 3, 5));
  EXPECT_THAT(SampleExtremes({0, 1, kNan, -7, 4, 5}, 3), ElementsAre(0, 2, 5));
}

TEST(SampleExtremesTest, FourPointsHaveTheExtremes) {
  EXPECT_THAT(SampleExtremes({0, 1, 8, -7, 4, 5}, 4), ElementsAre(0, 2, 3, 5));
}

TEST(SampleExtremesTest, OneSpikeInAMillionIsKept) {
  std::vector<double> values(1'000'000, 0.5);
  values[654'321] = 1e6;
  values[123'456] = -3;
  const std::vector<uint64_t> places = SampleExtremes(values, 1000);
  EXPECT_THAT(places, Contains(654'321));
  EXPECT_THAT(places, Contains(123'456));
  EXPECT_LE(places.size(), 1000u);
}

TEST(SampleExtremesTest, ALoneNanIsKept) {
  std::vector<double> values = Noise(5000, 1);
  values[2222] = kNan;
  EXPECT_THAT(SampleExtremes(values, 100), Contains(2222));
}

TEST(SampleExtremesTest, InfinitiesAreExtremes) {
  std::vector<double> values = Noise(5000, 1);
  values[17] = std::numeric_limits<double>::infinity();
  values[4711] = -std::numeric_limits<double>::infinity();
  const std::vector<uint64_t> places = SampleExtremes(values, 10);
  EXPECT_THAT(places, Contains(17));
  EXPECT_THAT(places, Contains(4711));
}

TEST(SampleExtremesTest, AllNan) {
  const std::vector<uint64_t> places = SampleExtremes(std::vector<double>(100, kNan), 5);
  EXPECT_THAT(places, ElementsAre(0, 1, 99));
}

// Bounds, order, ends and the extremes of the whole hold for every size and limit.
TEST(SampleExtremesTest, PropertiesHoldForAllSmallSizes) {
  for (size_t count = 1; count <= 60; ++count) {
    for (uint64_t points_max = 1; points_max <= 65; ++points_max) {
      const std::vector<double> values = Noise(count, static_cast<uint32_t>(count));
      const std::vector<uint64_t> places = SampleExtremes(values, points_max);
      SCOPED_TRACE(testing::Message() << count << " points, at most " << points_max);
      ASSERT_LE(places.size(), points_max);
      ASSERT_TRUE(std::is_sorted(places.begin(), places.end()));
      ASSERT_EQ(std::adjacent_find(places.begin(), places.end()), places.end());
      ASSERT_EQ(places.back(), count - 1);
      if (points_max >= 2) {
        ASSERT_EQ(places.front(), 0u);
      }
      if (points_max < 4) continue;
      const auto [low, high] = std::minmax_element(values.begin(), values.end());
      ASSERT_THAT(places, Contains(static_cast<uint64_t>(low - values.begin())));
      ASSERT_THAT(places, Contains(static_cast<uint64_t>(high - values.begin())));
      ASSERT_EQ(places, SampleExtremes(values, points_max));
    }
  }
}

TEST(SampleEvenlyTest, SmallLimits) {
  EXPECT_THAT(SampleEvenly(0, 3), IsEmpty());
  EXPECT_THAT(SampleEvenly(10, 1), ElementsAre(9));
  EXPECT_THAT(SampleEvenly(10, 2), ElementsAre(0, 9));
  EXPECT_THAT(SampleEvenly(10, 4), ElementsAre(0, 3, 6, 9));
  EXPECT_THAT(SampleEvenly(3, 10), ElementsAre(0, 1, 2));
}

TEST(SampleEvenlyTest, EachPlaceOnceAndNoGapTwiceAsLongAsAnother) {
  for (uint64_t count = 2; count < 80; ++count) {
    for (uint64_t points_max = 2; points_max < count; ++points_max) {
      const std::vector<uint64_t> places = SampleEvenly(count, points_max);
      ASSERT_THAT(places, SizeIs(points_max));
      ASSERT_EQ(places.front(), 0u);
      ASSERT_EQ(places.back(), count - 1);
      const uint64_t gap = (count - 1) / (points_max - 1);
      for (size_t i = 1; i < places.size(); ++i) {
        ASSERT_GE(places[i] - places[i - 1], gap);
        ASSERT_LE(places[i] - places[i - 1], gap + 1);
      }
    }
  }
}

}  // namespace
}  // namespace tributary
