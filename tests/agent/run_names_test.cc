#include "agent/run_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/support/capture_logger.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"

namespace tributary::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(NameTemplateTest, Malformed) {
  for (const char* text : {"{", "}", "{}", "{a", "a}", "{a}}", "{{a}}", "{a b}", "{a/b}", "{ä}"}) {
    const auto parsed = NameTemplate::Parse(text);
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr(text));
  }
}

TEST(NameTemplateTest, Pieces) {
  EXPECT_TRUE(NameTemplate::Parse("")->pieces().empty());
  const auto parsed = NameTemplate::Parse("{job}/node{index}");
  ASSERT_TRUE(parsed.ok());
  ASSERT_EQ(parsed->pieces().size(), 3u);
  EXPECT_TRUE(parsed->pieces()[0].is_fact);
  EXPECT_EQ(parsed->pieces()[1].text, "/node");
  EXPECT_EQ(parsed->pieces()[2].text, "index");
}

class RunNamesTest : public ::testing::Test {
 protected:
  RunNamesTest() { files_.MakeDirectories("/l").IgnoreError(); }

  void Template(absl::string_view text) { options_.name_space = *NameTemplate::Parse(text); }
  void InSlurm() {
    variables_.insert({{"SLURM_JOB_ID", "4711"},
                       {"SLURM_JOB_NODELIST", "node[07-08]"},
                       {"SLURMD_NODENAME", "node08"},
                       {"SLURM_JOB_NAME", "bert"}});
  }
  absl::StatusOr<StreamNaming> Naming(const std::string& path, const std::string& kept = "") {
    const Environment environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
    options_.node = *ReadNodeFacts(node_, "node07.example", environment, &files_);
    options_.job = ReadJobFacts(environment, wraps_command_);
    RunNames names(
        options_, {.files = &files_, .clock = &clock_, .log = &log_, .user_name = [](uint32_t uid) {
                     return "u" + std::to_string(uid);
                   }});
    TailedFile file;
    file.root = static_cast<int>(options_.logdirs.size()) - 1;
    file.relative_path = path;
    file.stat.owner_uid = 1000;
    file.stat.device = 7;
    file.stat.inode = 8;
    file.stat.modified = absl::FromUnixSeconds(5);
    return names.Name(file, kept);
  }
  std::string Run(const std::string& path, const std::string& kept = "") {
    const auto naming = Naming(path, kept);
    return naming.ok() ? naming->run : "error: " + std::string(naming.status().message());
  }

  RunNames::Options options_ = {.name_space = std::nullopt,
                                .labels = {},
                                .node = {},
                                .job = {},
                                .logdirs = {{.name = "", .path = "/l"}}};
  std::map<std::string, std::string> variables_;
  std::optional<Fact> node_;
  bool wraps_command_ = false;
  FakeClock clock_;
  FakeFileSystem files_{&clock_};
  CaptureLogger log_;
};

constexpr char kFile[] = "exp1/train/events.out.tfevents.1.h";

TEST_F(RunNamesTest, Malformed_MissingFactIsNamed) {
  Template("{job}/{node}");
  EXPECT_THAT(Run(kFile), HasSubstr("{job} has no value; set TRIBUTARY_JOB or --label job=VALUE"));
  EXPECT_EQ(Naming(kFile).status().code(), absl::StatusCode::kFailedPrecondition);
  Template("{team}");
  EXPECT_THAT(Run(kFile), HasSubstr("{team} has no value; set --label team=VALUE"));
  Template("{index}");
  variables_ = {{"SLURM_JOB_NODELIST", "node[01-02]"}, {"SLURMD_NODENAME", "node09"}};
  EXPECT_THAT(Run(kFile), HasSubstr("does not name SLURMD_NODENAME \"node09\""));
}

TEST_F(RunNamesTest, Malformed_ValuesAreRefusedWithTheirSource) {
  Template("{team}");
  options_.labels["team"] = {"a/b", "--label"};
  EXPECT_THAT(Run(kFile), HasSubstr("{team} from --label holds a '/'"));
  options_.labels["team"] = {"", "--label"};
  EXPECT_THAT(Run(kFile), HasSubstr("{team} from --label is empty"));
  options_.labels["team"] = {std::string(201, 'x'), "--label"};
  EXPECT_THAT(Run(kFile), HasSubstr("has 201 bytes"));
  options_.labels["team"] = {std::string(200, 'x'), "--label"};
  EXPECT_THAT(Run(kFile), StartsWith("xxx"));
  files_.WriteFile("/l/.tributary.yaml", "labels: {team: ''}\n");
  EXPECT_THAT(Run(kFile), HasSubstr("{team} from /l/.tributary.yaml:1 is empty"));
}

