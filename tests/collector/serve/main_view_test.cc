#include "collector/serve/main_view.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/collector/serve/serve_fixture.h"

namespace tributary::serve {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Three runs, of which two are shown first.
class MainViewTest : public ServeTest {
 protected:
  MainViewTest() {
    for (const char* run : {"c", "b", "a"}) Add(run);
    HttpApi::Options options;
    options.runs_max = 2;
    options.path_prefix = "/tb";
    Serve(options);
  }
  // Each run is newer than the one before it.
  void Add(const std::string& run) {
    AddFile(run, EventFileBuilder()
                     .FileVersion(WallTime(seconds_))
                     .Scalar("loss", Step(1), 1, WallTime(seconds_)));
    seconds_ += 10;
  }
  double seconds_ = 1'767'225'600;
};

TEST_F(MainViewTest, EveryListingShowsTheNewestOnly) {
  EXPECT_EQ(Json("/tb/data/runs"), "[\"b\",\"a\"]");
  EXPECT_THAT(Json("/tb/data/plugin/scalars/tags"), Not(HasSubstr("\"c\"")));
  EXPECT_THAT(Json("/tb/data/plugin/timeseries/tags"), Not(HasSubstr("\"c\"")));
  EXPECT_EQ(Json("/tb/experiment/x/data/runs"), "[\"b\",\"a\"]");
  EXPECT_EQ(Json("/tb/all/data/runs"), "[\"c\",\"b\",\"a\"]");
  EXPECT_EQ(Json("/tb/all/experiment/x/data/runs"), "[\"c\",\"b\",\"a\"]");
}

TEST_F(MainViewTest, ARunThatIsNamedIsAnswered) {
  EXPECT_EQ(Get("/tb/data/plugin/scalars/scalars?run=c&tag=loss").status, 200);
  EXPECT_EQ(Get("/tb/api/v1/series?run=c&tag=loss").status, 200);
}

TEST_F(MainViewTest, WhatIsLeftOutIsSaid) {
  EXPECT_EQ(Json("/tb/api/v1/views"),
            "{\"view\":\"main\",\"namespace\":\"\",\"runs_max\":2,\"runs_total\":3,"
            "\"runs_shown\":2,\"left_out\":1,\"all\":\"/tb/all/\"}");
  EXPECT_THAT(log_.lines(), ElementsAre("info the page at / lists the runs with the newest data "
                                        "only runs=2 of=3 all=/tb/all/"));
  EXPECT_THAT(Json("/tb/all/api/v1/views"), HasSubstr("\"view\":\"all\""));
  EXPECT_THAT(Json("/tb/all/api/v1/views"), HasSubstr("\"runs_shown\":3,\"left_out\":0"));
}

TEST_F(MainViewTest, ANewRunIsThereAtOnce) {
  EXPECT_EQ(Json("/tb/data/runs"), "[\"b\",\"a\"]");
  Add("d");
  EXPECT_EQ(Json("/tb/data/runs"), "[\"a\",\"d\"]");
}

TEST_F(MainViewTest, IsReplacedAfterAMinuteIfDataCame) {
  EventFileIdentity identity{RunName("c"), "events.out.tfevents.1767225999.h.1.0", "", "", "c/2"};
  auto file = index_->AddFile(identity, nullptr);
  file->Append(EventFileBuilder().FileVersion(WallTime(1'767'225'600)).Build());
  EXPECT_EQ(Json("/tb/data/runs"), "[\"b\",\"a\"]");
  EventFileBuilder later;
  later.FileVersion(WallTime(1'767'225'600)).Scalar("loss", Step(9), 1, WallTime(seconds_));
  file->Append(
      later.Build().substr(EventFileBuilder().FileVersion(WallTime(1'767'225'600)).Build().size()));
  EXPECT_EQ(Json("/tb/data/runs"), "[\"b\",\"a\"]");
  clock_.Advance(absl::Seconds(59));
  EXPECT_EQ(Json("/tb/data/runs"), "[\"b\",\"a\"]");
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(Json("/tb/data/runs"), "[\"c\",\"a\"]");
}

TEST_F(MainViewTest, ViewsHaveTagsOfTheirOwn) {
  std::vector<std::string> tags;
  for (const char* view : {"/tb", "/tb/all", "/tb/ns/a", "/tb/ns/b"}) {
    tags.push_back(HeaderOf(Get(absl::StrCat(view, "/data/runs")), "ETag"));
  }
  EXPECT_THAT(tags, ElementsAre(HasSubstr("-m0"), HasSubstr("-a"), HasSubstr("-b"), Not(tags[2])));
  EXPECT_EQ(Get("/tb/all/data/runs", {{"if-none-match", tags[1]}}).status, 304);
  EXPECT_EQ(Get("/tb/all/data/runs", {{"if-none-match", tags[0]}}).status, 200);
}

TEST_F(ServeTest, WithoutALimitAllRunsAreShown) {
  for (const char* run : {"a", "b"}) AddFile(run, EventFileBuilder().FileVersion());
  EXPECT_EQ(Json("/data/runs"), "[\"a\",\"b\"]");
  EXPECT_THAT(Json("/api/v1/views"), HasSubstr("\"runs_max\":0,\"runs_total\":2,\"runs_shown\":2"));
  EXPECT_THAT(log_.lines(), ElementsAre());
}

TEST_F(ServeTest, NameSpaceIsAViewOfItsOwn) {
  for (const char* run : {"4711/node0", "4711/node0/eval", "4711/node1", "x"}) {
    AddFile(run, EventFileBuilder().FileVersion().Scalar("loss", Step(1), 1));
  }
  EXPECT_EQ(Json("/ns/4711%2Fnode0/data/runs"), "[\".\",\"eval\"]");
  EXPECT_EQ(Json("/ns/4711%2fnode0%2F/data/runs"), "[\".\",\"eval\"]");
  EXPECT_EQ(Json("/ns/4711/experiment/e/data/runs"), "[\"node0\",\"node0/eval\",\"node1\"]");
  EXPECT_EQ(Get("/ns/4711%2Fnode0/data/plugin/scalars/scalars?run=eval&tag=loss").status, 200);
  EXPECT_THAT(Json("/ns/4711/api/v1/views"),
              HasSubstr("\"namespace\":\"4711\",\"runs_max\":0,\"runs_total\":4,\"runs_shown\":3"));
  EXPECT_EQ(Json("/ns/none/data/runs"), "[]");
  EXPECT_EQ(Get("/ns/").status, 404);
  EXPECT_EQ(Get("/ns//data/runs").status, 404);
  EXPECT_EQ(Get("/ns/%2F/data/runs").status, 404);
  const http::Response slash = Get("/ns/4711%2Fnode0");
  EXPECT_EQ(slash.status, 301);
  EXPECT_EQ(HeaderOf(slash, "Location"), "/ns/4711%2Fnode0/");
  EXPECT_EQ(HeaderOf(Get("/all"), "Location"), "/all/");
}

TEST_F(ServeTest, NameSpacesAreListedByComponent) {
  for (const char* run : {"4711/node0", "4711/node1/a", "4711/node1/b", "solo", "."}) {
    AddFile(run, EventFileBuilder().FileVersion(WallTime(1'767'225'600)));
  }
  EXPECT_EQ(Json("/api/v1/namespaces?limit=1"),
            "{\"namespaces\":[{\"name\":\"4711\",\"runs\":3,\"newest_time\":1767225600,"
            "\"url\":\"/ns/4711/\"}],\"next\":\"4711\"}");
  EXPECT_THAT(Json("/api/v1/namespaces?after=4711"), HasSubstr("[{\"name\":\"solo\",\"runs\":1"));
  EXPECT_THAT(Json("/ns/solo/api/v1/namespaces?below=4711"),
              HasSubstr("{\"name\":\"4711/node1\",\"runs\":2,\"newest_time\":1767225600,"
                        "\"url\":\"/ns/4711%2Fnode1/\"}"));
  EXPECT_EQ(Get("/api/v1/namespaces?limit=0").status, 400);
  EXPECT_THAT(Get("/api/v1/namespaces?limit=10001").body, HasSubstr("between 1 and 10000"));
}

}  // namespace
}  // namespace tributary::serve
