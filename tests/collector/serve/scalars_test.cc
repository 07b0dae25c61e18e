// Core, Scalars, Time Series and /api/v1/series over the same scalars.
#include <cmath>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensorboard/event.pb.h"
#include "tests/collector/serve/serve_fixture.h"

namespace tributary::serve {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kScalarsRoute[] = "/data/plugin/scalars/scalars";
constexpr char kMultirun[] = "/data/plugin/scalars/scalars_multirun";
constexpr char kTimeSeries[] = "/data/plugin/timeseries/timeSeries";

class ScalarsTest : public ServeTest {
 protected:
  static EventFileBuilder TwoPoints() {
    EventFileBuilder file;
    file.FileVersion()
        .Scalar("loss", Step(1), 0.1f, WallTime(1'767'225'601.5))
        .Scalar("loss", Step(2), std::nanf(""), WallTime(1'767'225'602));
    return file;
  }
  static constexpr char kTwoPoints[] =
      "[[1767225601.5,1,0.10000000149011612],[1767225602,2,\"NaN\"]]";

  // A scalar of TensorFlow with everything that its metadata can say.
  static EventFileBuilder Described(const std::string& tag, const std::string& description,
                                    const std::string& content = "") {
    tensorboard::Event event;
    event.set_step(1);
    event.set_wall_time(EventFileBuilder::kWall);
    auto* value = event.mutable_summary()->add_value();
    value->set_tag(tag);
    value->mutable_metadata()->mutable_plugin_data()->set_plugin_name("scalars");
    value->mutable_metadata()->mutable_plugin_data()->set_content(content);
    value->mutable_metadata()->set_display_name("shown");
    value->mutable_metadata()->set_summary_description(description);
    value->mutable_tensor()->set_dtype(tensorboard::DT_FLOAT);
    value->mutable_tensor()->add_float_val(1);
    return EventFileBuilder().FileVersion().Event(event);
  }
};

TEST_F(ScalarsTest, MissingParametersAre400) {
  AddFile("a", TwoPoints());
  EXPECT_EQ(Get(kScalarsRoute).status, 400);
  EXPECT_EQ(Get(absl::StrCat(kScalarsRoute, "?run=a")).status, 400);
  EXPECT_EQ(Get(absl::StrCat(kScalarsRoute, "?tag=loss")).status, 400);
  EXPECT_EQ(Get(absl::StrCat(kScalarsRoute, "?run=a&tag=")).status, 404);
  EXPECT_EQ(Get(absl::StrCat(kScalarsRoute, "?run=b&tag=loss")).status, 404);
  EXPECT_EQ(PostForm(kMultirun, "runs=a").status, 400);
  EXPECT_EQ(PostForm(kMultirun, "tag=x&tag=loss&runs=a").status, 400);
  EXPECT_EQ(Post(kMultirun, "text/plain", "tag=loss").status, 400);
}

TEST_F(ScalarsTest, MultirunTakesPostOnly) {
  const http::Response response = Get(absl::StrCat(kMultirun, "?tag=loss&runs=a"));
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(HeaderOf(response, "Allow"), "POST");
}

TEST_F(ScalarsTest, MultirunLeavesUnknownRunsOut) {
  AddFile("a", TwoPoints());
  AddFile("b", EventFileBuilder().FileVersion().Scalar("acc", Step(1), 1));
  EXPECT_EQ(PostForm(kMultirun, "tag=loss&runs=b&runs=a&runs=zzz&runs=a").body,
            absl::StrCat("{\"a\":", kTwoPoints, "}"));
  EXPECT_EQ(PostForm(kMultirun, "tag=loss").body, "{}");
}

TEST_F(ScalarsTest, PointsAreExact) {
  AddFile("a", TwoPoints());
  EXPECT_EQ(Json(absl::StrCat(kScalarsRoute, "?run=a&run=b&tag=loss&ts=1")), kTwoPoints);
  EXPECT_EQ(Json(absl::StrCat("/experiment/defaultExperimentId", kScalarsRoute, "?run=a&tag=loss")),
            kTwoPoints);
}

TEST_F(ScalarsTest, CsvIsAsPythonPrintsIt) {
  AddFile("a", EventFileBuilder()
                   .FileVersion()
                   .Scalar("x", Step(1), 5, WallTime(1'767'225'600))
                   .Scalar("x", Step(3), 1e6f, WallTime(1'767'225'600))
                   .Scalar("x", Step(4), 1e-5f, WallTime(1'767'225'600))
                   .Scalar("x", Step(5), -std::numeric_limits<float>::infinity(),
                           WallTime(1'767'225'600.25)));
  const http::Response response = Get(absl::StrCat(kScalarsRoute, "?run=a&tag=x&format=csv"));
  EXPECT_EQ(response.content_type, "text/csv; charset=utf-8");
  EXPECT_EQ(response.body,
            "Wall time,Step,Value\r\n1767225600.0,1,5.0\r\n1767225600.0,3,1000000.0\r\n"
            "1767225600.0,4,9.999999747378752e-06\r\n1767225600.25,5,-inf\r\n");
}

TEST_F(ScalarsTest, SeriesOfOtherPluginsAreNoScalars) {
  AddFile("a", EventFileBuilder().FileVersion().Text("note", Step(1), "hello"));
  EXPECT_EQ(Get(absl::StrCat(kScalarsRoute, "?run=a&tag=note")).status, 404);
}

TEST_F(ScalarsTest, DataOfAnotherClassUnderTheirNameAreNoScalars) {
  tensorboard::Event event;
  event.set_step(1);
  event.set_wall_time(EventFileBuilder::kWall);
  auto* value = event.mutable_summary()->add_value();
  value->set_tag("vector");
  value->mutable_metadata()->mutable_plugin_data()->set_plugin_name("scalars");
  value->mutable_metadata()->set_data_class(tensorboard::DATA_CLASS_TENSOR);
  value->mutable_tensor()->set_dtype(tensorboard::DT_FLOAT);
  value->mutable_tensor()->mutable_tensor_shape()->add_dim()->set_size(2);
  value->mutable_tensor()->add_float_val(1);
  value->mutable_tensor()->add_float_val(2);
  AddFile("a", TwoPoints().Event(event));
  EXPECT_THAT(Json("/data/plugin/scalars/tags"), Not(HasSubstr("vector")));
  EXPECT_THAT(Json("/data/plugin/timeseries/tags"), Not(HasSubstr("vector")));
  EXPECT_EQ(Get(absl::StrCat(kScalarsRoute, "?run=a&tag=vector")).status, 404);
  EXPECT_EQ(Json("/data/plugin/custom_scalars/scalars?run=a&tag=.*"),
            absl::StrCat(R"({"regex_valid":true,"tag_to_events":{"loss":)", kTwoPoints, "}}"));
}

TEST_F(ScalarsTest, LongSeriesKeepTheirEndsAndSpike) {
  EventFileBuilder file;
  file.FileVersion();
  for (int step = 0; step < 5000; ++step)
    file.Scalar("x", Step(step), step == 3333 ? 123456.0f : static_cast<float>(step * 7919 % 1000));
  AddFile("a", file);
  const auto points = ParseJson(Json(absl::StrCat(kScalarsRoute, "?run=a&tag=x")));
  ASSERT_TRUE(points.ok());
  EXPECT_LE(points->values.size(), 1000u);
  EXPECT_GE(points->values.size(), 900u);
  EXPECT_EQ(points->values.front().values[1].AsInteger(), 0);
  EXPECT_EQ(points->values.back().values[1].AsInteger(), 4999);
  EXPECT_THAT(Json(absl::StrCat(kScalarsRoute, "?run=a&tag=x")), HasSubstr(",3333,123456]"));
}

TEST_F(ScalarsTest, SamplesPerPluginIsObeyed) {
  EventFileBuilder file;
  file.FileVersion();
  for (int step = 0; step < 2000; ++step) {
    file.Scalar("x", Step(step), static_cast<float>(step * 7919 % 1000));
  }
  AddFile("a", file);
  for (const auto& [samples, most] : {std::pair<uint64_t, size_t>{0, 2000}, {100, 100}}) {
    HttpApi::Options options;
    options.samples_per_plugin = {{"scalars", samples}};
    Serve(options);
    EXPECT_LE(ParseJson(Json(absl::StrCat(kScalarsRoute, "?run=a&tag=x")))->values.size(), most);
    EXPECT_GE(ParseJson(Json(absl::StrCat(kScalarsRoute, "?run=a&tag=x")))->values.size(),
              most * 9 / 10);
  }
}

TEST_F(ScalarsTest, Malicious_DescriptionCannotAct) {
  AddFile("a", Described("x", "<script>alert('1')</script> & \"more\"\n\n  \n\nsecond"));
  EXPECT_EQ(Json("/data/plugin/scalars/tags"),
            "{\"a\":{\"x\":{\"displayName\":\"shown\",\"description\":\"&lt;script&gt;alert("
            "'1')&lt;/script&gt; &amp; \\\"more\\\"\\n<p>second</p>\"}}}");
}

TEST_F(ScalarsTest, SeriesOfAnUnknownVersionAreNotListed) {
  AddFile("a", Described("old", ""));
  AddFile("a", Described("new", "", "\x08\x01"));
  AddFile("a", Described("broken", "", "\xFF"));
  EXPECT_EQ(Json("/data/plugin/scalars/tags"),
            "{\"a\":{\"old\":{\"displayName\":\"shown\",\"description\":\"\"}}}");
  EXPECT_THAT(Json("/data/plugin/timeseries/tags"), HasSubstr("\"runTagInfo\":{\"a\":[\"old\"]}"));
}

TEST_F(ScalarsTest, NothingIsListedWhereNothingIs) {
  EXPECT_EQ(Json("/data/runs"), "[]");
  EXPECT_EQ(Json("/data/plugin/scalars/tags"), "{}");
  EXPECT_EQ(Json("/data/plugin/timeseries/tags"),
            "{\"scalars\":{\"tagDescriptions\":{},\"runTagInfo\":{}},\"histograms\":{"
            "\"tagDescriptions\":{},\"runTagInfo\":{}},\"images\":{\"tagDescriptions\":{},"
            "\"tagRunSampledInfo\":{}}}");
  EXPECT_THAT(Json("/data/plugins_listing"), ::testing::Not(HasSubstr("\"enabled\":true")));
}

TEST_F(ScalarsTest, ListingEnablesWhatHasData) {
  AddFile("a", TwoPoints());
  const auto listing = ParseJson(Json("/data/plugins_listing"));
  ASSERT_TRUE(listing.ok());
  ASSERT_FALSE(listing->keys.empty());
  EXPECT_EQ(listing->keys[0], "timeseries") << "the first one is opened";
  EXPECT_TRUE(listing->Find("timeseries")->Find("enabled")->boolean);
  EXPECT_TRUE(listing->Find("scalars")->Find("enabled")->boolean);
  EXPECT_FALSE(listing->Find("histograms")->Find("enabled")->boolean);
  EXPECT_EQ(listing->Find("events"), nullptr) << "not served, so not listed";
}

TEST_F(ScalarsTest, TimeSeriesErrorsAreToldPerElement) {
  AddFile("a", TwoPoints());
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{}", R"([{"plugin":null,"tag":null,"error":"Missing tag"}])"},
      {R"({"plugin":"scalars","tag":5,"run":6,"sample":"x"})",
       R"([{"plugin":"scalars","tag":5,"error":"Missing tag"}])"},
      {R"({"tag":"x"})", R"([{"plugin":null,"tag":"x","error":"Invalid plugin"}])"},
      {R"({"plugin":"text","tag":"x"})",
       R"([{"plugin":"text","tag":"x","error":"Invalid plugin"}])"},
      {R"({"plugin":"histograms","tag":"x"})",
       R"([{"plugin":"histograms","tag":"x","error":"Missing run"}])"},
      {R"({"plugin":"images","tag":"x","run":"y"})",
       R"([{"plugin":"images","tag":"x","run":"y","error":"Missing sample"}])"},
      {R"({"plugin":"scalars","tag":"no"})",
       R"([{"plugin":"scalars","tag":"no","runToSeries":{}}])"},
      {R"({"plugin":"scalars","tag":"loss","run":"no"})",
       R"([{"plugin":"scalars","tag":"loss","run":"no","runToSeries":{}}])"},
      {R"({"plugin":"images","tag":"x","run":"y","sample":-1})",
       R"([{"plugin":"images","tag":"x","run":"y","sample":-1,"runToSeries":{}}])"},
  };
  for (const auto& [request, answer] : cases) {
    http::Response response =
        PostForm(kTimeSeries, absl::StrCat("requests=", http::PercentEncode("[" + request + "]")));
    EXPECT_EQ(response.status, 200) << request;
    EXPECT_EQ(response.body, answer) << request;
  }
}

TEST_F(ScalarsTest, TimeSeriesRequestsThatCannotBeReadAre400) {
  for (const char* requests : {"", "no json", "{}", "[1]", "\"x\""}) {
    EXPECT_EQ(
        PostForm(kTimeSeries, absl::StrCat("requests=", http::PercentEncode(requests))).status, 400)
        << requests;
  }
  EXPECT_EQ(PostForm(kTimeSeries, "x=y").status, 400);
  EXPECT_EQ(Get(kTimeSeries).status, 400);
  std::string many = "[{}";
  for (int i = 0; i < 1000; ++i) many += ",{}";
  EXPECT_EQ(PostForm(kTimeSeries, "requests=" + many + "]").status, 400);
}

TEST_F(ScalarsTest, TimeSeriesOfAllRunsOrOne) {
  AddFile("a", TwoPoints());
  AddFile("b",
          EventFileBuilder().FileVersion().Scalar("loss", Step(7), 1, WallTime(1'767'225'600)));
  const std::string a = R"("a":[{"wallTime":1767225601.5,"step":1,"value":0.10000000149011612},)"
                        R"({"wallTime":1767225602,"step":2,"value":"NaN"}])";
  const std::string b = R"("b":[{"wallTime":1767225600,"step":7,"value":1}])";
  const std::string one = http::PercentEncode(R"([{"plugin":"scalars","tag":"loss","run":"b"}])");
  EXPECT_THAT(PostForm(kTimeSeries, "requests=" + one).body,
              EndsWith("\"run\":\"b\",\"runToSeries\":{" + b + "}}]"));
  for (const char* all : {R"([{"plugin":"scalars","tag":"loss"}])",
                          R"([{"plugin":"scalars","tag":"loss","run":""}])"}) {
    EXPECT_THAT(Json(absl::StrCat(kTimeSeries, "?requests=", http::PercentEncode(all))),
                EndsWith("\"runToSeries\":{" + a + "," + b + "}}]"));
  }
}

TEST_F(ScalarsTest, TagDescriptionsOfSeveralRunsAreCombined) {
  AddFile("a", Described("x", "one"));
  AddFile("b", Described("x", "two"));
  AddFile("c", Described("x", "one"));
  EXPECT_THAT(Json("/data/plugin/timeseries/tags"),
              HasSubstr("{\"x\":\"<h1>Multiple descriptions</h1>\\n<h2>For runs: a, c</h2>\\n"
                        "<p>one</p>\\n<h2>For run: b</h2>\\n<p>two</p>\"}"));
}

TEST_F(ScalarsTest, SeriesApiGivesRangesAndTheBestPoints) {
  EventFileBuilder file;
  file.FileVersion();
  for (int step = 0; step < 3000; ++step) {
    file.Scalar("x", Step(step), static_cast<float>(step), WallTime(1'767'225'600));
  }
  AddFile("a", file);
  EXPECT_EQ(Json("/api/v1/series?run=a&tag=x&from=10&to=11"),
            "{\"run\":\"a\",\"tag\":\"x\",\"total\":3000,\"points\":"
            "[[1767225600,10,10],[1767225600,11,11]]}");
  EXPECT_EQ(ParseJson(Json("/api/v1/series?run=a&tag=x"))->Find("points")->values.size(), 3000u);
  EXPECT_LE(ParseJson(Json("/api/v1/series?run=a&tag=x&points=50"))->Find("points")->values.size(),
            50u);
  EXPECT_THAT(Json("/api/v1/series?run=a&tag=x&from=5000"), HasSubstr("\"points\":[]"));
}

TEST_F(ScalarsTest, SeriesApiRefusesWhatItCannotMean) {
  AddFile("a", TwoPoints());
  EXPECT_EQ(Get("/api/v1/series?run=a").status, 400);
  EXPECT_EQ(Get("/api/v1/series?run=a&tag=loss&from=x").status, 400);
  EXPECT_EQ(Get("/api/v1/series?run=a&tag=loss&points=-1").status, 400);
  EXPECT_EQ(Get("/api/v1/series?run=a&tag=loss&points=1000001").status, 400);
  EXPECT_EQ(Get("/api/v1/series?run=a&tag=no").status, 404);
  EXPECT_EQ(PostForm("/api/v1/series?run=a&tag=loss", "").status, 405);
}

TEST_F(ScalarsTest, HparamsRoutesAreEmptyAndCheckTheirRequests) {
  const std::string experiment = "/data/plugin/hparams/experiment";
  const std::string groups = "/data/plugin/hparams/session_groups";
  EXPECT_EQ(
      Post(experiment, "application/json", R"({"experimentName":"","hparamsLimit":1000})").body,
      R"({"name":"","description":"","user":"","timeCreatedSecs":0,"hparamInfos":[],)"
      R"("metricInfos":[]})");
  EXPECT_EQ(
      Post(groups, "text/plain", R"({"allowedStatuses":["STATUS_UNKNOWN"],"sliceSize":9})").body,
      R"({"sessionGroups":[],"totalSize":0})");
  for (const char* request : {"no json", R"({"nothing":1})", R"({"hparamsLimit":"x"})", ""}) {
    EXPECT_EQ(Post(experiment, "application/json", request).status, 400) << request;
  }
  EXPECT_EQ(Post(groups, "application/json", R"({"colParams":[{}]})").status, 400);
  EXPECT_EQ(Get(experiment).status, 400);
  EXPECT_EQ(Get(experiment + "?request={}").status, 200);
}

}  // namespace
}  // namespace tributary::serve
