#include "common/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::StartsWith;

std::string Error(absl::string_view text) {
  const auto parsed = ParseYamlMap(text);
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(parsed.status().message());
}

TEST(YamlTest, Malformed_ErrorsBeginWithTheLine) {
  EXPECT_THAT(Error("a: 1\nb: [c\n"), StartsWith("3: "));
  EXPECT_THAT(Error("a: *nowhere\n"), StartsWith("1: "));
  EXPECT_THAT(Error("words"), StartsWith("1: must hold"));
  EXPECT_THAT(Error("- a\n- b\n"), StartsWith("1: must hold"));
  EXPECT_THAT(Error("a: 1\n? [b]\n: c\n"), StartsWith("2: the key"));
  EXPECT_THAT(Error("\ta: 1"), StartsWith("1: "));
}

TEST(YamlTest, Malicious_DeepNestingIsAnErrorAndNoOverflow) {
  EXPECT_THAT(Error("a: " + std::string(60'000, '[')), StartsWith("1: "));
}

TEST(YamlTest, Malicious_AliasesOfAliasesStayNested) {
  std::string text = "a0: [x, x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string before = "*n" + std::to_string(i - 1);
    if (i == 1) text = "a0: &n0 [x, x]\n";
    text += "a" + std::to_string(i) + ": &n" + std::to_string(i) + " [" + before + ", " + before +
            "]\n";
  }
  const auto entries = ParseYamlMap(text);
  ASSERT_TRUE(entries.ok()) << entries.status();
  EXPECT_EQ(entries->back().value.kind, YamlValue::Kind::kNested);
}

TEST(YamlTest, EachKindOfValue) {
  const auto entries = ParseYamlMap(
      "# words\none: 1\nnone:\nlist: [a, 'b c']\n\nmap: {k: v}\ndeep: [[a]]\n'': ''\n");
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), 6u);
  EXPECT_EQ((*entries)[0].key, "one");
  EXPECT_EQ((*entries)[0].line, 2);
  EXPECT_EQ((*entries)[0].value.scalar, "1");
  EXPECT_EQ((*entries)[1].value.kind, YamlValue::Kind::kNull);
  EXPECT_THAT((*entries)[2].value.list, ElementsAre("a", "b c"));
  EXPECT_THAT((*entries)[3].value.map, ElementsAre(Pair("k", "v")));
  EXPECT_EQ((*entries)[3].line, 6);
  EXPECT_EQ((*entries)[4].value.kind, YamlValue::Kind::kNested);
  EXPECT_EQ((*entries)[5].key, "");
}

TEST(YamlTest, EmptyDocumentsHaveNoEntries) {
  for (const char* text : {"", "\n", "# only words\n", "---\n"}) {
    const auto entries = ParseYamlMap(text);
    ASSERT_TRUE(entries.ok()) << text;
    EXPECT_TRUE(entries->empty()) << text;
  }
}

TEST(YamlTest, QuotedTextReadsBackTheSame) {
  for (const char* text :
       {"", "a", "it's", "node[01-04,7]", "yes", "{a: b}", "# x", "\"q\"", "é"}) {
    const auto entries = ParseYamlMap("k: " + YamlQuoted(text) + "\n");
    ASSERT_TRUE(entries.ok()) << entries.status();
    EXPECT_EQ((*entries)[0].value.scalar, text);
  }
}

}  // namespace
}  // namespace tributary
