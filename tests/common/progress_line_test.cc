#include "common/progress_line.h"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/support/fake_clock.h"

namespace tributary {
namespace {

TEST(ProgressLineTest, WithoutATerminalALineEachFiveSecondsAndNoneBefore) {
  FakeClock clock;
  std::ostringstream out;
  ProgressLine line(&out, /*terminal=*/false, &clock);
  line.Show("0 done", 0, 2048);
  clock.Advance(absl::Milliseconds(4999));
  line.Show("1024 done", 1024, 2048);
  EXPECT_EQ(out.str(), "");
  clock.Advance(absl::Milliseconds(1));
  line.Show("1024 done", 1024, 2048);
  line.Show("1024 done", 1024, 2048);
  EXPECT_EQ(out.str(), "1024 done, 204 B/s, 5 s left\n");
  line.End();
  EXPECT_EQ(out.str(), "1024 done, 204 B/s, 5 s left\n");
}

TEST(ProgressLineTest, OnATerminalOneLineIsWrittenOver) {
  FakeClock clock;
  std::ostringstream out;
  {
    ProgressLine line(&out, /*terminal=*/true, &clock);
    clock.Advance(absl::Milliseconds(200));
    line.Show("one");
    clock.Advance(absl::Milliseconds(200));
    line.Show("two");
  }
  EXPECT_EQ(out.str(), "\rone\x1b[K\rtwo\x1b[K\n");
}

TEST(ProgressLineTest, RateAndTimeLeftOnlyWhenTheyAreKnown) {
  FakeClock clock;
  std::ostringstream out;
  ProgressLine line(&out, /*terminal=*/false, &clock);
  line.Show("x", 1024, 4096);
  const auto after_five_seconds = [&](uint64_t done, uint64_t total) {
    clock.Advance(absl::Seconds(5));
    out.str("");
    line.Show("x", done, total);
    return out.str();
  };
  EXPECT_EQ(after_five_seconds(1024, 4096), "x\n");  // nothing was done since
  EXPECT_EQ(after_five_seconds(11'264, 21'504), "x, 1.0 KiB/s, 10 s left\n");
  EXPECT_EQ(after_five_seconds(16'384, 16'384), "x, 1.0 KiB/s\n");
  // What was to be done became less.
  EXPECT_EQ(after_five_seconds(21'504, 16'384), "x, 1.0 KiB/s\n");
}

}  // namespace
}  // namespace tributary
