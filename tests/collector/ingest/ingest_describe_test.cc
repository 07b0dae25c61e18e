// What the collector answers to who plans, looks or waits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/collector/ingest/ingest_site.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Request = ingest::v1::DescribeNodeRequest;
using Response = ingest::v1::DescribeNodeResponse;

class DescribeNodeTest : public ::testing::Test {
 protected:
  DescribeNodeTest() { site_.Start(); }
  // An agent of the node delivers the files, all of one run.
  void Deliver(const std::string& node, const std::string& run,
               const std::vector<std::string>& paths, const std::string& logdir_name = "") {
    ScriptedAgent agent(&site_, node);
    agent.hello()->mutable_logdirs(0)->set_name(logdir_name);
    agent.Welcomed();
    uint32_t number = 0;
    for (const std::string& path : paths) {
      ingest::v1::Open open = ScriptedAgent::OpenOf(++number, path);
      open.set_run(run);
      open.set_logdir_name(logdir_name);
      agent.Open(open);
    }
    agent.Drop();
  }
  Request About(const std::string& node, const std::vector<std::string>& runs) {
    Request request;
    request.mutable_node()->set_name(node);
    request.add_logdir_names("");
    for (const std::string& run : runs) request.add_runs(run);
    return request;
  }
  // "3 of node08/logdir" for each source.
  static std::vector<std::string> Sources(const ingest::v1::RunDescription& run) {
    std::vector<std::string> sources;
    for (const auto& source : run.sources()) {
      sources.push_back(
          absl::StrCat(source.files(), " of ", source.node(), "/", source.logdir_name()));
    }
    return sources;
  }
  static Request Foresee(const std::string& machine) {
    Request request;
    request.mutable_node()->set_name("node07");
    request.mutable_node()->set_machine_id(machine);
    request.mutable_node()->set_boot_id("boot of " + machine);
    request.set_foresee(true);
    return request;
  }
  void Ask(const Request& request) {
    answer_ = absl::DeadlineExceededError("no answer yet");
    site_.ingest->DescribeNode(request, [this](auto answer) { answer_ = std::move(answer); });
    site_.Run();
  }

  IngestSite site_;
  absl::StatusOr<Response> answer_;
};

TEST_F(DescribeNodeTest, InPagesByPath) {
  ScriptedAgent agent(&site_);
  agent.Welcomed();
  for (uint32_t i = 0; i < 5; ++i) agent.Open(i, absl::StrCat("run/\xff", i, ".tfevents"));
  ingest::v1::DescribeNodeRequest request;
  request.mutable_node()->set_name("node07");
  request.set_limit(2);
  std::vector<std::string> paths;
  for (int page = 0; page < 3; ++page) {
    const auto answer = site_.Describe(request);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->node(), "node07");
    for (const auto& stream : answer->streams()) paths.push_back(stream.path());
    request.set_after(answer->next());
    EXPECT_EQ(answer->next().empty(), page == 2);
  }
  EXPECT_EQ(paths.size(), 5u);
  EXPECT_TRUE(std::is_sorted(paths.begin(), paths.end()));
  request.set_after("nonsense");
  EXPECT_TRUE(absl::IsInvalidArgument(site_.Describe(request).status()));
  request.mutable_node()->set_name("unknown");
  EXPECT_TRUE(absl::IsNotFound(site_.Describe(request).status()));
}