TEST_F(RunNamesTest, Malformed_NodeListBesideTheFiles) {
  files_.WriteFile("/l/.tributary.yaml", "job: 1\nnodelist: 'node['\n");
  EXPECT_THAT(Run(kFile), HasSubstr("/l/.tributary.yaml:2: node list \"node[\""));
}

TEST_F(RunNamesTest, Default_ByHandIsTheNode) {
  EXPECT_EQ(Run(kFile), "node07/exp1/train");
  EXPECT_EQ(Run("events.out.tfevents.1.h"), "node07");
  node_ = Fact{"mine", "--node"};
  EXPECT_EQ(Run(kFile), "mine/exp1/train");
  EXPECT_THAT(Naming(kFile)->why, HasSubstr("default {node}: node from --node"));
}

TEST_F(RunNamesTest, Default_InASlurmJobIsJobAndIndex) {
  InSlurm();
  EXPECT_EQ(Run(kFile), "4711/node1/exp1/train");
  variables_["SLURM_ARRAY_JOB_ID"] = "4700";
  variables_["SLURM_ARRAY_TASK_ID"] = "3";
  EXPECT_EQ(Run(kFile), "4700_3/node1/exp1/train");
  // A job alone, as a daemon started from a job script by hand may have it, changes nothing.
  variables_ = {{"SLURM_JOB_ID", "4711"}};
  EXPECT_EQ(Run(kFile), "node07/exp1/train");
}

TEST_F(RunNamesTest, Default_WithAMarkFileIsThatJob) {
  files_.WriteFile("/l/exp1/.tributary.yaml", "job: 4711\nnodelist: 'node[05-09]'\n");
  EXPECT_EQ(Run(kFile), "4711/node2/exp1/train");
  EXPECT_EQ(Run("other/events.tfevents.1"), "node07/other");
  // A job whose nodes are not told, or are others, gives no index.
  files_.WriteFile("/l/exp1/.tributary.yaml", "job: 4711\n");
  EXPECT_EQ(Run(kFile), "node07/exp1/train");
  EXPECT_THAT(Naming(kFile)->why, HasSubstr("/l/exp1/.tributary.yaml:1 has neither index nor "
                                            "nodelist beside its job: --namespace '{job}/"));
  files_.WriteFile("/l/exp1/.tributary.yaml", "job: 4711\nnodelist: 'node[01-02]'\n");
  EXPECT_EQ(Run(kFile), "node07/exp1/train");
  files_.WriteFile("/l/exp1/.tributary.yaml", "job: 4711\nindex: 4\n");
  EXPECT_EQ(Run(kFile), "4711/node4/exp1/train");
}

TEST_F(RunNamesTest, Default_ANodeListWithoutThisNodeIsTold) {
  files_.WriteFile("/l/.tributary.yaml", "job: 4711\nnodelist: 'node[01-02]'\n");
  EXPECT_EQ(Naming(kFile)->why,
            "default {node}: node from host name; the node list of /l/.tributary.yaml:2 names none "
            "of node07, node07.example");
  options_.logdirs = {{.name = "", .path = "/l", .below = {{true, "job"}}}};
  files_.WriteFile("/l/4711/.tributary.yaml", "job: 4711\nnodelist: 'node[01-02]'\n");
  EXPECT_THAT(Naming("4711/exp1/events.tfevents.1")->why, HasSubstr("; the node list of"));
  // The same of the job that the agent runs in.
  options_.logdirs = {{.name = "", .path = "/m"}};
  variables_ = {{"SLURM_JOB_ID", "4711"},
                {"SLURM_JOB_NODELIST", "node[01-02]"},
                {"SLURMD_NODENAME", "node09"}};
  EXPECT_THAT(Naming(kFile)->why, HasSubstr("; SLURM_JOB_NODELIST \"node[01-02]\" does not name"));
  // A template of the user's says itself what it needs.
  Template("{job}");
  EXPECT_EQ(Naming(kFile)->why, "template \"{job}\": job from SLURM_JOB_ID");
}

