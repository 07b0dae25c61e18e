#include "agent/commands/plan.h"

#include <gmock/gmock.h>

#include "tests/agent/commands/command_harness.h"

namespace tributary::agent {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class PlanTest : public CommandHarness {
 protected:
  int Plan(std::vector<std::string> flags) {
    flags.insert(flags.begin(), "plan");
    return PlanCommand(Config(flags), world_);
  }
  // Below /logs, with a collector.
  int PlanThere(std::vector<std::string> flags = {}) {
    flags.insert(flags.end(), {"--logdir", "/logs", "--collector", "localhost:1"});
    return Plan(std::move(flags));
  }
  absl::StatusOr<ingest::v1::DescribeNodeResponse> Describe(
      const ingest::v1::DescribeNodeRequest& request) override {
    asked_.push_back(request);
    if (request.runs().empty() || is_old_) return CommandHarness::Describe(request);
    ingest::v1::DescribeNodeResponse answer;
    for (const std::string& run : request.runs()) {
      answer.add_shown_as(renamed_.contains(run) ? renamed_[run] : run);
      *answer.add_runs() = there_[answer.shown_as(answer.shown_as_size() - 1)];
    }
    return answer;
  }
  // The collector has files of another node in the run.
  void AddSource(const std::string& run, const std::string& node, uint64_t files,
                 const std::string& logdir_name = "") {
    ingest::v1::RunSource* const source = there_[run].add_sources();
    source->set_node(node);
    source->set_logdir_name(logdir_name);
    source->set_files(files);
  }

