#include "agent/run_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/capture_logger.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"

namespace tributary::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Error(absl::string_view text) {
  std::vector<std::string> warnings;
  const auto facts = ParseRunFacts("/l/.tributary.yaml", text, &warnings);
  EXPECT_EQ(facts.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(facts.status().message());
}

TEST(ParseRunFactsTest, Malformed_NamesFileLineAndKey) {
  EXPECT_THAT(Error("job: [1, 2]\n"), HasSubstr("/l/.tributary.yaml:1: job: must hold one plain"));
  EXPECT_THAT(Error("\njob:\n"), HasSubstr("/l/.tributary.yaml:2: job: must hold one plain"));
  EXPECT_THAT(Error("merge: maybe\n"), HasSubstr("\"maybe\" is neither true nor false"));
  EXPECT_THAT(Error("labels: a\n"), HasSubstr("labels: must hold a map"));
  EXPECT_THAT(Error("labels: {a: [b]}\n"), HasSubstr("labels: must hold a map"));
  EXPECT_THAT(Error("job: [1\n"), HasSubstr("/l/.tributary.yaml:"));
  EXPECT_THAT(Error("just words\n"), HasSubstr("/l/.tributary.yaml:1: must hold"));
}

TEST(ParseRunFactsTest, UnknownKeyIsOnlyAWarning) {
  std::vector<std::string> warnings;
  const auto facts = ParseRunFacts("/f", "job: 1\njobname: x\nsomething_else: [a]\n", &warnings);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->facts.at("job").value, "1");
  EXPECT_THAT(warnings, ElementsAre("/f:2: jobname: no such key; did you mean job_name?",
                                    "/f:3: something_else: no such key"));
}

TEST(ParseRunFactsTest, EveryKey) {
  std::vector<std::string> warnings;
  const auto facts = ParseRunFacts(
      "/f",
      "job: 4711\njob_name: bert\nnodelist: 'node[07-08]'\nindex: 1\nrank: 2\nuser: ada\n"
      "node: n\nlabels: {team: nlp}\nmerge: true\n",
      &warnings);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_THAT(warnings, IsEmpty());
  EXPECT_EQ(facts->facts.size(), 7u);
  EXPECT_EQ(facts->facts.at("nodelist").value, "node[07-08]");
  EXPECT_EQ(facts->facts.at("nodelist").source, "/f:3");
  EXPECT_EQ(facts->labels.at("team").value, "nlp");
  EXPECT_EQ(facts->merge, true);
}

class RunFactsReaderTest : public ::testing::Test {
 protected:
  std::string Value(absl::string_view directory, const std::string& key) {
    const auto facts = reader_.For("/l", directory);
    if (!facts.ok()) return std::string(facts.status().message());
    const auto found = facts->facts.find(key);
    return found == facts->facts.end() ? "none" : found->second.value;
  }

  FakeClock clock_;
  FakeFileSystem files_{&clock_};
  CaptureLogger log_;
  RunFactsReader reader_{&files_, &clock_, &log_};
};

TEST_F(RunFactsReaderTest, Malformed_FileIsAnErrorForWhatLiesBelowIt) {
  files_.WriteFile("/l/a/.tributary.yaml", "job: [");
  EXPECT_THAT(Value("a/b", "job"), HasSubstr("/l/a/.tributary.yaml:"));
  EXPECT_EQ(Value("c", "job"), "none");
}

TEST_F(RunFactsReaderTest, Malicious_HugeFileIsRefused) {
  files_.WriteFile("/l/.tributary.yaml", std::string((64u << 10) + 1, '#'));
  EXPECT_THAT(Value("", "job"), HasSubstr("larger than 65536"));
}

TEST_F(RunFactsReaderTest, UnreadableFileIsAnErrorAndTriedAgain) {
  files_.WriteFile("/l/.tributary.yaml", "job: 1\n");
  files_.Inject({.call = FakeFileSystem::Call::kOpen,
                 .status = absl::PermissionDeniedError("denied"),
                 .path_contains = ".tributary.yaml"});
  EXPECT_THAT(Value("", "job"), HasSubstr("denied"));
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(Value("", "job"), "1");
}

TEST_F(RunFactsReaderTest, NearestFileWinsKeyByKey) {
  files_.WriteFile("/.tributary.yaml", "user: outside\n");
  files_.WriteFile("/l/.tributary.yaml", "job: top\njob_name: top\nlabels: {a: top, b: top}\n");
  files_.WriteFile("/l/a/b/.tributary.yaml", "job: near\nlabels: {a: near}\nmerge: true\n");
  EXPECT_EQ(Value("a/b", "job"), "near");
  EXPECT_EQ(Value("a/b", "job_name"), "top");
  EXPECT_EQ(Value("a", "job"), "top");
  EXPECT_EQ(Value("", "job"), "top");
  // What lies above the logdir is not looked at.
  EXPECT_EQ(Value("a/b", "user"), "none");
  const auto facts = reader_.For("/l", "a/b/c");
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->labels.at("a").value, "near");
  EXPECT_EQ(facts->labels.at("b").value, "top");
  EXPECT_EQ(facts->merge, true);
  EXPECT_EQ(reader_.For("/l", "a")->merge, std::nullopt);
}

TEST_F(RunFactsReaderTest, NearerNodeListHidesAFurtherIndex) {
  files_.WriteFile("/l/.tributary.yaml", "index: 5\n");
  files_.WriteFile("/l/a/.tributary.yaml", "nodelist: n1\n");
  EXPECT_EQ(Value("a", "index"), "none");
  EXPECT_EQ(Value("a", "nodelist"), "n1");
  EXPECT_EQ(Value("", "index"), "5");
}

TEST_F(RunFactsReaderTest, UnknownKeysAreLoggedNotForEachFile) {
  files_.WriteFile("/l/.tributary.yaml", "jbo: 1\n");
  for (int i = 0; i < 100; ++i) Value("", "job");
  ASSERT_EQ(log_.lines().size(), 1u);
  EXPECT_THAT(log_.lines()[0], HasSubstr("jbo: no such key; did you mean job?"));
}

TEST_F(RunFactsReaderTest, ManyFilesOfOneDirectoryLookOnce) {
  Value("a/b", "job");
  const int calls = files_.calls(FakeFileSystem::Call::kOpen);
  for (int i = 0; i < 1000; ++i) Value("a/b", "job");
  EXPECT_EQ(files_.calls(FakeFileSystem::Call::kOpen), calls);
}

}  // namespace
}  // namespace tributary::agent
