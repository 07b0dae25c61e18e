// The HParams dashboard: from metadata of series to its answers.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensorboard/event.pb.h"
#include "tensorboard/hparams/plugin_data.pb.h"
#include "tests/collector/serve/serve_fixture.h"

namespace tributary::serve {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kExperiment[] = "/data/plugin/hparams/experiment";
constexpr char kGroups[] = "/data/plugin/hparams/session_groups";
constexpr char kDownload[] = "/data/plugin/hparams/download_data";
constexpr char kAllOfThem[] =
    R"("allowedStatuses":["STATUS_UNKNOWN","STATUS_SUCCESS"],"sliceSize":100)";

class HparamsTest : public ServeTest {
 protected:
  static tensorboard::Event WithContent(const std::string& tag, std::string content) {
    tensorboard::Event event;
    event.set_wall_time(EventFileBuilder::kWall);
    auto* value = event.mutable_summary()->add_value();
    value->set_tag(absl::StrCat("_hparams_/", tag));
    auto* data = value->mutable_metadata()->mutable_plugin_data();
    data->set_plugin_name("hparams");
    data->set_content(std::move(content));
    return event;
  }
  static tensorboard::Event Start(double lr, const std::string& group = "", int version = 0) {
    tensorboard::hparams::HParamsPluginData data;
    data.set_version(version);
    (*data.mutable_session_start_info()->mutable_hparams())["lr"].set_number_value(lr);
    data.mutable_session_start_info()->set_group_name(group);
    return WithContent("session_start_info", data.SerializeAsString());
  }
  void AddSession(const std::string& run, double lr, float loss, const std::string& group = "") {
    EventFileBuilder file;
    file.FileVersion()
        .Event(Start(lr, group))
        .Scalar("loss", Step(1), 9)
        .Scalar("loss", Step(2), loss);
    AddFile(run, file);
  }
  // Names of the groups in the answer, in order.
  std::vector<std::string> Names(const std::string& members) {
    const http::Response response =
        Post(kGroups, "application/json", absl::StrCat("{", kAllOfThem, ",", members, "}"));
    EXPECT_EQ(response.status, 200) << response.body;
    std::vector<std::string> names;
    const auto answer = ParseJson(response.body);
    if (!answer.ok()) return names;
    for (const JsonValue& group : answer->Find("sessionGroups")->values) {
      names.push_back(group.Find("name")->text);
    }
    return names;
  }
  int StatusOf(absl::string_view route, const std::string& body) {
    return Post(route, "application/json", body).status;
  }
};

TEST_F(HparamsTest, Malformed_RequestsAre400) {
  AddSession("a", 0.1, 1);
  for (const char* body : {"", "{", "5", R"({"nope":1})", R"({"includeMetrics":"x"})"}) {
    EXPECT_EQ(StatusOf(kExperiment, body), 400) << body;
    EXPECT_EQ(StatusOf(kGroups, body), 400) << body;
  }
  for (const char* column :
       {"{}", R"({"hparam":"lr","order":9})", R"({"hparam":"lr","filterRegexp":"("})",
        R"({"hparam":"lr","filterRegexp":"x"})", R"({"hparam":"lr","order":"UP"})"}) {
    EXPECT_EQ(StatusOf(kGroups, absl::StrCat("{", kAllOfThem, R"(,"colParams":[)", column, "]}")),
              400)
        << column;
  }
  EXPECT_EQ(StatusOf(kGroups, absl::StrCat("{", kAllOfThem, R"(,"aggregationType":17})")), 400);
  EXPECT_EQ(Get(kExperiment).status, 400);
  EXPECT_EQ(StatusOf("/data/plugin/hparams/metric_evals", "{}"), 404);
  for (const char* query :
       {"", "?format=csv", "?format=csv&columnsVisibility=5&request={}",
        "?format=xml&columnsVisibility=[]&request={}", "?format=csv&columnsVisibility=[]"}) {
    EXPECT_EQ(Get(absl::StrCat(kDownload, query)).status, 400) << query;
  }
}

TEST_F(HparamsTest, Malformed_ContentIsAsAbsent) {
  EventFileBuilder file;
  file.FileVersion().Event(WithContent("session_start_info", "\xff\xff"));
  AddFile("broken", file);
  EventFileBuilder newer;
  newer.FileVersion().Event(Start(0.5, "", 1));
  AddFile("newer", newer);
  AddSession("sound", 0.1, 1);
  EXPECT_THAT(Names(R"("startIndex":0)"), ElementsAre("sound"));
}

TEST_F(HparamsTest, NothingLoggedIsAnEmptyExperiment) {
  EXPECT_EQ(Post(kExperiment, "application/json", "{}").body,
            R"({"name":"","description":"","user":"","timeCreatedSecs":0,"hparamInfos":[],)"
            R"("metricInfos":[]})");
  EXPECT_THAT(Names(R"("startIndex":0)"), IsEmpty());
  EXPECT_THAT(Json("/data/plugins_listing"),
              HasSubstr(R"("hparams":{"disable_reload":false,"enabled":false)"));
}

TEST_F(HparamsTest, NumbersThatJsonLacksAreLeftOut) {
  AddSession("a", std::nan(""), 1);
  AddSession("b", std::numeric_limits<double>::infinity(), 1);
  EXPECT_THAT(Post(kExperiment, "application/json", "{}").body,
              HasSubstr(R"("domainInterval":{"minValue":"Infinity","maxValue":"Infinity"})"));
  EXPECT_THAT(Post(kGroups, "application/json", absl::StrCat("{", kAllOfThem, "}")).body,
              HasSubstr(R"("name":"a","hparams":{})"));
}

TEST_F(HparamsTest, SortsWithMissingValuesLastOrFirst) {
  AddSession("a", 0.3, 1);
  AddSession("b", 0.1, 3);
  AddSession("c", 0.2, 2);
  EventFileBuilder file;
  file.FileVersion().Event(Start(0.4));
  AddFile("d", file);
  const auto by = [this](const std::string& name, const std::string& more) {
    return Names(absl::StrCat(R"("colParams":[{)", name, R"(,"order":)", more, "}]"));
  };
  EXPECT_THAT(by(R"("hparam":"lr")", R"("ORDER_ASC")"), ElementsAre("b", "c", "a", "d"));
  const std::string loss = R"("metric":{"tag":"loss"})";
  EXPECT_THAT(by(loss, R"("ORDER_ASC")"), ElementsAre("a", "c", "b", "d"));
  EXPECT_THAT(by(loss, R"("ORDER_DESC")"), ElementsAre("b", "c", "a", "d"));
  EXPECT_THAT(by(loss, R"("ORDER_DESC","missingValuesFirst":true)"),
              ElementsAre("d", "b", "c", "a"));
}

TEST_F(HparamsTest, FiltersPassMissingValuesUnlessTold) {
  AddSession("a", 0.3, 1);
  EventFileBuilder file;
  file.FileVersion().Event(Start(0.4));
  AddFile("d", file);
  const std::string interval =
      R"("metric":{"tag":"loss"},"filterInterval":{"minValue":5,"maxValue":6})";
  EXPECT_THAT(Names(absl::StrCat(R"("colParams":[{)", interval, "}]")), ElementsAre("d"));
  EXPECT_THAT(
      Names(absl::StrCat(R"("colParams":[{)", interval, R"(,"excludeMissingValues":true}])")),
      IsEmpty());
  EXPECT_THAT(Names(R"("colParams":[{"hparam":"lr","filterDiscrete":[0.3]}])"), ElementsAre("a"));
}

TEST_F(HparamsTest, AggregatesSessionsOfAGroup) {
  AddSession("x/1", 0.1, 1, "g");
  AddSession("x/2", 0.1, 5, "g");
  AddSession("x/3", 0.1, 30, "g");
  const auto loss = [this](const std::string& type) {
    const auto answer =
        ParseJson(Post(kGroups, "application/json",
                       absl::StrCat("{", kAllOfThem, R"(,"aggregationType":")", type,
                                    R"(","aggregationMetric":{"tag":"loss"}})"))
                      .body);
    const JsonValue& group = answer->Find("sessionGroups")->values.at(0);
    EXPECT_EQ(group.Find("sessions")->values.size(), 3U);
    return group.Find("metricValues")->values.at(0).Find("value")->text;
  };
  EXPECT_EQ(loss("AGGREGATION_AVG"), "12");
  EXPECT_EQ(loss("AGGREGATION_MEDIAN"), "5");
  EXPECT_EQ(loss("AGGREGATION_MIN"), "1");
  EXPECT_EQ(loss("AGGREGATION_MAX"), "30");
}

TEST_F(HparamsTest, DownloadsVisibleColumns) {
  AddSession("a", 0.0000012, 1);
  const std::string request = absl::StrCat("&request={", kAllOfThem, "}");
  EXPECT_EQ(Get(absl::StrCat(kDownload, "?format=csv&columnsVisibility=[true,true]", request)).body,
            "lr,loss\r\n1.2e-06,1.0\r\n");
  EXPECT_EQ(Get(absl::StrCat(kDownload, "?format=csv&columnsVisibility=[0,1]", request)).body,
            "loss\r\n1.0\r\n");
  EXPECT_THAT(Get(absl::StrCat(kDownload, "?format=latex&columnsVisibility=[1]", request)).body,
              HasSubstr("$1.2\\cdot 10^{-6}$"));
  EXPECT_EQ(Get(absl::StrCat(kDownload, "?format=json&columnsVisibility=[1]", request)).body,
            R"({"header":["lr"],"rows":[[1.2e-06]]})");
}

TEST_F(HparamsTest, MetricsAreCountedOnlyWhenWanted) {
  AddSession("a", 0.1, 1);
  EXPECT_THAT(Post(kExperiment, "application/json", "{}").body, HasSubstr(R"("tag":"loss")"));
  EXPECT_THAT(Post(kExperiment, "application/json", R"({"includeMetrics":false})").body,
              Not(HasSubstr("loss")));
}

}  // namespace
}  // namespace tributary::serve
