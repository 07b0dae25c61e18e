#include "collector/index/scalar_column.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

struct Point {
  int64_t step = 0;
  double wall_time = 0;
  double value = 0;
};

ScalarPoints Kept(const ScalarColumn& column, const ScalarSnapshot::Bounds& bounds = {}) {
  ScalarPoints points;
  column.Take().ReadKept(bounds, &points);
  return points;
}

std::vector<int64_t> StepsOf(const ScalarColumn& column,
                             const ScalarSnapshot::Bounds& bounds = {}) {
  return Kept(column, bounds).steps;
}

void AddSteps(const std::vector<int64_t>& steps, ScalarColumn* column) {
  for (int64_t step : steps) column->Add(step, 1.5 * static_cast<double>(step), 0.5, true);
  column->Publish();
}

uint64_t Bits(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

// What restarts leave, by the definition.
std::vector<Point> KeptSlowly(const std::vector<Point>& points) {
  std::vector<Point> kept;
  for (size_t i = 0; i < points.size(); ++i) {
    bool obsolete = false;
    for (size_t j = i + 1; j < points.size(); ++j) {
      obsolete = obsolete || points[j].step <= points[i].step;
    }
    if (!obsolete) kept.push_back(points[i]);
  }
  return kept;
}

TEST(ScalarColumnTest, NothingIsSeenBeforeItIsPublished) {
  ScalarColumn column;
  column.Add(1, 2, 3, true);
  EXPECT_EQ(column.summary().points, 0u);
  EXPECT_THAT(StepsOf(column), IsEmpty());
  column.Publish();
  EXPECT_THAT(StepsOf(column), ElementsAre(1));
}

TEST(ScalarColumnTest, ASnapshotStaysAsItWas) {
  ScalarColumn column;
  AddSteps({1, 2, 3}, &column);
  const ScalarSnapshot before = column.Take();
  AddSteps({2, 9}, &column);
  for (int64_t step = 10; step < 500; ++step) AddSteps({step}, &column);
  ScalarPoints points;
  before.ReadKept({}, &points);
  EXPECT_THAT(points.steps, ElementsAre(1, 2, 3));
}

TEST(ScalarColumnTest, Restart_DropsWhatIsAtOrAbove) {
  ScalarColumn column;
  AddSteps({0, 10, 20, 30, 15}, &column);
  EXPECT_THAT(StepsOf(column), ElementsAre(0, 10, 15));
  EXPECT_EQ(column.summary().dropped, 2u);
  ScalarPoints dropped;
  column.Take().ReadDropped({}, &dropped);
  EXPECT_THAT(dropped.steps, ElementsAre(20, 30));
}

TEST(ScalarColumnTest, Restart_TheSameStepAgainReplaces) {
  ScalarColumn column;
  AddSteps({5, 5, 5}, &column);
  EXPECT_THAT(StepsOf(column), ElementsAre(5));
  EXPECT_EQ(column.summary().dropped, 2u);
}

TEST(ScalarColumnTest, Restart_FromTheBeginningDropsAll) {
  ScalarColumn column;
  AddSteps({3, 4, 5, kMin}, &column);
  EXPECT_THAT(StepsOf(column), ElementsAre(kMin));
  EXPECT_EQ(column.summary().min_step, kMin);
}

TEST(ScalarColumnTest, Restart_WithinARestart) {
  ScalarColumn column;
  AddSteps({1, 2, 3, 4, 3, 4, 5, 2, 3}, &column);
  EXPECT_THAT(StepsOf(column), ElementsAre(1, 2, 3));
  EXPECT_EQ(column.summary().dropped, 6u);
}

TEST(ScalarColumnTest, CutByALaterFile) {
  ScalarColumn column;
  AddSteps({1, 5, 9, 7}, &column);
  EXPECT_THAT(StepsOf(column, {.cut_step = 7}), ElementsAre(1, 5));
  EXPECT_THAT(StepsOf(column, {.cut_step = 8}), ElementsAre(1, 5, 7));
  EXPECT_THAT(StepsOf(column, {.cut_step = kMin}), IsEmpty());
  EXPECT_EQ(column.Take().CountKept(6), 2u);
  EXPECT_EQ(column.Take().CountKept(kMax), 3u);
  EXPECT_EQ(column.Take().CountKept(std::nullopt), 3u);
  ScalarPoints dropped;
  column.Take().ReadDropped({.cut_step = 6}, &dropped);
  EXPECT_THAT(dropped.steps, ElementsAre(9, 7));
}

TEST(ScalarColumnTest, RangeOfSteps) {
  ScalarColumn column;
  for (int64_t step = 0; step < 1000; ++step) AddSteps({step}, &column);
  EXPECT_THAT(StepsOf(column, {.from_step = 498, .to_step = 501}), ElementsAre(498, 499, 500, 501));
  EXPECT_THAT(StepsOf(column, {.from_step = 998}), ElementsAre(998, 999));
  EXPECT_THAT(StepsOf(column, {.to_step = 0}), ElementsAre(0));
  EXPECT_THAT(StepsOf(column, {.from_step = 2, .to_step = 1}), IsEmpty());
}

TEST(ScalarColumnTest, WidensAtTheFirstValueThatNeedsIt) {
  ScalarColumn column;
  column.Add(0, 0, double{0.1f}, true);
  column.Add(1, 0, 0.1, false);
  column.Add(2, 0, double{0.2f}, true);
  column.Publish();
  EXPECT_THAT(Kept(column).values, ElementsAre(double{0.1f}, 0.1, double{0.2f}));
}

TEST(ScalarColumnTest, WidensAtTheFirstPoint) {
  ScalarColumn column;
  column.Add(0, 0, 1e300, false);
  column.Publish();
  EXPECT_THAT(Kept(column).values, ElementsAre(1e300));
}

TEST(ScalarColumnTest, EveryBitIsKept) {
  const std::vector<double> walls = {0.0, -0.0, 1e308, -1e308, 5e-324, 1.7e9, 1.7e9 + 1e-6};
  const std::vector<int64_t> steps = {kMin, kMin + 1, -1, 0, 1, kMax - 1, kMax};
  const std::vector<double> values = {-0.0,
                                      0.0,
                                      std::numeric_limits<double>::infinity(),
                                      -std::numeric_limits<double>::infinity(),
                                      std::numeric_limits<double>::quiet_NaN(),
                                      std::numeric_limits<double>::denorm_min(),
                                      0.1};
  ScalarColumn column;
  std::vector<double> expected_walls;
  // Far more than one block: all steps ascend, other columns repeat.
  for (int64_t i = 0; i < 3000; ++i) {
    const size_t k = static_cast<size_t>(i) % walls.size();
    const int64_t step =
        i < 3 ? steps[static_cast<size_t>(i)] : (i > 2995 ? kMax - (2999 - i) : 1'000'003 * i);
    column.Add(step, walls[k], values[k], false);
  }
  column.Publish();
  const ScalarPoints points = Kept(column);
  ASSERT_EQ(points.steps.size(), 3000u);
  for (size_t i = 0; i < 3000; ++i) {
    ASSERT_EQ(Bits(points.wall_times[i]), Bits(walls[i % walls.size()])) << i;
    ASSERT_EQ(Bits(points.values[i]), Bits(values[i % values.size()])) << i;
  }
  EXPECT_EQ(points.steps.front(), kMin);
  EXPECT_EQ(points.steps[500], 500'001'500);
  EXPECT_EQ(points.steps.back(), kMax);
}

TEST(ScalarColumnTest, ConstantStrideAndValueTakeAlmostNothing) {
  ScalarTail tail(4096, false);
  for (uint32_t i = 0; i < 4096; ++i) {
    tail.steps()[i] = 100 * i;
    tail.wall_times()[i] = 1.7e9 + i;
    tail.floats()[i] = 0.001f;
  }
  EXPECT_LT(ScalarBlock(tail, 4096, 0).memory_bytes(), 200u);
}

TEST(ScalarColumnTest, NoisyPointsTakeAtMostTenBytes) {
  std::mt19937 random(3);
  ScalarTail tail(1024, false);
  double wall = 1.7e9;
  for (uint32_t i = 0; i < 1024; ++i) {
    wall += 0.3 + 0.1 * static_cast<double>(random() % 1000) / 1000;
    tail.steps()[i] = i;
    tail.wall_times()[i] = wall;
    tail.floats()[i] = static_cast<float>(random());
  }
  EXPECT_LE(ScalarBlock(tail, 1024, 0).memory_bytes(), 1024u * 10);
}

// Any steps, published at any moment, read as the definition says.
TEST(ScalarColumnTest, RandomSeriesReadAsTheRuleSays) {
  for (uint32_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    ScalarColumn column;
    std::vector<Point> points;
    int64_t step = 0;
    const uint64_t restart_every = 2 + random() % 200;
    const size_t count = 1 + random() % 1500;
    for (size_t i = 0; i < count; ++i) {
      step += 1 + random() % 3;
      if (random() % restart_every == 0) step -= static_cast<int64_t>(random() % 300);
      const bool wide = random() % 500 == 0;
      const Point point{step, 1.7e9 + static_cast<double>(random() % 100000) / 7,
                        wide ? 0.1 : double{static_cast<float>(random())}};
      points.push_back(point);
      column.Add(point.step, point.wall_time, point.value, !wide);
      if (random() % 50 == 0) column.Publish();
    }
    column.Publish();
    const std::vector<Point> expected = KeptSlowly(points);
    const ScalarPoints kept = Kept(column);
    ASSERT_EQ(kept.steps.size(), expected.size());
    ASSERT_EQ(column.summary().kept(), expected.size());
    ASSERT_EQ(column.summary().min_step, expected.front().step);
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(kept.steps[i], expected[i].step) << i;
      ASSERT_EQ(kept.wall_times[i], expected[i].wall_time) << i;
      ASSERT_EQ(kept.values[i], expected[i].value) << i;
    }
    ScalarPoints dropped;
    column.Take().ReadDropped({}, &dropped);
    ASSERT_EQ(dropped.steps.size() + kept.steps.size(), points.size());
    ScalarPoints all;
    column.Take().ReadAll({}, &all);
    ASSERT_EQ(all.steps.size(), points.size());
    for (size_t i = 0; i < points.size(); ++i) ASSERT_EQ(all.steps[i], points[i].step);
    const int64_t cut = points[random() % points.size()].step;
    uint64_t below = 0;
    for (const Point& point : expected) below += point.step < cut ? 1 : 0;
    ASSERT_EQ(column.Take().CountKept(cut), below);
  }
}

}  // namespace
}  // namespace tributary
