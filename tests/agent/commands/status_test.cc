#include "agent/commands/status.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "agent/commands/check.h"
#include "tests/agent/commands/command_harness.h"

namespace tributary::agent {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StatusTest : public CommandHarness {
 protected:
  StatusTest() {
    network_.names.insert_or_assign("localhost", std::vector<std::string>{"127.0.0.1"});
    network_.ends.insert_or_assign("127.0.0.1", std::deque<std::string>());
    network_.server = [this](const std::string& request) {
      requests_.push_back(request.substr(0, request.find(" HTTP/1.1\r\n")));
      return absl::StrCat("HTTP/1.1 ", http_status_, " X\r\nContent-Length: ", cluster_.size(),
                          "\r\n\r\n", cluster_);
    };
  }
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
  // What /api/v1/cluster answers, and what it was asked.
  std::string cluster_ = "{}";
  int http_status_ = 200;
  std::vector<std::string> requests_;
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
  cluster_ = "{\"nodes\":[]}";
  EXPECT_EQ(Status({"--json"}), kExitGood);
  EXPECT_EQ(TakeOut(),
            "{\"node\":\"host1\",\"streams\":["
            "{\"run\":\"host1/gone\",\"file\":\"gone/"
            "tfevents\",\"kind\":\"event\",\"logdir\":\"\",\"size\":null,\"received\":70,"
            "\"durable\":70,\"state\":\"live\"},"
            "{\"run\":\"\",\"file\":\"new/"
            "tfevents\",\"kind\":\"event\",\"logdir\":\"\",\"size\":5,\"received\":0,\"durable\":0,"
            "\"state\":\"not_opened\"}],\"cluster\":{\"nodes\":[]}}\n");
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

TEST_F(StatusTest, ServicesOfTheNodeAreToldBelowItsFiles) {
  Write("a/tfevents", 10);
  Keep("a/tfevents", "n~2/a", 10);
  kept_.set_node("n~2/ö");
  collector_.set_path_prefix("/tb");
  cluster_ = R"json({"time": 100, "nodes": [{"name": "n~2/ö", "state": "connected",
      "clock_offset_s": -12.004, "totals": {"attention": 1, "holes": 2},
      "services": [
        {"service": "lost", "port": 6007, "url": "/tb/node/n/lost/", "mode": "host",
         "state": "stale", "command": "sh"},
        {"service": "web", "port": 6006, "url": "/tb/node/n/web/", "mode": "keep",
         "state": "live", "command": "tensorboard"}]}],
      "conflicts": [{"kind": "port", "wanted": "6006", "holders": [], "resolution": ""}]})json";
  EXPECT_EQ(Status(), kExitGood);
  EXPECT_EQ(TakeOut(),
            "RUN    FILE        SIZE  RECEIVED  DURABLE  STATE\n"
            "n~2/a  a/tfevents  10    10        10       live\n"
            "1 file; all that is here is durable\n"
            "\n"
            "SERVICE  NODE   PORT  STATE  MODE  OPENS AT                           COMMAND\n"
            "lost     n~2/ö  6007  stale  host  -                                  sh\n"
            "web      n~2/ö  6006  live   keep  http://localhost:1/tb/node/n/web/  tensorboard\n"
            "2 services, of which 1 opens\n"
            "this node: 1 file needs a look (2 holes); its clock is off by -12 s\n"
            "the cluster: 1 conflict, which status --cluster lists\n");
  EXPECT_EQ(TakeErr(), "");
  EXPECT_THAT(requests_, ElementsAre("GET /tb/api/v1/cluster?streams=0&node=n~2%2F%C3%B6"));
}

TEST_F(StatusTest, ANodeThatOnlyHasServicesIsAskedForByItsOwnName) {
  kept_.set_node("");
  EXPECT_EQ(Status(), kExitGood);
  EXPECT_THAT(requests_, ElementsAre("GET /api/v1/cluster?streams=0&node=host1"));
}

