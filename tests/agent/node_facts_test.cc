#include "agent/node_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"

namespace tributary::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class NodeFactsTest : public ::testing::Test {
 protected:
  Environment environment() {
    return [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
  }
  absl::StatusOr<NodeFacts> Node(std::optional<Fact> option = std::nullopt,
                                 const std::string& host = "node07.cluster.example") {
    return ReadNodeFacts(option, host, environment(), &files_);
  }
  // "value <- source" of one fact of the job; "none".
  std::string JobFact(const std::string& name, bool wraps_command = false) {
    const JobFacts job = ReadJobFacts(environment(), wraps_command);
    const auto found = job.facts.find(name);
    return found == job.facts.end() ? "none" : found->second.value + " <- " + found->second.source;
  }

  std::map<std::string, std::string> variables_;
  FakeClock clock_;
  FakeFileSystem files_{&clock_};
};

TEST_F(NodeFactsTest, Malformed_NodeNamesAreRefusedWithTheirSource) {
  EXPECT_THAT(std::string(Node(Fact{"a/b", "--node"}).status().message()),
              HasSubstr("{node} from --node holds a '/': \"a/b\""));
  EXPECT_THAT(std::string(Node(Fact{"", "--node"}).status().message()), HasSubstr("is empty"));
  EXPECT_THAT(std::string(Node(std::nullopt, "").status().message()),
              HasSubstr("{node} from host name is empty"));
  EXPECT_FALSE(Node(Fact{std::string(201, 'x'), "--node"}).ok());
  EXPECT_TRUE(Node(Fact{std::string(200, 'x'), "--node"}).ok());
}

TEST_F(NodeFactsTest, NodeIsTheFirstThatIsSet) {
  EXPECT_EQ(Node()->node.value, "node07");
  EXPECT_EQ(Node()->node.source, "host name");
  variables_["SLURMD_NODENAME"] = "";
  EXPECT_EQ(Node()->node.value, "node07");
  variables_["SLURMD_NODENAME"] = "slurm07";
  EXPECT_EQ(Node()->node.value, "slurm07");
  EXPECT_EQ(Node(Fact{"mine", "--node"})->node.value, "mine");
}

TEST_F(NodeFactsTest, NamesInListsAreAllThatANodeListMayUse) {
  variables_["SLURMD_NODENAME"] = "slurm07";
  EXPECT_THAT(Node(Fact{"mine", "--node"})->names_in_lists,
              ElementsAre("slurm07", "mine", "node07", "node07.cluster.example"));
  variables_.clear();
  EXPECT_THAT(Node(std::nullopt, "node07")->names_in_lists, ElementsAre("node07"));
}

TEST_F(NodeFactsTest, MachineAndBootIdsAreStrippedOrAbsent) {
  EXPECT_EQ(Node()->machine_id, "");
  files_.WriteFile("/etc/machine-id", "abc123\n");
  files_.WriteFile("/proc/sys/kernel/random/boot_id", "boot\n");
  EXPECT_EQ(Node()->machine_id, "abc123");
  EXPECT_EQ(Node()->boot_id, "boot");
}

TEST_F(NodeFactsTest, JobIsTheFirstThatIsSet) {
  EXPECT_EQ(JobFact("job"), "none");
  variables_["JOB_ID"] = "7";
  EXPECT_EQ(JobFact("job"), "7 <- JOB_ID");
  variables_["LSB_JOBID"] = "6";
  EXPECT_EQ(JobFact("job"), "6 <- LSB_JOBID");
  variables_["PBS_JOBID"] = "5.server";
  EXPECT_EQ(JobFact("job"), "5.server <- PBS_JOBID");
  variables_["TORCHELASTIC_RUN_ID"] = "none";
  EXPECT_EQ(JobFact("job"), "5.server <- PBS_JOBID");
  variables_["TORCHELASTIC_RUN_ID"] = "elastic";
  EXPECT_EQ(JobFact("job"), "elastic <- TORCHELASTIC_RUN_ID");
  variables_["SLURM_JOB_ID"] = "4711";
  EXPECT_EQ(JobFact("job"), "4711 <- SLURM_JOB_ID");
  variables_["SLURM_ARRAY_JOB_ID"] = "4700";
  EXPECT_EQ(JobFact("job"), "4711 <- SLURM_JOB_ID");
  variables_["SLURM_ARRAY_TASK_ID"] = "3";
  EXPECT_EQ(JobFact("job"), "4700_3 <- SLURM_ARRAY_JOB_ID and SLURM_ARRAY_TASK_ID");
  variables_["TRIBUTARY_JOB"] = "mine";
  EXPECT_EQ(JobFact("job"), "mine <- TRIBUTARY_JOB");
}

TEST_F(NodeFactsTest, JobNameIsTheFirstThatIsSet) {
  variables_ = {{"LSB_JOBNAME", "c"}, {"PBS_JOBNAME", "b"}};
  EXPECT_EQ(JobFact("job_name"), "b <- PBS_JOBNAME");
  variables_["SLURM_JOB_NAME"] = "a";
  EXPECT_EQ(JobFact("job_name"), "a <- SLURM_JOB_NAME");
}

TEST_F(NodeFactsTest, IndexIsThePlaceInTheNodeListAndNeverARankOfTheLauncher) {
  variables_ = {{"GROUP_RANK", "5"}, {"SLURM_NODEID", "6"}};
  EXPECT_EQ(JobFact("index"), "none");
  variables_["JOB_COMPLETION_INDEX"] = "4";
  EXPECT_EQ(JobFact("index"), "4 <- JOB_COMPLETION_INDEX");
  variables_["SLURM_JOB_NODELIST"] = "node[07-09]";
  EXPECT_EQ(JobFact("index"), "4 <- JOB_COMPLETION_INDEX");
  variables_["SLURMD_NODENAME"] = "node09";
  EXPECT_EQ(JobFact("index"), "2 <- place of SLURMD_NODENAME in SLURM_JOB_NODELIST");
  variables_["TRIBUTARY_INDEX"] = "9";
  EXPECT_EQ(JobFact("index"), "9 <- TRIBUTARY_INDEX");
}

TEST_F(NodeFactsTest, RankIsKnownOnlyToAnAgentThatWrapsACommand) {
  variables_ = {{"SLURM_PROCID", "4"}};
  EXPECT_EQ(JobFact("rank"), "none");
  EXPECT_EQ(JobFact("rank", true), "4 <- SLURM_PROCID");
  variables_["PMI_RANK"] = "3";
  EXPECT_EQ(JobFact("rank", true), "3 <- PMI_RANK");
  variables_["OMPI_COMM_WORLD_RANK"] = "2";
  EXPECT_EQ(JobFact("rank", true), "2 <- OMPI_COMM_WORLD_RANK");
  variables_["RANK"] = "1";
  EXPECT_EQ(JobFact("rank", true), "1 <- RANK");
}

TEST_F(NodeFactsTest, InSlurmOnlyWithJobListAndThisNodeInIt) {
  variables_ = {{"SLURM_JOB_ID", "4711"},
                {"SLURM_JOB_NODELIST", "node[07-08]"},
                {"SLURMD_NODENAME", "node08"}};
  EXPECT_TRUE(ReadJobFacts(environment(), false).in_slurm);
  for (const char* name : {"SLURM_JOB_ID", "SLURM_JOB_NODELIST", "SLURMD_NODENAME"}) {
    const std::string kept = variables_[name];
    variables_[name] = "";
    EXPECT_FALSE(ReadJobFacts(environment(), false).in_slurm) << name;
    variables_[name] = kept;
  }
  variables_["SLURMD_NODENAME"] = "node09";
  JobFacts job = ReadJobFacts(environment(), false);
  EXPECT_FALSE(job.in_slurm);
  EXPECT_THAT(job.nodelist_problem, HasSubstr("does not name SLURMD_NODENAME \"node09\""));
  variables_["SLURM_JOB_NODELIST"] = "node[";
  job = ReadJobFacts(environment(), false);
  EXPECT_FALSE(job.in_slurm);
  EXPECT_THAT(job.nodelist_problem, HasSubstr("not closed"));
}

}  // namespace
}  // namespace tributary::agent
