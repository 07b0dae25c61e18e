#include "agent/commands/plan.h"

#include <gmock/gmock.h>

#include "tests/agent/commands/command_harness.h"

namespace tributary::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class PlanTest : public CommandHarness {
 protected:
  int Plan(std::vector<std::string> flags) {
    flags.insert(flags.begin(), "plan");
    return PlanCommand(Config(flags), world_);
  }
};

TEST_F(PlanTest, Malformed_AMissingTemplateValueIsUsage) {
  Write("a/tfevents.1", 1);
  EXPECT_EQ(Plan({"--logdir", "/logs", "--namespace", "{job}/{node}"}), kExitUsage);
  EXPECT_THAT(TakeErr(), AllOf(HasSubstr("{job} has no value"), HasSubstr("TRIBUTARY_JOB")));
  EXPECT_EQ(TakeOut(), "");
}

TEST_F(PlanTest, Malformed_AValueThatNoNameMayHold) {
  Write("a/tfevents.1", 1);
  variables_["TRIBUTARY_JOB"] = "a/b";
  EXPECT_EQ(Plan({"--logdir", "/logs", "--namespace", "{job}"}), kExitUsage);
  EXPECT_THAT(TakeErr(), AllOf(HasSubstr("a/b"), HasSubstr("TRIBUTARY_JOB")));
}

TEST_F(PlanTest, AnUnreachableCollectorIsAFailure) {
  describe_error_ = absl::UnavailableError("collector localhost:1 cannot be reached: refused");
  EXPECT_EQ(Plan({"--logdir", "/logs", "--collector", "localhost:1"}), kExitFailed);
  EXPECT_EQ(TakeErr(), "tributary-agent: collector localhost:1 cannot be reached: refused\n");
}

TEST_F(PlanTest, AnotherStoreIsARefusal) {
  EXPECT_EQ(Plan({"--logdir", "/logs", "--collector", "localhost:1", "--store", "beef"}),
            kExitFailed);
  EXPECT_THAT(TakeErr(), AllOf(HasSubstr("store,"), HasSubstr("not beef as --store says")));
}

TEST_F(PlanTest, NothingIsThere) {
  EXPECT_EQ(Plan({"--logdir", "/logs"}), kExitGood);
  EXPECT_EQ(TakeOut(), "0 files, 0 runs\n");
  EXPECT_EQ(Plan({"--logdir", "/logs", "--json"}), kExitGood);
  EXPECT_EQ(TakeOut(), "{\"files\":[],\"collisions\":[]}\n");
}

TEST_F(PlanTest, FilesAreNamedWithTheReason) {
  Write("a/tfevents.1", 1);
  Write("tfevents.2", 1);
  Write("a/notes.txt", 1);
  EXPECT_EQ(Plan({"--logdir", "/logs"}), kExitGood);
  EXPECT_EQ(TakeOut(),
            "RUN      FILE                WHY\n"
            "host1/a  /logs/a/tfevents.1  default {node}: node from host name\n"
            "host1    /logs/tfevents.2    default {node}: node from host name\n"
            "2 files, 2 runs\n");
}

TEST_F(PlanTest, InASlurmJob) {
  InSlurm();
  Write("a/tfevents.1", 1);
  EXPECT_EQ(Plan({"--logdir", "/logs", "--json"}), kExitGood);
  EXPECT_THAT(TakeOut(), HasSubstr("\"run\":\"4711/node1/a\""));
}

TEST_F(PlanTest, ARankIsPlannedForACommandOnly) {
  Write("a/tfevents.1", 1);
  variables_["RANK"] = "3";
  AgentConfig config = Config({"plan", "--logdir", "/logs", "--namespace", "{rank}"});
  EXPECT_EQ(PlanCommand(config, world_), kExitUsage);
  config.wraps_command = true;
  EXPECT_EQ(PlanCommand(config, world_), kExitGood);
  EXPECT_THAT(TakeOut(), HasSubstr("3/a "));
}

TEST_F(PlanTest, WhatTheCollectorKeepsWins) {
  Write("a/tfevents.1", 1);
  Write("b/tfevents.2", 1);
  Keep("a/tfevents.1", "old/a", 1);
  kept_.set_node("host1~2");
  EXPECT_EQ(Plan({"--logdir", "/logs", "--collector", "localhost:1"}), kExitGood);
  EXPECT_THAT(TakeOut(),
              AllOf(HasSubstr("old/a "),
                    HasSubstr("kept since 2026-01-01 00:00:00 UTC; a new file would be host1~2/a"),
                    HasSubstr("host1~2/b ")));
}

TEST_F(PlanTest, ANodeThatTheCollectorDoesNotKnow) {
  describe_error_ = absl::NotFoundError("no such node");
  Write("a/tfevents.1", 1);
  EXPECT_EQ(Plan({"--logdir", "/logs", "--collector", "localhost:1"}), kExitGood);
  EXPECT_THAT(TakeOut(), HasSubstr("host1/a"));
}

TEST_F(PlanTest, OneRunFromTwoDirectoriesIsShown) {
  files_.WriteFile("/a/exp/tfevents.1", "x");
  files_.WriteFile("/b/tfevents.2", "x");
  files_.WriteFile("/b/other/tfevents.3", "x");
  const std::vector<std::string> flags = {"--namespace", "",         "--logdir",
                                          "/a",          "--logdir", "exp=/b"};
  EXPECT_EQ(Plan(flags), kExitGood);
  EXPECT_THAT(
      TakeOut(),
      HasSubstr(
          "\n3 files, 2 runs\none run from several directories: exp from /a/exp, /b (exp)\n"));
  std::vector<std::string> json = flags;
  json.push_back("--json");
  EXPECT_EQ(Plan(json), kExitGood);
  EXPECT_THAT(
      TakeOut(),
      HasSubstr("\"collisions\":[{\"run\":\"exp\",\"directories\":[\"/a/exp\",\"/b (exp)\"]}]}\n"));
}

TEST_F(PlanTest, SeveralFilesOfOneDirectoryAreNoCollision) {
  Write("a/tfevents.1", 1);
  Write("a/tfevents.2", 1);
  EXPECT_EQ(Plan({"--logdir", "/logs"}), kExitGood);
  EXPECT_THAT(TakeOut(), Not(HasSubstr("several")));
}

TEST_F(PlanTest, ADirectoryThatCannotBeListedIsToldAndTheRestIsShown) {
  Write("a/tfevents.1", 1);
  Write("b/tfevents.2", 1);
  files_.Inject({.call = FakeFileSystem::Call::kList,
                 .status = absl::PermissionDeniedError("/logs/b: Permission denied"),
                 .times = FakeFileSystem::kForEver,
                 .path_contains = "/logs/b"});
  EXPECT_EQ(Plan({"--logdir", "/logs"}), kExitGood);
  EXPECT_THAT(TakeErr(), HasSubstr("/logs"));
  EXPECT_THAT(TakeOut(), HasSubstr("host1/a"));
}

}  // namespace
}  // namespace tributary::agent