TEST_F(StatusTest, FilesAreToldThoughServicesAreNotKnown) {
  Write("a/tfevents", 10);
  network_.ends.clear();
  EXPECT_EQ(Status(), kExitGood);
  EXPECT_THAT(TakeOut(), HasSubstr("a/tfevents"));
  EXPECT_THAT(TakeErr(), AllOf(HasSubstr("services are not known: tcp: "), HasSubstr("refused")));
  EXPECT_EQ(Status({"--json"}), kExitGood);
  EXPECT_THAT(TakeOut(), HasSubstr("],\"cluster\":null}\n"));
}

class StatusClusterTest : public StatusTest {
 protected:
  int Cluster(std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), {"status", "--cluster", "--collector", "localhost:1"});
    return StatusCommand(Config(flags), world_);
  }
};

TEST_F(StatusClusterTest, JsonIsWhatTheCollectorAnswers) {
  cluster_ = R"json({"nodes": [], "later": {"key": [1, null]}})json";
  EXPECT_EQ(Cluster({"--json"}), kExitGood);
  EXPECT_EQ(TakeOut(), cluster_ + "\n");
  EXPECT_THAT(requests_, ElementsAre("GET /api/v1/cluster?streams=0"));
}

TEST_F(StatusClusterTest, NoLogdirIsLookedAt) {
  // The node's own configuration may name one.
  EXPECT_EQ(Cluster({"--logdir", "/not/there"}), kExitGood);
  EXPECT_EQ(TakeOut(), "no node has joined yet\n0 services; 0 conflicts\n");
  EXPECT_EQ(TakeErr(), "");
}

TEST_F(StatusClusterTest, ANodeOfWhichAllCameBeforeTheCollectorStarted) {
  cluster_ = R"json({"time": 1000.5, "nodes": [
      {"name": "a", "state": "away", "last_record": null,
       "totals": {"streams": 2, "size": 2048, "durable": 2048}}]})json";
  EXPECT_EQ(Cluster(), kExitGood);
  EXPECT_THAT(TakeOut(), HasSubstr("\na     away   before restart  "));
}

TEST_F(StatusClusterTest, NodesServicesAndConflictsTroubleFirst) {
  cluster_ = R"json({"time": 1000.5, "nodes": [
      {"name": "a", "state": "connected", "version": "1.2.3", "clock_offset_s": 0.21,
       "last_record": 998, "lag_s": 0, "totals": {"streams": 2, "size": 2048, "durable": 2048},
       "services": [{"service": "web", "port": 6006, "url": "/node/a/web/", "mode": "keep",
                     "state": "live", "command": "tensorboard --port 6006"}]},
      {"name": "b", "state": "away", "version": "", "clock_offset_s": 77, "last_record": null,
       "lag_s": null, "totals": {"streams": 0, "size": 0, "durable": 0},
       "services": [{"service": "web", "port": 6007, "url": "/node/b/web/", "mode": "host",
                     "state": "stale", "command": ""}]},
      {"name": "c", "state": "connected", "version": "1.2.3", "clock_offset_s": 12.004,
       "last_record": 920.5, "lag_s": 80, "services": [],
       "totals": {"streams": 3, "size": 3072, "durable": 1024, "holes": 1, "attention": 2}}],
      "conflicts": [
        {"kind": "port", "wanted": "6006", "holders": ["a/web (pid 1)", "b/web (pid 2, away)"],
         "resolution": "b/web has 6007"},
        {"kind": "name", "wanted": "c", "holders": ["c", "c~2"], "resolution": "one is c~2"}]
})json";
  EXPECT_EQ(Cluster(), kExitGood);
  EXPECT_EQ(
      TakeOut(),
      "NODE  STATE      LAST RECORD  LAG   FILES  DURABLE  PENDING  HOLES  CLOCK   VERSION  "
      "TROUBLE\n"
      "c     connected  80 s ago     80 s  3      1.0 KiB  2.0 KiB  1      +12 s   1.2.3    "
      "2 files need a look (1 hole); its clock is off by +12 s; 2.0 KiB have waited for 80 s\n"
      "b     away       never        -     0      0 B      0 B      0      -       -        -\n"
      "a     connected  3 s ago      0 s   2      2.0 KiB  0 B      0      +0.2 s  1.2.3    -\n"
      "\n"
      "SERVICE  NODE  PORT  STATE  MODE  OPENS AT                        COMMAND\n"
      "web      b     6007  stale  host  -                               -\n"
      "web      a     6006  live   keep  http://localhost:1/node/a/web/  tensorboard --port 6006\n"
      "\n"
      "WANTED TWICE  BY                                     WHAT WAS DONE\n"
      "port 6006     a/web (pid 1) and b/web (pid 2, away)  b/web has 6007\n"
      "name c        c and c~2                              one is c~2\n"
      "\n"
      "3 nodes: 2 connected, 1 away, 1 needs a look; 5 files, 3.0 KiB durable, 2.0 KiB pending, "
      "1 hole\n"
      "2 services, of which 1 opens; 2 conflicts\n"
      "left out: the files of nodes; http://localhost:1/api/v1/cluster?node=NODE has them\n");
}

