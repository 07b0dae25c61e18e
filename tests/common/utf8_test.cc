#include "common/utf8.h"

#include <gtest/gtest.h>

namespace tributary {
namespace {

constexpr char kReplacement[] = "\xef\xbf\xbd";

std::string Times(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += kReplacement;
  return text;
}

TEST(Utf8Test, Malformed_OneReplacementForEachMaximalPart) {
  EXPECT_EQ(ValidUtf8("\x80"), Times(1));
  EXPECT_EQ(ValidUtf8("a\xff\xfe"
                      "b"),
            "a" + Times(2) + "b");
  // A sequence that is cut short is one part.
  EXPECT_EQ(ValidUtf8("\xe2\x82"), Times(1));
  EXPECT_EQ(ValidUtf8("\xf0\x9f\x98"
                      "x"),
            Times(1) + "x");
  // Overlong forms, surrogates and what lies past U+10FFFF have no valid prefix beyond the lead.
  EXPECT_EQ(ValidUtf8("\xc0\xaf"), Times(2));
  EXPECT_EQ(ValidUtf8("\xe0\x80\x80"), Times(3));
  EXPECT_EQ(ValidUtf8("\xed\xa0\x80"), Times(3));
  EXPECT_EQ(ValidUtf8("\xf4\x90\x80\x80"), Times(4));
}

TEST(Utf8Test, Malformed_EscapedBytesStayDifferent) {
  EXPECT_EQ(EscapedUtf8("a/\xff"), "a/%FF");
  EXPECT_EQ(EscapedUtf8("a/\xfe\x80"), "a/%FE%80");
  EXPECT_EQ(EscapedUtf8("\xe2\x82"), "%E2%82");
}

TEST(Utf8Test, ValidTextIsUnchanged) {
  for (const char* text : {"", "plain", "100%", "h\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                           "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(ValidUtf8(text), text);
    EXPECT_EQ(EscapedUtf8(text), text);
    EXPECT_TRUE(IsValidUtf8(text)) << text;
  }
  EXPECT_FALSE(IsValidUtf8("\xc3"));
}

}  // namespace
}  // namespace tributary
