#include "agent/logdir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"

namespace tributary::agent {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LogdirTest : public ::testing::Test {
 protected:
  LogdirTest() {
    for (const char* path : {"/work/a=b", "/work/{odd}", "/w{d}"}) {
      EXPECT_TRUE(files_.MakeDirectories(path).ok());
    }
  }
  // "name|path|pattern"
  std::string Parse(const std::string& text, const std::string& working_directory = "/work") {
    const auto logdir = ParseLogdir(text, working_directory, &files_);
    if (!logdir.ok()) return std::string(logdir.status().message());
    std::string pattern;
    for (const PatternName& part : logdir->below) {
      pattern += (part.is_capture ? "/*" : "/") + part.text;
    }
    return logdir->name + "|" + logdir->path + "|" + pattern;
  }

  FakeClock clock_;
  FakeFileSystem files_{&clock_};
};

TEST_F(LogdirTest, Malformed_Captures) {
  EXPECT_THAT(Parse("/s/run-{job}/tb"),
              AllOf(HasSubstr("\"/s/run-{job}/tb\""),
                    HasSubstr("\"run-{job}\": a {FACT} takes the whole")));
  EXPECT_THAT(Parse("/s/{job}{user}"), HasSubstr("takes the whole name"));
  EXPECT_THAT(Parse("/s/{}/tb"), HasSubstr("\"{}\" is no fact"));
  EXPECT_THAT(Parse("/s/{job/tb"), HasSubstr("a '{' is not closed"));
  EXPECT_THAT(Parse("/s/{job}/}"), HasSubstr("a '}' without a '{'"));
  EXPECT_THAT(Parse("/s/{a b}/tb"), HasSubstr("is no fact"));
  EXPECT_THAT(Parse("/s/{job}/x/{job}"), HasSubstr("{job} stands there twice"));
  EXPECT_THAT(Parse("/s/{job}/../tb"), HasSubstr("\"..\" cannot stand behind a {FACT}"));
}

TEST_F(LogdirTest, TellsNamesFromPaths) {
  EXPECT_EQ(Parse("logs"), "|/work/logs|");
  EXPECT_EQ(Parse("./logs//x/./"), "|/work/logs/x|");
  EXPECT_EQ(Parse("/"), "|/|");
  EXPECT_EQ(Parse("x=logs"), "x|/work/logs|");
  EXPECT_EQ(Parse("x=/data/a=b"), "x|/data/a=b|");
  // An existing directory of that name is a path, and so is what has a '/' before the '='.
  EXPECT_EQ(Parse("a=b"), "|/work/a=b|");
  EXPECT_EQ(Parse("./c=d"), "|/work/c=d|");
  EXPECT_EQ(Parse("../logs"), "|/work/../logs|");  // A link may stand before "..".
}

TEST_F(LogdirTest, CapturesAreWholeNamesOfThePath) {
  EXPECT_EQ(Parse("/scratch/{user}/{job}/tb"), "|/scratch|/*user/*job/tb");
  EXPECT_EQ(Parse("x=/scratch//./{job}//tb/./"), "x|/scratch|/*job/tb");
  EXPECT_EQ(Parse("{job}"), "|/work|/*job");
  EXPECT_EQ(Parse("../{job}"), "|/work/..|/*job");
  EXPECT_EQ(Parse("/{job}"), "|/|/*job");
  EXPECT_EQ(Parse("x={team.a}/tb"), "x|/work|/*team.a/tb");
  // What exists is meant, and the working directory is no pattern.
  EXPECT_EQ(Parse("{odd}"), "|/work/{odd}|");
  EXPECT_EQ(Parse("x={odd}"), "x|/work/{odd}|");
  EXPECT_EQ(Parse("{job}/tb", "/w{d}"), "|/w{d}|/*job/tb");
}

TEST_F(LogdirTest, TextIsWhatWasGiven) {
  EXPECT_EQ(ParseLogdir("/s/{user}/{job}/tb/", "/work", &files_)->Text(), "/s/{user}/{job}/tb");
  EXPECT_EQ(ParseLogdir("/{job}", "/work", &files_)->Text(), "/{job}");
  EXPECT_EQ(ParseLogdir("logs", "/work", &files_)->Text(), "/work/logs");
  EXPECT_THAT(ParseLogdir("/s/{job}/tb", "/work", &files_)->Pattern(),
              ElementsAre(std::nullopt, "tb"));
}

TEST(SplitNamesTest, EveryCount) {
  using Pair = std::pair<absl::string_view, absl::string_view>;
  EXPECT_EQ(SplitNames("a/b/c", 0), Pair("", "a/b/c"));
  EXPECT_EQ(SplitNames("a/b/c", 1), Pair("a", "b/c"));
  EXPECT_EQ(SplitNames("a/b/c", 2), Pair("a/b", "c"));
  EXPECT_EQ(SplitNames("a/b/c", 3), Pair("a/b/c", ""));
  EXPECT_EQ(SplitNames("a/b/c", 4), Pair("a/b/c", ""));
  EXPECT_EQ(SplitNames("", 2), Pair("", ""));
}

}  // namespace
}  // namespace tributary::agent
