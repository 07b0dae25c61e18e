#include "collector/serve/cluster.h"

#include <memory>
#include <string>
#include <utility>

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
    board_.Publish(std::make_shared<const ClusterSnapshot>(std::move(snapshot)));
  }
};

TEST_F(ClusterTest, EverythingKnownIsShown) {
  EXPECT_EQ(
      Json("/api/v1/cluster?node=b"),
      R"({"store_id":"s1","nodes":[{"name":"b","state":"connected","agents":[{"pid":42,"version":)"
      R"("0.1.0","peer":"10.0.0.1","logdirs":["exp=/logs"]}],"services":[],"version":"0.1.0",)"
      R"("clock_offset_s":-0.5,"last_record":1767225597,"lag_s":3,"streams":[{"run":"b/train",)"
      R"("logdir":"exp","file":"train/events","kind":"event","size":100,"records":7,"received":90,"durable":80,)"
      R"("state":"live","holes":[{"offset":10,"length":5,"cause":"bad length"}]}]}],"conflicts":)"
      R"([{"kind":"name","wanted":"b","holders":["x","y"],"resolution":"y is b-2"}]})");
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
  for (const char* limit : {"0", "-1", "x"}) {
    EXPECT_EQ(Get(std::string("/api/v1/cluster?limit=") + limit).status, 400) << limit;
  }
  EXPECT_THAT(Json("/api/v1/cluster?node=zzz"), HasSubstr(R"("nodes":[])"));
  EXPECT_EQ(PostForm("/api/v1/cluster", "").status, 405);
}

}  // namespace
}  // namespace tributary::serve
