// Histograms, distributions and images: values that are read back from records.
#include <cmath>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/plugins/histograms.h"
#include "collector/serve/plugins/record_values.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensorboard/event.pb.h"
#include "tests/collector/serve/serve_fixture.h"

namespace tributary::serve {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr char kHistogramsRoute[] = "/data/plugin/histograms/histograms?run=a&tag=h";
constexpr char kPng[] = "\x89PNG\r\n\x1a\nrest";

class BlobsTest : public ServeTest {
 protected:
  static EventFileBuilder OneHistogram() {
    EventFileBuilder file;
    file.FileVersion().Histogram("h", Step(1), {{1, 2}, {2, 0}, {3, 4}});
    return file;
  }
  // An event with one tensor of the plugin.
  static tensorboard::Event TensorEvent(const std::string& plugin, int64_t step,
                                        const tensorboard::TensorProto& tensor) {
    tensorboard::Event event;
    event.set_step(step);
    event.set_wall_time(EventFileBuilder::kWall);
    auto* value = event.mutable_summary()->add_value();
    value->set_tag("h");
    value->mutable_metadata()->mutable_plugin_data()->set_plugin_name(plugin);
    *value->mutable_tensor() = tensor;
    return event;
  }
  static tensorboard::TensorProto Matrix(int64_t rows, int64_t columns,
                                         std::vector<double> values) {
    tensorboard::TensorProto tensor;
    tensor.set_dtype(tensorboard::DT_DOUBLE);
    tensor.mutable_tensor_shape()->add_dim()->set_size(rows);
    tensor.mutable_tensor_shape()->add_dim()->set_size(columns);
    for (const double value : values) tensor.add_double_val(value);
    return tensor;
  }
  static tensorboard::TensorProto Strings(const std::vector<std::string>& strings) {
    tensorboard::TensorProto tensor;
    tensor.set_dtype(tensorboard::DT_STRING);
    tensor.mutable_tensor_shape()->add_dim()->set_size(static_cast<int64_t>(strings.size()));
    for (const std::string& text : strings) tensor.add_string_val(text);
    return tensor;
  }
  // The blob keys of an answer of images, in order.
  std::vector<std::string> Queries(absl::string_view target) {
    std::vector<std::string> queries;
    const auto images = ParseJson(Json(target));
    for (const JsonValue& image : images->values) queries.push_back(image.Find("query")->text);
    return queries;
  }
};

TEST_F(BlobsTest, MissingParametersAre400) {
  AddFile("a", OneHistogram());
  for (const char* route : {"/data/plugin/histograms/histograms", "/data/plugin/images/images",
                            "/data/plugin/distributions/distributions"}) {
    EXPECT_EQ(Get(route).status, 400) << route;
    EXPECT_EQ(Get(absl::StrCat(route, "?run=a")).status, 400) << route;
    EXPECT_EQ(Get(absl::StrCat(route, "?run=a&tag=no")).status, 404) << route;
  }
  EXPECT_EQ(Get("/data/plugin/images/images?run=a&tag=h&sample=x").status, 400);
  EXPECT_EQ(Get("/data/plugin/images/images?run=a&tag=h&sample=-1").status, 400);
  EXPECT_EQ(Get("/data/plugin/images/individualImage").status, 400);
  EXPECT_EQ(Get("/data/plugin/timeseries/imageData").status, 400);
}

TEST_F(BlobsTest, Malicious_BlobKeysAreChecked) {
  AddFile("a", EventFileBuilder().FileVersion().Image("h", Step(1), kPng));
  const auto key = [](absl::string_view json) { return absl::WebSafeBase64Escape(json); };
  for (const std::string& bad :
       {std::string(), std::string("!"), key("no json"), key("[]"), key(R"(["","a","h",1])"),
        key(R"(["",1,"h",1,2])"), key(R"(["","a","h","1",2])"), key(R"(["","a","h",1,-1])")}) {
    EXPECT_EQ(Get(absl::StrCat("/data/plugin/timeseries/imageData?imageId=", bad)).status, 400)
        << bad;
  }
  for (const std::string& unknown :
       {key(R"(["","b","h",1,2])"), key(R"(["","a","x",1,2])"), key(R"(["","a","h",2,2])"),
        key(R"(["","a","h",1,3])"), key(R"(["","a","h",1,9223372036854775807])")}) {
    EXPECT_EQ(Get(absl::StrCat("/data/plugin/timeseries/imageData?imageId=", unknown)).status, 404)
        << unknown;
  }
}

TEST_F(BlobsTest, RecordThatCannotBeReadIs503) {
  const auto source = AddFile("a", OneHistogram());
  source->broken = true;
  EXPECT_EQ(Get(kHistogramsRoute).status, 503);
  source->broken = false;
  EXPECT_EQ(Get(kHistogramsRoute).status, 200);
}

TEST_F(BlobsTest, LegacyHistogramHasItsOwnEnds) {
  AddFile("a", OneHistogram());
  const auto histograms = ParseJson(Json(kHistogramsRoute));
  ASSERT_EQ(histograms->values.size(), 1u);
  EXPECT_EQ(histograms->values[0].values[2].values.size(), 3u) << "empty buckets are kept";
}

TEST_F(BlobsTest, TensorHistogramsOfWrongShapeAreLeftOut) {
  EventFileBuilder file;
  file.FileVersion()
      .Event(TensorEvent("histograms", 1, Matrix(2, 3, {0, 1, 5, 1, 2, 6})))
      .Event(TensorEvent("histograms", 2, Matrix(3, 2, {0, 1, 5, 1, 2, 6})))
      .Event(TensorEvent("histograms", 3, Matrix(2, 3, {0, 1, 5, 1, 2})))
      .Event(TensorEvent("histograms", 4, Matrix(int64_t{1} << 40, 3, {7})))
      .Event(TensorEvent("histograms", 5, Matrix(-1, 3, {7})))
      .Event(TensorEvent("histograms", 6, Strings({"x"})))
      .Event(TensorEvent("histograms", 7, Matrix(1, 3, {7})))
      .Event(TensorEvent("histograms", 8, Matrix(0, 3, {})));
  AddFile("a", file);
  const std::string wall = "1767225600";
  EXPECT_EQ(Json(kHistogramsRoute), absl::StrCat("[[", wall, ",1,[[0,1,5],[1,2,6]]],[", wall,
                                                 ",7,[[7,7,7]]],[", wall, ",8,[]]]"));
}

TEST_F(BlobsTest, TimeSeriesShowsHistogramsAsBins) {
  AddFile("a", EventFileBuilder().FileVersion().Event(
                   TensorEvent("histograms", 1, Matrix(1, 3, {0, 1, 5}))));
  const std::string request =
      http::PercentEncode(R"([{"plugin":"histograms","tag":"h","run":"a"}])");
  EXPECT_THAT(Json("/data/plugin/timeseries/timeSeries?requests=" + request),
              EndsWith(R"("runToSeries":{"a":[{"wallTime":1767225600,"step":1,)"
                       R"("bins":[{"min":0,"max":1,"count":5}]}]}}])"));
}

TEST(CompressHistogramTest, NoBucketsAreAllZero) {
  for (const auto& [basis_points, value] : CompressHistogram({})) EXPECT_EQ(value, 0);
}

TEST(CompressHistogramTest, EvenBucketIsAStraightLine) {
  const Distribution distribution = CompressHistogram({{0, 10, 5}});
  EXPECT_EQ(distribution.front(), (std::pair<int, double>(0, 0.0)));
  EXPECT_EQ(distribution[4], (std::pair<int, double>(5000, 5.0)));
  EXPECT_EQ(distribution.back(), (std::pair<int, double>(10000, 10.0)));
}

TEST(CompressHistogramTest, EmptyBucketsAreSkipped) {
  const Distribution distribution =
      CompressHistogram({{0, 1, 0}, {1, 2, 1}, {2, 8, 0}, {8, 9, 1}, {9, 10, 0}});
  EXPECT_EQ(distribution.front().second, 0) << "the left edge of the first bucket";
  EXPECT_EQ(distribution[4].second, 8) << "half of the values are below 2, the next begin at 8";
  EXPECT_EQ(distribution.back().second, 10);
}

TEST(CompressHistogramTest, CountsThatAreAllZeroHaveNoShape) {
  for (const auto& [basis_points, value] : CompressHistogram({{0, 1, 0}, {1, 2, 0}})) {
    EXPECT_EQ(value, 2);
  }
}

TEST(CompressHistogramTest, CountsThatAreNoNumbersMakeNone) {
  for (const auto& [basis_points, value] : CompressHistogram({{0, 1, std::nan("")}, {1, 2, 5}})) {
    EXPECT_TRUE(std::isnan(value)) << basis_points;
  }
}

TEST_F(BlobsTest, LegacyImageIsServedByKey) {
  AddFile("a", EventFileBuilder().FileVersion().Image("h", Step(1), kPng));
  EXPECT_THAT(Json("/data/plugin/images/tags"), HasSubstr(R"("samples":1)"));
  const std::vector<std::string> queries = Queries("/data/plugin/images/images?run=a&tag=h");
  ASSERT_EQ(queries.size(), 1u);
  const http::Response image =
      Get(absl::StrCat("/data/plugin/images/individualImage?ts=1&", queries[0]));
  EXPECT_EQ(image.status, 200);
  EXPECT_EQ(image.content_type, "image/png");
  EXPECT_EQ(image.body, kPng);
}

TEST_F(BlobsTest, SamplesAreToldApart) {
  EventFileBuilder file;
  file.FileVersion()
      .Event(TensorEvent("images", 1, Strings({"1", "1", "GIF89a first", "BM second"})))
      .Event(TensorEvent("images", 2, Strings({"1", "1", "\xff\xd8\xff only"})))
      .Event(TensorEvent("images", 3, Strings({"1", "1"})));
  AddFile("a", file);
  EXPECT_THAT(Json("/data/plugin/images/tags"), HasSubstr(R"("samples":2)"));
  EXPECT_THAT(Json("/data/plugin/timeseries/tags"),
              HasSubstr(R"("tagRunSampledInfo":{"h":{"a":{"maxSamplesPerStep":2}}})"));
  const std::string route = "/data/plugin/images/images?run=a&tag=h&sample=";
  const std::vector<std::string> first = Queries(route + "0");
  const std::vector<std::string> second = Queries(route + "1");
  ASSERT_EQ(first.size(), 2u) << "step 3 has no image";
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(Queries(route + "2").size(), 0u);
  const auto type = [this](const std::string& query) {
    return Get("/data/plugin/images/individualImage?" + query).content_type;
  };
  EXPECT_EQ(type(first[0]), "image/gif");
  EXPECT_EQ(type(first[1]), "image/jpeg");
  EXPECT_EQ(type(second[0]), "image/bmp");
}

TEST_F(BlobsTest, TimeSeriesLeavesRunsWithoutTheSampleOut) {
  AddFile("a", EventFileBuilder().FileVersion().Image("h", Step(1), "<svg/>"));
  const auto request = [](int sample) {
    return absl::StrCat("/data/plugin/timeseries/timeSeries?requests=",
                        http::PercentEncode(absl::StrCat(
                            R"([{"plugin":"images","tag":"h","run":"a","sample":)", sample, "}]")));
  };
  EXPECT_THAT(Json(request(1)), EndsWith(R"("runToSeries":{}}])"));
  const auto answer = ParseJson(Json(request(0)));
  const JsonValue* series = answer->values[0].Find("runToSeries")->Find("a");
  ASSERT_NE(series, nullptr);
  const std::string id = series->values[0].Find("imageId")->text;
  EXPECT_EQ(
      id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"),
      std::string::npos)
      << "the page puts it into a URL as it is: " << id;
  const http::Response image = Get("/data/plugin/timeseries/imageData?imageId=" + id);
  EXPECT_EQ(image.content_type, "application/octet-stream") << "a browser must not run it";
  EXPECT_EQ(image.body, "<svg/>");
}

TEST(BlobKeyTest, NamesOfAnyKindComeBack) {
  const BlobKey key{RunName("a/\"b\"\n"), Tag("\xC3\xA4?&"), Step(-5), 7};
  const auto back = DecodeBlobKey(EncodeBlobKey(key));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->run, key.run);
  EXPECT_EQ(back->tag, key.tag);
  EXPECT_EQ(back->step, key.step);
  EXPECT_EQ(back->index, key.index);
}

}  // namespace
}  // namespace tributary::serve
