#include "common/text.h"

#include <gtest/gtest.h>

namespace tributary {
namespace {

TEST(TextTest, Malicious_ANameCannotSteerTheTerminal) {
  EXPECT_EQ(Printable("a\x1b[2Jb\nc\td\x7f"), "a?[2Jb?c?d?");
  EXPECT_EQ(Printable("a\xff"), "a\xef\xbf\xbd");
  // What terminals take for the beginning of a command, what is not seen, what turns letters round.
  EXPECT_EQ(Printable("a\u009b\u200b\u202eb\u2066\ufeff"), "a???b??");
  for (const char* seen : {"\u00a0", "\u00e9", "\u200a", "\u2010", "\u2027", "\u202f", "\u205f",
                           "\u206a", "\u4e2d", "\U0001d4ca"}) {
    EXPECT_EQ(Printable(seen), seen);
  }
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
  EXPECT_EQ(HumanDuration(absl::Hours(47)), "47 h 0 min");
  EXPECT_EQ(HumanDuration(absl::Hours(49)), "2 d");
  EXPECT_EQ(HumanDuration(absl::InfiniteDuration()), "106751991167300 d");
}

}  // namespace
}  // namespace tributary
