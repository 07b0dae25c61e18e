#include "agent/commands/mark.h"

#include <gmock/gmock.h>

#include "tests/agent/commands/command_harness.h"

namespace tributary::agent {
namespace {

using ::testing::HasSubstr;

class MarkTest : public CommandHarness {
 protected:
  static constexpr char kFile[] = "/logs/.tributary.yaml";
  int Mark() { return MarkCommand({"/logs"}, world_); }
  std::string File() { return files_.ReadFile(kFile).value_or("no file"); }
};

TEST_F(MarkTest, Malformed_NotOneDirectory) {
  InSlurm();
  EXPECT_EQ(MarkCommand({}, world_), kExitUsage);
  EXPECT_EQ(MarkCommand({""}, world_), kExitUsage);
  EXPECT_EQ(MarkCommand({"/logs", "/b"}, world_), kExitUsage);
  EXPECT_THAT(TakeErr(), HasSubstr("tributary-agent mark DIR"));
  EXPECT_EQ(File(), "no file");
}

TEST_F(MarkTest, OutsideOfAJobThereIsNothingToWrite) {
  EXPECT_EQ(Mark(), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("TRIBUTARY_JOB"));
  EXPECT_EQ(File(), "no file");
}

TEST_F(MarkTest, Malformed_AJobThatNoNameMayHold) {
  variables_["TRIBUTARY_JOB"] = "a/b";
  EXPECT_EQ(Mark(), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("a/b"));
  EXPECT_EQ(File(), "no file");
}

TEST_F(MarkTest, WritesTheJobButNotTheIndex) {
  InSlurm();
  EXPECT_EQ(Mark(), kExitGood);
  EXPECT_EQ(File(), "job: '4711'\njob_name: 'bert'\nnodelist: 'node[07-08]'\n");
  EXPECT_EQ(TakeOut(), "/logs/.tributary.yaml: job 4711, job_name bert, nodelist node[07-08]\n");
}

TEST_F(MarkTest, MakesTheDirectory) {
  variables_["TRIBUTARY_JOB"] = "j";
  EXPECT_EQ(MarkCommand({"/logs/new/run"}, world_), kExitGood);
  EXPECT_EQ(files_.ReadFile("/logs/new/run/.tributary.yaml").value_or(""), "job: 'j'\n");
  EXPECT_THAT(TakeOut(), HasSubstr("/logs/new/run/.tributary.yaml (in a new directory): job j\n"));
}

TEST_F(MarkTest, WhatChangesNoNameByItselfIsSaid) {
  variables_["TRIBUTARY_JOB"] = "j";
  EXPECT_EQ(Mark(), kExitGood);
  EXPECT_THAT(TakeOut(), HasSubstr("--namespace '{job}/{node}'"));
  files_.WriteFile(kFile, "index: 3\n");
  EXPECT_EQ(Mark(), kExitGood);
  EXPECT_EQ(TakeOut(), "/logs/.tributary.yaml: job j\n");
}

TEST_F(MarkTest, AQuoteInANameStaysOne) {
  variables_["TRIBUTARY_JOB"] = "it's";
  EXPECT_EQ(Mark(), kExitGood);
  EXPECT_EQ(File(), "job: 'it''s'\n");
}

TEST_F(MarkTest, TheNextJobReplacesTheFormerAndKeepsWhatIsTheUsers) {
  files_.WriteFile(kFile,
                   "# Mine.\njob: '1'\nlabels:\n  team: nlp\nnodelist: 'a,b'\nmerge: true\n");
  variables_["TRIBUTARY_JOB"] = "2";
  EXPECT_EQ(Mark(), kExitGood);
  EXPECT_EQ(File(), "# Mine.\nlabels:\n  team: nlp\nmerge: true\njob: '2'\n");
  EXPECT_EQ(Mark(), kExitGood);
  EXPECT_EQ(File(), "# Mine.\nlabels:\n  team: nlp\nmerge: true\njob: '2'\n");
}

TEST_F(MarkTest, Malformed_WhatCannotBeKeptIsNotTouched) {
  variables_["TRIBUTARY_JOB"] = "2";
  for (const char* content : {"{job: 1, merge: true}\n", "job: [\n", "- a\n"}) {
    files_.WriteFile(kFile, content);
    EXPECT_EQ(Mark(), kExitFailed) << content;
    EXPECT_THAT(TakeErr(), HasSubstr(kFile));
    EXPECT_EQ(File(), content);
  }
}

TEST_F(MarkTest, AReadOnlyDirectoryIsAFailure) {
  variables_["TRIBUTARY_JOB"] = "2";
  files_.Inject({.call = FakeFileSystem::Call::kWrite,
                 .status = absl::FailedPreconditionError("/logs: Read-only file system"),
                 .times = FakeFileSystem::kForEver});
  EXPECT_EQ(Mark(), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("Read-only"));
  EXPECT_EQ(File(), "no file");
}

}  // namespace
}  // namespace tributary::agent