  std::vector<ingest::v1::DescribeNodeRequest> asked_;
  std::map<std::string, std::string> renamed_;
  std::map<std::string, ingest::v1::RunDescription> there_;
  bool is_old_ = false;  // it knows of no descriptions of runs
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

TEST_F(PlanTest, WhatACollectorWouldRefuseIsAFailure) {
  describe_error_ = absl::AlreadyExistsError("another live machine is node host1: give --node");
  EXPECT_EQ(PlanThere(), kExitFailed);
  EXPECT_EQ(TakeErr(), "tributary-agent: another live machine is node host1: give --node\n");
}

TEST_F(PlanTest, ALogdirWithoutFilesTellsWhatTheyWillBe) {
  EXPECT_EQ(Plan({"--logdir", "/logs"}), kExitGood);
  EXPECT_EQ(
      TakeOut(),
      "To know before training starts:\n"
      "  /logs has no event files yet; in it they would be the run host1, in D below it host1/D "
      "(default {node}: node from host name)\n"
      "\n"
      "0 files, 0 runs, 1 note; with --collector, what is there already is compared too\n");
  EXPECT_EQ(Plan({"--logdir", "/logs", "--json", "--namespace", ""}), kExitGood);
  EXPECT_THAT(TakeOut(),
              StartsWith("{\"files\":[],\"notes\":[{\"kind\":\"empty\",\"runs\":[\".\"],"
                         "\"with\":[\"/logs\"],\"text\":\"/logs has no event files yet; in "
                         "it they would be the run ., in D below it D (template"));
  EXPECT_EQ(Plan({"--logdir", "/logs", "--namespace", "{job}"}), kExitGood);
  EXPECT_THAT(TakeOut(), HasSubstr("no event files yet, and no name for them: template \"{job}\": "
                                   "{job} has no value"));
}

TEST_F(PlanTest, FilesAreNamedWithTheReason) {
  Write("a/tfevents.1", 1);
  Write("tfevents.2", 1);
  Write("a/notes.txt", 1);
  EXPECT_EQ(Plan({"--logdir", "/logs"}), kExitGood);
  EXPECT_EQ(
      TakeOut(),
      "FILE                RUN      WHY\n"
      "/logs/a/tfevents.1  host1/a  default {node}: node from host name\n"
      "/logs/tfevents.2    host1    default {node}: node from host name\n"
      "2 files, 2 runs, nothing collides; with --collector, what is there already is compared "
      "too\n");
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
  EXPECT_EQ(PlanThere(), kExitGood);
  EXPECT_EQ(TakeOut(),
            "FILE                RUN      WHY\n"
            "/logs/a/tfevents.1  old/a    kept since 2026-01-01 00:00:00 UTC; a new file would be "
            "host1/a\n"
            "/logs/b/tfevents.2  host1/b  default {node}: node from host name\n"
            "\n"
            "To know before training starts:\n"
            "  old/a is kept for 1 file; the next one beside would be host1/a\n"
            "\n"
            "2 files, 2 runs, 1 note\n");
  PlanThere({"--json"});
  EXPECT_THAT(TakeOut(),
              AllOf(HasSubstr("\"new_file\":\"host1/a\""),
                    HasSubstr("{\"kind\":\"kept\",\"runs\":[\"old/a\"],\"with\":[\"host1/a\"],"),
                    EndsWith("],\"node\":\"host1\",\"compared\":true}\n")));
}

TEST_F(PlanTest, ARunThatPeopleRenamedIsToldByBothNames) {
  Write("a/tfevents.1", 1);
  Write("a/tfevents.2", 1);
  Keep("a/tfevents.1", "best", 1);
  renamed_["host1/a"] = "best";
  EXPECT_EQ(PlanThere(), kExitGood);
  EXPECT_THAT(
      TakeOut(),
      AllOf(HasSubstr("best  kept since 2026-01-01 00:00:00 UTC; host1/a was renamed"),
            HasSubstr("best  default {node}: node from host name; host1/a was renamed"),
            HasSubstr(
                "\n  best is what host1/a was renamed to at the collector\n\n2 files, 1 run, 1")));
}

TEST_F(PlanTest, TheNodeIsTheOneThatTheCollectorWouldMakeOfIt) {
  Write("a/tfevents.1", 1);
  kept_.set_node("host1~2");
  EXPECT_EQ(PlanThere(), kExitGood);
  EXPECT_THAT(
      TakeOut(),
      AllOf(HasSubstr("/logs/a/tfevents.1  host1~2/a  "),
            HasSubstr("\n  this node is host1~2 at the collector, where host1 is another machine; "
                      "--node gives it a name of its own\n")));
  ASSERT_EQ(asked_.size(), 2u);
  EXPECT_TRUE(asked_[0].foresee());
  EXPECT_EQ(asked_[1].node().name(), "host1~2");
  EXPECT_EQ(asked_[1].logdir_names_size(), 1);
}

TEST_F(PlanTest, ARunThatGoesOnAcrossNodesIsToldWithThem) {
  Write("a/tfevents.1", 1);
  Write("b/tfevents.1", 1);
  AddSource("a", "node08", 3);
  AddSource("a", "node09", 1, "old");
  there_["a"].set_sources_left_out(2);
  AddSource("b", "", 0);
  EXPECT_EQ(PlanThere({"--namespace", ""}), kExitGood);
  EXPECT_THAT(
      TakeOut(),
      HasSubstr("\n  a goes on with 3 files of node08, 1 file of node09 (logdir old), files "
                "of 2 more: same name, one run\n"
                "  b goes on with files that the collector reads itself: same name, one run\n"
                "\n2 files, 2 runs, 2 notes\n"));
  PlanThere({"--namespace", "", "--json"});
  EXPECT_THAT(TakeOut(), HasSubstr("{\"kind\":\"nodes\",\"runs\":[\"a\"],\"with\":[\"node08\","
                                   "\"node09\"],"));
}

TEST_F(PlanTest, AKeptRunGoesOnAcrossNodesToo) {
  Write("a/tfevents.1", 1);
  Keep("a/tfevents.1", "a", 1);
  AddSource("a", "node08", 1);
  EXPECT_EQ(PlanThere(), kExitGood);
  EXPECT_THAT(TakeOut(), HasSubstr("\n  a goes on with 1 file of node08: same name, one run\n"));
}

TEST_F(PlanTest, NamesThatLookTheSameHere) {
  Write("Exp/tfevents.1", 1);
  Write("exp/tfevents.1", 1);
  Write("run /tfevents.1", 1);
  Write("run/tfevents.1", 1);
  Write("run2/tfevents.1", 1);
  EXPECT_EQ(Plan({"--logdir", "/logs", "--namespace", ""}), kExitGood);
  EXPECT_THAT(TakeOut(), HasSubstr("\n  \"Exp\" and \"exp\" differ in letter case only\n"
                                   "  \"run\" and \"run \" look the same, but are different runs\n"
                                   "\n5 files, 5 runs, 2 notes;"));
}

TEST_F(PlanTest, NamesThatLookTheSameAtTheCollector) {
  Write("caf\u00e9/tfevents.1", 1);
  there_["caf\u00e9"].add_look_alikes("cafe\u0301");
  EXPECT_EQ(PlanThere({"--namespace", ""}), kExitGood);
  EXPECT_THAT(TakeOut(),
              HasSubstr("\n  \"cafe\\u{301}\" (at the collector) and \"caf\\u{e9}\" look "
                        "the same, but are different runs\n"));
  PlanThere({"--namespace", "", "--json"});
  EXPECT_THAT(TakeOut(),
              HasSubstr("{\"kind\":\"look_alike\",\"runs\":[\"cafe\u0301\",\"caf\u00e9\"],"
                        "\"with\":[\"cafe\u0301\"],"));
}

TEST_F(PlanTest, AnotherDirectoryUnderTheSameLogdirNameIsRefused) {
  Write("a/tfevents.1", 1);
  ingest::v1::AgentDescription* const agent = kept_.add_agents();
  agent->set_pid(99);
  agent->add_logdirs()->set_path("/logs");
  EXPECT_EQ(PlanThere(), kExitGood);
  EXPECT_THAT(TakeOut(), EndsWith("1 file, 1 run, nothing collides\n"));
  agent->mutable_logdirs(0)->set_path("/other");
  EXPECT_EQ(PlanThere(), kExitGood);
  EXPECT_THAT(TakeOut(),
              HasSubstr("\n  an agent would be refused: pid 99 of host1 follows /other as the "
                        "logdir without a name; give --logdir NAME=/logs with another name\n"));
}

TEST_F(PlanTest, AnOldCollectorIsAskedForWhatItKnows) {
  is_old_ = true;
  Write("a/tfevents.1", 1);
  EXPECT_EQ(PlanThere(), kExitGood);
  EXPECT_THAT(TakeOut(), EndsWith("1 file, 1 run, nothing collides; this collector is too old to "
                                  "compare with what it has\n"));
  describe_error_ = absl::NotFoundError("no such node");
  EXPECT_EQ(PlanThere(), kExitGood);
  EXPECT_THAT(TakeOut(), HasSubstr("host1/a"));
}

TEST_F(PlanTest, OneRunFromTwoDirectoriesIsShown) {
  files_.WriteFile("/a/exp/tfevents.1", "x");
  files_.WriteFile("/b/tfevents.2", "x");
  files_.WriteFile("/b/other/tfevents.3", "x");
  const std::vector<std::string> flags = {"--namespace", "",         "--logdir",
                                          "/a",          "--logdir", "exp=/b"};
  EXPECT_EQ(Plan(flags), kExitGood);
  EXPECT_THAT(TakeOut(),
              HasSubstr("\n  exp is one run of several directories here: /a/exp, /b (exp)\n"));
  std::vector<std::string> json = flags;
  json.push_back("--json");
  EXPECT_EQ(Plan(json), kExitGood);
  EXPECT_THAT(TakeOut(),
              HasSubstr("\"notes\":[{\"kind\":\"directories\",\"runs\":[\"exp\"],\"with\":"
                        "[\"/a/exp\",\"/b (exp)\"],\"text\":"));
}

TEST_F(PlanTest, OneRunOfSeveralCapturesIsShown) {
  files_.WriteFile("/scratch/alice/tb/exp/tfevents.1", "x");
  files_.WriteFile("/scratch/bob/tb/exp/tfevents.1", "x");
  EXPECT_EQ(Plan({"--namespace", "", "--logdir", "/scratch/{user}/tb"}), kExitGood);
  EXPECT_THAT(TakeOut(), HasSubstr("\n  exp is one run of several directories here: "
                                   "/scratch/alice/tb/exp, /scratch/bob/tb/exp\n"));
}

TEST_F(PlanTest, SeveralFilesOfOneDirectoryAreNoCollision) {
  Write("a/tfevents.1", 1);
  Write("a/tfevents.2", 1);
  EXPECT_EQ(Plan({"--logdir", "/logs"}), kExitGood);
  EXPECT_THAT(TakeOut(), HasSubstr("2 files, 1 run, nothing collides"));
}

TEST_F(PlanTest, Malicious_ANameDoesNotSteerTheTerminal) {
  Write("a\x1b[2J/tfevents.1", 1);
  AddSource("a\x1b[2J", "n\x1b[2J", 1);
  EXPECT_EQ(PlanThere({"--namespace", ""}), kExitGood);
  EXPECT_THAT(TakeOut(), Not(HasSubstr("\x1b")));
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