TEST_F(StatusClusterTest, NodesThatTheAnswerLeavesOutAreSaid) {
  cluster_ = R"json({"nodes": [{"name": "a\nb", "state": "away"}], "next": "a\nb"})json";
  EXPECT_EQ(Cluster(), kExitGood);
  EXPECT_THAT(TakeOut(), HasSubstr("left out: nodes after a?b\n"));
}

TEST_F(StatusClusterTest, Malicious_NamesCannotSteerTheTerminal) {
  cluster_ = R"json({"nodes": [{"name": "\u001b[2J", "state": "connected", "version": "\u009b2J",
      "services": [{"service": "\r", "port": 1, "url": "/\u202e/", "state": "live",
                    "command": "\b"}]}],
      "conflicts": [{"kind": "\t", "wanted": "\n", "holders": ["\u007f"],
                     "resolution": "\u0007"}]})json";
  EXPECT_EQ(Cluster(), kExitGood);
  const std::string text = TakeOut();
  for (const char c : text) EXPECT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7f)) << int{c};
  EXPECT_THAT(text, AllOf(HasSubstr("?[2J"), HasSubstr("/?/")));
}

TEST_F(StatusClusterTest, Malformed_Numbers) {
  cluster_ = R"json({"time": "NaN", "nodes": [{"name": "a", "state": "connected",
      "clock_offset_s": "-Infinity", "last_record": "NaN", "lag_s": "Infinity"}]})json";
  EXPECT_EQ(Cluster(), kExitGood);
  EXPECT_THAT(TakeOut(), HasSubstr("1 node: 1 connected"));
}

TEST_F(StatusClusterTest, Malformed_Answers) {
  for (const char* answer : {"", "ok\n", "[]", "{\"nodes\": 3}", "{\"nodes\": ["}) {
    cluster_ = answer;
    EXPECT_EQ(Cluster({"--json"}), kExitFailed) << answer;
    EXPECT_THAT(TakeErr(), HasSubstr("http://localhost:1/api/v1/cluster cannot be read")) << answer;
    EXPECT_EQ(TakeOut(), "") << answer;
  }
}

TEST_F(StatusClusterTest, ACollectorWithoutTheRoute) {
  collector_.set_path_prefix("/tb");
  http_status_ = 404;
  EXPECT_EQ(Cluster(), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("the collector at localhost:1 has no /tb/api/v1/cluster: "
                                   "update it"));
}

TEST_F(StatusClusterTest, AnotherStore) {
  EXPECT_EQ(Cluster({"--store", "other"}), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("has the store store, not other as --store says"));
}

TEST_F(StatusClusterTest, AnUnreachableCollector) {
  describe_error_ = absl::UnavailableError("collector localhost:1 cannot be reached: refused");
  EXPECT_EQ(Cluster(), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("cannot be reached: refused"));
  EXPECT_THAT(requests_, ElementsAre());
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
