#include "agent/commands/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "agent/commands/progress_line.h"
#include "tests/support/fake_clock.h"

namespace tributary::agent {
namespace {

using ::testing::HasSubstr;

TEST(TextTest, Malicious_ANameCannotSteerTheTerminal) {
  EXPECT_EQ(Printable("a\x1b[2Jb\nc\td\x7f"), "a?[2Jb?c?d?");
  EXPECT_EQ(Printable("a\xff"), "a\xef\xbf\xbd");
  EXPECT_EQ(TextTable({"A"}, {{"x\ny"}}), "A\nx?y\n");
}

TEST(TextTest, Malicious_JsonStringsStayStrings) {
  EXPECT_EQ(JsonString("a\"b\\c\n\x01"), "\"a\\\"b\\\\c\\u000a\\u0001\"");
  EXPECT_EQ(JsonString("\xc3\xa9\xff"), "\"\xc3\xa9\xef\xbf\xbd\"");
  EXPECT_EQ(JsonString(""), "\"\"");
}

TEST(TextTest, ColumnsAreAsWideAsTheirWidestCellAndNothingPadsTheEnd) {
  EXPECT_EQ(TextTable({"RUN", "N"}, {{"a", "1"}, {"longer", "22"}, {"\xc3\xa9t\xc3\xa9", ""}}),
            "RUN     N\n"
            "a       1\n"
            "longer  22\n"
            "\xc3\xa9t\xc3\xa9     \n");
}

TEST(TextTest, Sizes) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(1024), "1.0 KiB");
  EXPECT_EQ(HumanBytes(10'240), "10 KiB");
  EXPECT_EQ(HumanBytes(3'565'158), "3.4 MiB");
  EXPECT_EQ(HumanBytes(~0ull), "16777216 TiB");
  EXPECT_EQ(Counted(0, "file"), "0 files");
  EXPECT_EQ(Counted(1, "file"), "1 file");
}

TEST(TextTest, Durations) {
  EXPECT_EQ(HumanDuration(absl::ZeroDuration()), "0 s");
  EXPECT_EQ(HumanDuration(absl::Milliseconds(1)), "1 s");
  EXPECT_EQ(HumanDuration(absl::Seconds(99)), "99 s");
  EXPECT_EQ(HumanDuration(absl::Seconds(100)), "2 min");
  EXPECT_EQ(HumanDuration(absl::Minutes(125)), "2 h 5 min");
}

Progress Delivering(uint64_t durable, uint64_t on_disk) {
  Progress progress;
  progress.state = SessionState::kStreaming;
  progress.files = 4;
  progress.files_behind = durable < on_disk ? 1 : 0;
  progress.bytes_durable = durable;
  progress.bytes_on_disk = on_disk;
  return progress;
}

TEST(ProgressTextTest, WithoutAConnectionItSaysWhy) {
  Progress progress;
  EXPECT_EQ(ProgressText(progress, 0), "no connection to the collector yet");
  progress.last_error = "refused";
  EXPECT_EQ(ProgressText(progress, 0), "no connection to the collector yet: refused");
}

TEST(ProgressTextTest, RateAndTimeLeftOnlyWhenTheyAreKnown) {
  EXPECT_EQ(ProgressText(Delivering(1024, 4096), 0), "1.0 KiB of 4.0 KiB durable, 3 of 4 files");
  EXPECT_EQ(ProgressText(Delivering(1024, 4096), 1024),
            "1.0 KiB of 4.0 KiB durable, 3 of 4 files, 1.0 KiB/s, 3 s left");
  EXPECT_EQ(ProgressText(Delivering(4096, 4096), 1024),
            "4.0 KiB of 4.0 KiB durable, 4 of 4 files, 1.0 KiB/s");
  // A file that shrank.
  EXPECT_EQ(ProgressText(Delivering(4096, 1024), 1024),
            "4.0 KiB of 1.0 KiB durable, 4 of 4 files, 1.0 KiB/s");
}

TEST(ProgressLineTest, WithoutATerminalALineEachFiveSecondsAndNoneBefore) {
  FakeClock clock;
  std::ostringstream out;
  ProgressLine line(&out, /*terminal=*/false, &clock);
  line.Show(Delivering(0, 2048));
  clock.Advance(absl::Milliseconds(4999));
  line.Show(Delivering(1024, 2048));
  EXPECT_EQ(out.str(), "");
  clock.Advance(absl::Milliseconds(1));
  line.Show(Delivering(1024, 2048));
  line.Show(Delivering(1024, 2048));
  EXPECT_EQ(out.str(), "1.0 KiB of 2.0 KiB durable, 3 of 4 files, 204 B/s, 5 s left\n");
  line.End();
  EXPECT_THAT(out.str(), testing::EndsWith("left\n"));
}

TEST(ProgressLineTest, OnATerminalOneLineIsWrittenOver) {
  FakeClock clock;
  std::ostringstream out;
  {
    ProgressLine line(&out, /*terminal=*/true, &clock);
    clock.Advance(absl::Milliseconds(200));
    line.Show(Delivering(0, 2048));
    clock.Advance(absl::Milliseconds(200));
    line.Show(Delivering(1024, 2048));
  }
  EXPECT_EQ(out.str(),
            "\r0 B of 2.0 KiB durable, 3 of 4 files\x1b[K"
            "\r1.0 KiB of 2.0 KiB durable, 3 of 4 files\x1b[K\n");
}

}  // namespace
}  // namespace tributary::agent