TEST_F(DescribeNodeTest, Malicious_TooManyRuns) {
  const Request request = About("node07", std::vector<std::string>(10'001, "run"));
  EXPECT_TRUE(absl::IsInvalidArgument(site_.Describe(request).status()));
}

TEST_F(DescribeNodeTest, ARunTellsWhoseFilesAreInItAlready) {
  Deliver("node07", "exp", {"exp/1.tfevents"});
  Deliver("node07", "exp", {"1.tfevents"}, "old");
  Deliver("node08", "exp", {"exp/1.tfevents", "exp/2.tfevents"});
  Deliver("node09", "other", {"other/1.tfevents"});
  const auto answer = site_.Describe(About("node07", {"exp", "new", "other"}));
  ASSERT_TRUE(answer.ok());
  ASSERT_EQ(answer->runs_size(), 3);
  EXPECT_THAT(Sources(answer->runs(0)), ElementsAre("1 of node07/old", "2 of node08/"));
  EXPECT_THAT(Sources(answer->runs(1)), IsEmpty());
  EXPECT_THAT(Sources(answer->runs(2)), ElementsAre("1 of node09/"));
  EXPECT_EQ(answer->streams_size(), 0);
}

TEST_F(DescribeNodeTest, OfManySourcesTheFirstTenAreNamed) {
  for (int node = 10; node < 23; ++node) {
    Deliver(absl::StrCat("n", node), "exp", {"exp/1.tfevents"});
  }
  const auto answer = site_.Describe(About("n11", {"exp"}));
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->runs(0).sources_size(), 10);
  EXPECT_EQ(answer->runs(0).sources_left_out(), 2u);
}

TEST_F(DescribeNodeTest, ARunIsTheNameThatItIsShownAs) {
  Deliver("node08", "n8/exp", {"exp/1.tfevents"});
  RunDecisions decisions;
  const auto changes = decisions.Decide({.run = "n8/exp", .action = RunAction::kRename, .to = "e"});
  ASSERT_TRUE(changes.ok());
  decisions.Apply(*changes);
  site_.decisions.Publish(std::make_shared<RunDecisions>(decisions));
  const auto answer = site_.Describe(About("node07", {"e", "n8/exp"}));
  ASSERT_TRUE(answer.ok());
  EXPECT_THAT(answer->shown_as(), ElementsAre("e", "e"));
  EXPECT_THAT(Sources(answer->runs(0)), ElementsAre("1 of node08/"));
  EXPECT_THAT(Sources(answer->runs(1)), ElementsAre("1 of node08/"));
}

TEST_F(DescribeNodeTest, NamesThatLookTheSame) {
  Deliver("node08", "Exp", {"1.tfevents"});
  Deliver("node08", "exp ", {"2.tfevents"});
  Deliver("node08", "exp2", {"3.tfevents"});
  const auto answer = site_.Describe(About("node07", {"exp", "EXP2"}));
  ASSERT_TRUE(answer.ok());
  EXPECT_THAT(answer->runs(0).look_alikes(), ElementsAre("Exp", "exp "));
  EXPECT_THAT(Sources(answer->runs(0)), IsEmpty());
  EXPECT_THAT(answer->runs(1).look_alikes(), ElementsAre("exp2"));
}

TEST_F(DescribeNodeTest, ARunOfADirectoryThatTheCollectorReadsItself) {
  EventFileIdentity identity;
  identity.run = RunName("exp");
  identity.file_name = "1.tfevents";
  const auto file = site_.index->AddFile(identity, nullptr);
  const auto answer = site_.Describe(About("node07", {"exp"}));
  ASSERT_TRUE(answer.ok());
  EXPECT_THAT(Sources(answer->runs(0)), ElementsAre("0 of /"));
}

TEST_F(DescribeNodeTest, Foresee_ANewNodeIsNoError) {
  Ask(Foresee("a"));
  ASSERT_TRUE(answer_.ok()) << answer_.status();
  EXPECT_EQ(answer_->node(), "node07");
  EXPECT_EQ(answer_->streams_size(), 0);
}

TEST_F(DescribeNodeTest, Foresee_ASecondMachineIsToldTheNameThatItGets) {
  ScriptedAgent first(&site_);
  first.Welcomed()->Open(1, "run/1.tfevents");
  site_.Pass(absl::Seconds(1));
  Ask(Foresee("another machine"));
  EXPECT_TRUE(absl::IsDeadlineExceeded(answer_.status()));
  first.Pong();
  site_.Pass(absl::Seconds(1));
  ASSERT_TRUE(answer_.ok()) << answer_.status();
  EXPECT_EQ(answer_->node(), "node07~2");
  // Its files are not those of the first.
  EXPECT_EQ(answer_->streams_size(), 0);
  EXPECT_EQ(answer_->agents_size(), 0);
  ScriptedAgent second(&site_);
  *second.hello()->mutable_node() = Foresee("another machine").node();
  second.SayHello();
  first.Pong();
  EXPECT_EQ(second.Last(&ingest::v1::CollectorMessage::has_welcome)->welcome().node(), "node07~2");
  Ask(Foresee("another machine"));
  EXPECT_EQ(answer_->agents_size(), 1);
}

TEST_F(DescribeNodeTest, Foresee_ASilentHolderIsAskedAndWaitedFor) {
  ScriptedAgent holder(&site_);
  holder.Welcomed();
  site_.Pass(absl::Seconds(10));
  Ask(Foresee("another machine"));
  EXPECT_TRUE(absl::IsDeadlineExceeded(answer_.status()));
  site_.Pass(absl::Seconds(4));
  EXPECT_TRUE(absl::IsDeadlineExceeded(answer_.status()));
  holder.Pong();
  site_.Pass(absl::Seconds(1));
  ASSERT_TRUE(answer_.ok()) << answer_.status();
  EXPECT_EQ(answer_->node(), "node07~2");
}

TEST_F(DescribeNodeTest, Foresee_ADeadHolderMakesRoom) {
  ScriptedAgent holder(&site_);
  holder.Welcomed();
  site_.Pass(absl::Seconds(10));
  Ask(Foresee("another machine"));
  site_.Pass(absl::Seconds(6));
  ASSERT_TRUE(answer_.ok()) << answer_.status();
  EXPECT_EQ(answer_->node(), "node07");
  // Looking ended nobody's session.
  EXPECT_FALSE(holder.ended());
}

TEST_F(DescribeNodeTest, Foresee_ARefusalIsTheAnswer) {
  site_.store.node_error = absl::AlreadyExistsError("cannot be told apart: give --node");
  Ask(Foresee("a clone"));
  EXPECT_TRUE(absl::IsAlreadyExists(answer_.status()));
  EXPECT_THAT(std::string(answer_.status().message()), HasSubstr("give --node"));
}

}  // namespace
}  // namespace tributary