TEST_F(RunNamesTest, Precedence_BesideTheFileThenLabelThenEnvironment) {
  Template("{job}");
  variables_["TRIBUTARY_JOB"] = "environment";
  EXPECT_EQ(Run(kFile), "environment/exp1/train");
  options_.labels["job"] = {"label", "--label"};
  EXPECT_EQ(Run(kFile), "label/exp1/train");
  files_.WriteFile("/l/.tributary.yaml", "labels: {job: beside-label}\n");
  EXPECT_EQ(Run(kFile), "beside-label/exp1/train");
  files_.WriteFile("/l/.tributary.yaml", "job: beside\nlabels: {job: beside-label}\n");
  EXPECT_EQ(Run(kFile), "beside/exp1/train");
}

// Each subset of the sources that a fact can have: the highest of it decides.
TEST_F(RunNamesTest, Precedence_EverySubsetOfSources) {
  const std::vector<std::string> facts = {"job", "job_name", "index", "rank", "user", "node"};
  const std::map<std::string, std::string> variables = {{"job", "TRIBUTARY_JOB"},
                                                        {"job_name", "SLURM_JOB_NAME"},
                                                        {"index", "TRIBUTARY_INDEX"},
                                                        {"rank", "RANK"}};
  wraps_command_ = true;
  for (const std::string& fact : facts) {
    Template("{" + fact + "}");
    for (unsigned subset = 1; subset < 32; ++subset) {
      std::string expected;
      const auto given = [&](unsigned bit, const std::string& value) {
        if ((subset >> bit & 1) == 0) return false;
        if (expected.empty()) expected = value;
        return true;
      };
      const std::string in = "captured/exp1/train/events.out.tfevents.1.h";
      std::string yaml;
      if (given(0, "beside")) yaml += fact + ": beside\n";
      if (given(1, "label-beside")) yaml += "labels: {" + fact + ": label-beside}\n";
      files_.WriteFile("/l/captured/.tributary.yaml", yaml.empty() ? "{}" : yaml);
      options_.logdirs = {
          {.name = "", .path = "/l", .below = {{true, given(2, "captured") ? fact : "other"}}}};
      options_.labels.clear();
      if (given(3, "label")) options_.labels[fact] = {"label", "--label"};
      variables_.clear();
      if (given(4, "environment")) {
        if (const auto variable = variables.find(fact); variable != variables.end()) {
          variables_[variable->second] = "environment";
        } else if (expected == "environment") {
          expected = fact == "user" ? "u1000" : "node07";
        }
      }
      clock_.Advance(absl::Minutes(1));
      EXPECT_EQ(Run(in), expected + "/exp1/train") << fact << " " << subset;
    }
  }
}

TEST_F(RunNamesTest, Captures_AreFactsAndTheirNamesAreNoDirectories) {
  options_.logdirs = {
      {.name = "tb", .path = "/l", .below = {{true, "team"}, {true, "job"}, {false, "logs"}}}};
  const std::string in = "nlp/4711/logs/exp1/events.out.tfevents.1.h";
  EXPECT_EQ(Run(in), "4711/node07/tb/exp1");
  EXPECT_THAT(Naming(in)->why, HasSubstr("default {job}/{node}: job from the path "
                                         "/l/{team}/{job}/logs, node from host name"));
  EXPECT_EQ(Run("nlp/4711/logs/events.out.tfevents.1.h"), "4711/node07/tb");
  Template("{team}/{job}");
  EXPECT_EQ(Run(in), "nlp/4711/tb/exp1");
  Template("{other}");
  EXPECT_THAT(Run(in), HasSubstr("{other} has no value"));
  Template("{job}");
  EXPECT_THAT(Run("nlp/" + std::string(201, 'x') + "/logs/a/events.tfevents.1"),
              HasSubstr("{job} from the path /l/{team}/{job}/logs has 201 bytes"));
}

