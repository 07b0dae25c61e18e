#include "collector/serve/cluster.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "collector/serve/json_value.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/collector/serve/serve_fixture.h"

namespace tributary::serve {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ClusterTest : public ServeTest {
 protected:
  void SetUp() override {
    ClusterSnapshot snapshot;
    snapshot.store_id = "s1";
    for (const char* name : {"a", "b", "c"}) {
      NodeStatus node;
      node.name = name;
      node.state = "away";
      node.last_record = absl::InfinitePast();
      snapshot.nodes.push_back(std::move(node));
    }
    NodeStatus& node = snapshot.nodes[1];
    node.state = "connected";
    node.version = "0.1.0";
    node.agents.push_back({42, "0.1.0", "10.0.0.1", {"exp=/logs"}});
    node.clock_offset_s = -0.5;
    node.last_record = clock_.Wall() - absl::Seconds(3);
    node.streams.push_back(
        {"b/train", "exp", "train/events", 100, 7, 90, 80, "live", {{10, 5, "bad length"}}});
    snapshot.conflicts.push_back({"name", "b", {"x", "y"}, "y is b-2"});
    Publish(std::move(snapshot));
  }
  void Publish(ClusterSnapshot snapshot) {
    for (NodeStatus& node : snapshot.nodes) node.totals = TotalsOf(node.streams);
    board_.Publish(std::make_shared<const ClusterSnapshot>(std::move(snapshot)));
  }
  // Node b has so many streams; every tenth has a hole.
  void PublishStreams(int count) {
    ClusterSnapshot snapshot = *board_.Get();
    std::vector<StreamStatus>& streams = snapshot.nodes[1].streams;
    streams.clear();
    for (int i = 0; i < count; ++i) {
      streams.push_back({absl::StrCat("b/Run", i), "", absl::StrCat("f", i), 10, 1, 10, 10, "live",
                         i % 10 == 0 ? std::vector<StreamStatus::Hole>{{0, 2, "bad length"}}
                                     : std::vector<StreamStatus::Hole>{}});
    }
    Publish(std::move(snapshot));
  }
  // "run run …" of node b, and how many the answer says were found.
  std::string RunsOfB(absl::string_view query) {
    const absl::StatusOr<JsonValue> answer =
        ParseJson(Json(absl::StrCat("/api/v1/cluster?node=b&", query)));
    const JsonValue& node = answer->Find("nodes")->values[0];
    std::string runs = absl::StrCat(node.Find("streams_found")->text, ":");
    for (const JsonValue& stream : node.Find("streams")->values) {
      absl::StrAppend(&runs, " ", stream.Find("run")->text);
    }
    return runs;
  }
};

TEST_F(ClusterTest, EverythingKnownIsShown) {
  EXPECT_EQ(
      Json("/api/v1/cluster?node=b"),
      R"({"store_id":"s1","collector":{"version":"0.1.0","join":"tributary-agent …","join_note":"note"},)"
      R"("time":1767225600,"nodes":[{"name":"b","state":"connected","agents":[{"pid":42,"version":)"
      R"("0.1.0","peer":"10.0.0.1","logdirs":["exp=/logs"]}],"services":[],"version":"0.1.0",)"
      R"("clock_offset_s":-0.5,"last_record":1767225597,"lag_s":3,"totals":{"streams":1,"size":100,)"
      R"("records":7,"received":90,"durable":80,"holes":1,"hole_bytes":5,"attention":1},)"
      R"("streams":[{"run":"b/train","logdir":"exp","file":"train/events","kind":"event","size":100,)"
      R"("records":7,"received":90,"durable":80,"state":"live","holes":[{"offset":10,"length":5,"cause":)"
      R"("bad length"}]}],"streams_found":1}],"conflicts":)"
      R"([{"kind":"name","wanted":"b","holders":["x","y"],"resolution":"y is b-2"}]})");
}

TEST_F(ClusterTest, StreamsCanBeLeftOutAndTakenInPages) {
  PublishStreams(25);
  EXPECT_EQ(RunsOfB("streams=0"), "25:");
  EXPECT_EQ(RunsOfB("streams=2"), "25: b/Run0 b/Run1");
  EXPECT_EQ(RunsOfB("streams=2&skip=23"), "25: b/Run23 b/Run24");
  EXPECT_EQ(RunsOfB("streams=2&skip=24"), "25: b/Run24");
  EXPECT_EQ(RunsOfB("skip=9223372036854775807"), "25:");
  EXPECT_THAT(Json("/api/v1/cluster?streams=0"), HasSubstr(R"("totals":{"streams":25,)"));
}

TEST_F(ClusterTest, StreamsAreFoundByRunOrFileOrByWhatIsWrongWithThem) {
  PublishStreams(25);
  EXPECT_EQ(RunsOfB("find=rUN2"), "6: b/Run2 b/Run20 b/Run21 b/Run22 b/Run23 b/Run24");
  EXPECT_EQ(RunsOfB("find=f24"), "1: b/Run24");
  EXPECT_EQ(RunsOfB("find=nothing"), "0:");
  EXPECT_EQ(RunsOfB("only=attention"), "3: b/Run0 b/Run10 b/Run20");
  EXPECT_EQ(RunsOfB("only=attention&find=run1&streams=5&skip=0"), "1: b/Run10");
  EXPECT_EQ(RunsOfB("only=attention&streams=1&skip=1"), "3: b/Run10");
}

TEST_F(ClusterTest, NodeThatNeverSentHasNoTimes) {
  EXPECT_THAT(Json("/api/v1/cluster?node=a"), HasSubstr(R"("last_record":null,"lag_s":null)"));
}

TEST_F(ClusterTest, DurableStreamsHaveNoLag) {
  ClusterSnapshot snapshot = *board_.Get();
  snapshot.nodes[1].streams[0].durable_bytes = 100;
  Publish(snapshot);
  EXPECT_THAT(Json("/api/v1/cluster?node=b"), HasSubstr(R"("lag_s":0)"));
  snapshot.nodes[1].streams[0].durable_bytes = 80;
  snapshot.nodes[1].streams[0].state = "source_gone";
  Publish(snapshot);
  EXPECT_THAT(Json("/api/v1/cluster?node=b"), HasSubstr(R"("lag_s":0)"));
}

TEST_F(ClusterTest, PagesFollowEachOtherWithoutGapsOrRepeats) {
  const std::string first = Json("/api/v1/cluster?limit=2");
  EXPECT_THAT(first, HasSubstr(R"("name":"a")"));
  EXPECT_THAT(first, HasSubstr(R"("name":"b")"));
  EXPECT_THAT(first, HasSubstr(R"("next":"b")"));
  const std::string second = Json("/api/v1/cluster?limit=2&after=b");
  EXPECT_THAT(second, HasSubstr(R"("name":"c")"));
  EXPECT_THAT(second, Not(HasSubstr(R"("name":"b")")));
  EXPECT_THAT(second, Not(HasSubstr("next")));
  EXPECT_THAT(Json("/api/v1/cluster?limit=3"), Not(HasSubstr("next")));
}

TEST_F(ClusterTest, BadPagesAre400AndUnknownNodesAreNone) {
  for (const char* query : {"limit=0", "limit=-1", "limit=x", "streams=-1", "skip=-1", "only=x"}) {
    EXPECT_EQ(Get(std::string("/api/v1/cluster?") + query).status, 400) << query;
  }
  EXPECT_THAT(Json("/api/v1/cluster?node=zzz"), HasSubstr(R"("nodes":[])"));
  EXPECT_EQ(PostForm("/api/v1/cluster", "").status, 405);
}

TEST_F(ClusterTest, ServicesOfNodesAndNodesThatOnlyHaveServices) {
  ServiceSnapshot services;
  const auto add = [&services](const std::string& node, const std::string& service, uint16_t port,
                               ServiceMode mode, ServiceState state, uint64_t session) {
    ServiceStatus status;
    status.node = node;
    status.service = service;
    status.port = port;
    status.mode = mode;
    status.state = state;
    status.session = session;
    status.since = absl::FromUnixSeconds(1'700'000'000);
    services.services[{node, service}] = std::move(status);
  };
  add("a", "tensorboard", 6006, ServiceMode::kKeep, ServiceState::kLive, 1);
  add("aa", "jupyter", 6007, ServiceMode::kHost, ServiceState::kStarting, 2);
  add("aa", "old", 6008, ServiceMode::kStrip, ServiceState::kStale, 0);
  services.conflicts.push_back({"port", "6006", {"a/tensorboard", "aa/jupyter"}, "aa has 6007"});
  services_.Publish(std::make_shared<ServiceSnapshot>(std::move(services)));

  const std::string a = Json("/api/v1/cluster?node=a");
  EXPECT_THAT(a, HasSubstr(R"("services":[{"service":"tensorboard","port":6006,)"
                           R"("url":"/node/a/tensorboard/","mode":"keep","state":"live",)"));
  EXPECT_THAT(a, HasSubstr(R"("kind":"port","wanted":"6006")"));
  const std::string aa = Json("/api/v1/cluster?node=aa");
  EXPECT_THAT(aa, HasSubstr(R"("name":"aa","state":"connected")"));
  EXPECT_THAT(aa, HasSubstr(R"("url":"/node/aa/jupyter/","mode":"host")"));
  EXPECT_THAT(aa, HasSubstr(R"("mode":"strip","state":"stale")"));
  EXPECT_THAT(Json("/api/v1/cluster?node=c"), HasSubstr(R"("services":[])"));
  // Among the others, by name.
  EXPECT_THAT(Json("/api/v1/cluster?limit=1&after=a"), HasSubstr(R"("name":"aa")"));
}

}  // namespace
}  // namespace tributary::serve
