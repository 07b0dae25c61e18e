#include "agent/commands/status.h"

#include <gmock/gmock.h>

#include "agent/commands/check.h"
#include "tests/agent/commands/command_harness.h"

namespace tributary::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class StatusTest : public CommandHarness {
 protected:
  int Status(std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), {"status", "--collector", "localhost:1"});
    if (flags.size() == 3 || flags.back() == "--json") {
      flags.insert(flags.end(), {"--logdir", "/logs"});
    }
    return StatusCommand(Config(flags), world_);
  }
  // Answers in pages of one stream.
  absl::StatusOr<ingest::v1::DescribeNodeResponse> Describe(
      const ingest::v1::DescribeNodeRequest& request) override {
    if (!pages_) return CommandHarness::Describe(request);
    const int place = request.after().empty() ? 0 : std::stoi(request.after());
    ingest::v1::DescribeNodeResponse page;
    page.set_node(kept_.node());
    page.set_store_id(kept_.store_id());
    if (place < kept_.streams_size()) *page.add_streams() = kept_.streams(place);
    if (place + 1 < kept_.streams_size()) page.set_next(std::to_string(place + 1));
    return page;
  }

  bool pages_ = false;
};

TEST_F(StatusTest, AnUnreachableCollectorIsAFailure) {
  describe_error_ = absl::UnavailableError("collector localhost:1 cannot be reached: refused");
  EXPECT_EQ(Status(), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("cannot be reached: refused"));
  EXPECT_EQ(TakeOut(), "");
}

TEST_F(StatusTest, ANodeThatTheCollectorDoesNotKnow) {
  describe_error_ = absl::NotFoundError("no such node");
  Write("a/tfevents", 10);
  EXPECT_EQ(Status(), kExitGood);
  EXPECT_THAT(TakeOut(), AllOf(HasSubstr("not opened"), HasSubstr("does not know this node yet")));
}

TEST_F(StatusTest, FilesHereAndStreamsThereAreJoined) {
  Write("a/tfevents", 10);
  Write("new/tfevents", 2000);
  Keep("a/tfevents", "host1/a", 10);
  Keep("gone/tfevents", "host1/gone", 70);
  kept_.mutable_streams(1)->set_state(ingest::v1::SOURCE_STATE_GONE);
  EXPECT_EQ(Status(), kExitGood);
  EXPECT_EQ(TakeOut(),
            "RUN         FILE           SIZE  RECEIVED  DURABLE  STATE\n"
            "host1/a     a/tfevents     10    10        10       live\n"
            "host1/gone  gone/tfevents  -     70        70       source_gone\n"
            "            new/tfevents   2000  0         0        not opened\n"
            "3 files; 1 file with 2.0 KiB that are not durable\n");
}

TEST_F(StatusTest, Json) {
  Write("new/tfevents", 5);
  Keep("gone/tfevents", "host1/gone", 70);
  EXPECT_EQ(Status({"--json"}), kExitGood);
  EXPECT_EQ(TakeOut(),
            "{\"node\":\"host1\",\"streams\":["
            "{\"run\":\"host1/gone\",\"file\":\"gone/"
            "tfevents\",\"kind\":\"event\",\"logdir\":\"\",\"size\":null,\"received\":70,"
            "\"durable\":70,\"state\":\"live\"},"
            "{\"run\":\"\",\"file\":\"new/"
            "tfevents\",\"kind\":\"event\",\"logdir\":\"\",\"size\":5,\"received\":0,\"durable\":0,"
            "\"state\":\"not_opened\"}]}\n");
}

TEST_F(StatusTest, AllPagesAreAskedFor) {
  pages_ = true;
  for (const char* run : {"a", "b", "c"}) Keep(std::string(run) + "/tfevents", run, 1);
  EXPECT_EQ(Status(), kExitGood);
  EXPECT_THAT(TakeOut(),
              AllOf(HasSubstr("a/tfevents"), HasSubstr("c/tfevents"), HasSubstr("3 files; all")));
}

TEST_F(StatusTest, NamedLogdirsAreTold) {
  files_.WriteFile("/b/tfevents", "x");
  Keep("tfevents", "host1/n", 1, "n");
  EXPECT_EQ(Status({"--logdir", "n=/b"}), kExitGood);
  EXPECT_THAT(TakeOut(), HasSubstr("n=tfevents"));
}

class CheckTest : public CommandHarness {
 protected:
  int Check(std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"check", "--collector", "localhost:1", "--logdir", "/logs"});
    const AgentConfig config = Config(flags);
    return CheckCommand(config, effective_, world_);
  }
};

TEST_F(CheckTest, Malformed_NamesThatCannotBeMade) {
  Write("a/tfevents", 10);
  EXPECT_EQ(Check({"--namespace", "{job}"}), kExitUsage);
  EXPECT_THAT(TakeErr(), HasSubstr("{job} has no value"));
}

TEST_F(CheckTest, ShowsWhereEachValueIsFrom) {
  Write("a/tfevents", 10);
  variables_["TRIBUTARY_NODE"] = "n7";
  EXPECT_EQ(Check({}), kExitGood);
  const std::string text = TakeOut();
  EXPECT_THAT(text, AllOf(HasSubstr("node n7 (TRIBUTARY_NODE)\n"),
                          HasSubstr("logdir /logs: 1 file, 10 B, 1 run\n"),
                          HasSubstr("The configuration is good.\n")));
}

TEST_F(CheckTest, Json) {
  Write("a/tfevents", 10);
  EXPECT_EQ(Check({"--json"}), kExitGood);
  const std::string text = TakeOut();
  EXPECT_THAT(
      text,
      AllOf(HasSubstr("{\"node\":\"host1\",\"options\":{"),
            HasSubstr("\"collector\":{\"values\":[\"localhost:1\"],\"from\":\"--collector\"}"),
            HasSubstr("\"logdirs\":[{\"name\":\"\",\"path\":\"/"
                      "logs\",\"files\":1,\"bytes\":10,\"runs\":1}]}\n")));
}

}  // namespace
}  // namespace tributary::agent