TEST_F(RunNamesTest, Captures_AMarkFileStandsAtMostInTheMatchedDirectory) {
  options_.logdirs = {{.name = "", .path = "/l", .below = {{true, "user"}, {true, "job"}}}};
  const std::string in = "alice/1/exp1/events.out.tfevents.1.h";
  files_.WriteFile("/l/.tributary.yaml", "job: root\nnode: root\n");
  files_.WriteFile("/l/alice/.tributary.yaml", "job: user\n");
  EXPECT_EQ(Run(in), "1/node07/exp1");
  files_.WriteFile("/l/alice/1/.tributary.yaml", "job: told\n");
  EXPECT_EQ(Run(in), "told/node07/exp1");
  files_.WriteFile("/l/alice/1/exp1/.tributary.yaml", "nodelist: 'node[05-09]'\n");
  EXPECT_EQ(Run(in), "told/node2/exp1");
}

TEST_F(RunNamesTest, Captures_DoNotReplaceTheDefaultOfASlurmJob) {
  InSlurm();
  options_.logdirs = {{.name = "", .path = "/l", .below = {{true, "job"}}}};
  EXPECT_EQ(Run("17/exp1/events.out.tfevents.1.h"), "17/node1/exp1");
}

TEST_F(RunNamesTest, NodeOfTheCollectorCountsUnlessTheUserNamedOne) {
  EXPECT_EQ(Run(kFile, "node07~2"), "node07~2/exp1/train");
  EXPECT_THAT(Naming(kFile, "node07~2")->why, HasSubstr("the collector, instead of \"node07\""));
  files_.WriteFile("/l/.tributary.yaml", "node: told\n");
  EXPECT_EQ(Run(kFile, "node07~2"), "told/exp1/train");
}

TEST_F(RunNamesTest, RankOnlyFromAWrappedCommandOrBesideTheFile) {
  Template("{rank}");
  variables_["RANK"] = "3";
  EXPECT_THAT(Run(kFile), HasSubstr("{rank} has no value"));
  wraps_command_ = true;
  EXPECT_EQ(Run(kFile), "3/exp1/train");
  wraps_command_ = false;
  files_.WriteFile("/l/.tributary.yaml", "rank: 5\n");
  EXPECT_EQ(Run(kFile), "5/exp1/train");
}

TEST_F(RunNamesTest, UserIsTheOwnerOfTheFile) {
  Template("{user}/{node}");
  EXPECT_EQ(Run(kFile), "u1000/node07/exp1/train");
}

TEST_F(RunNamesTest, PartsThatAreEmptyVanish) {
  Template("");
  EXPECT_EQ(Run(kFile), "exp1/train");
  EXPECT_EQ(Run("events.tfevents.1"), ".");
  Template("/a//{node}/");
  EXPECT_EQ(Run(kFile), "a/node07/exp1/train");
  options_.logdirs = {{.name = "first", .path = "/l"}};
  EXPECT_EQ(Run(kFile), "a/node07/first/exp1/train");
  Template("");
  EXPECT_EQ(Run("events.tfevents.1"), "first");
}

TEST_F(RunNamesTest, OddDirectoriesAreOpaque) {
  Template("");
  EXPECT_EQ(Run("a b/../..x/events.tfevents.1"), "a b/../..x");
  EXPECT_EQ(Run("\xff/events.tfevents.1"), "%FF");
}

TEST_F(RunNamesTest, MergeComesFromBesideTheFile) {
  EXPECT_FALSE(Naming(kFile)->merge);
  files_.WriteFile("/l/.tributary.yaml", "merge: true\n");
  EXPECT_TRUE(Naming(kFile)->merge);
}

TEST_F(RunNamesTest, FactsOfTheFileTellWhereItLies) {
  const auto local = Naming(kFile);
  EXPECT_EQ(local->file.device(), 7u);
  EXPECT_EQ(local->file.inode(), 8u);
  EXPECT_EQ(local->file.user(), "u1000");
  EXPECT_EQ(local->file.modified_unix_nanos(), 5'000'000'000);
  EXPECT_EQ(local->file.network_source(), "");
  files_.WriteFile("/proc/self/mountinfo", "1 0 0:1 / /l rw - nfs server:/e rw\n");
  const auto network = Naming(kFile);
  EXPECT_EQ(network->file.network_source(), "server:/e");
  EXPECT_EQ(network->file.network_path(), std::string("/") + kFile);
}

}  // namespace
}  // namespace tributary::agent
