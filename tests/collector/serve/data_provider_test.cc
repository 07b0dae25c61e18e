// What the DataProvider service answers, from event files in memory.
#include "collector/serve/data_provider.h"

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensorboard/event.pb.h"
#include "tests/collector/serve/serve_fixture.h"

namespace tributary::serve {
namespace {

namespace data = ::tensorboard::data;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr double kWall = EventFileBuilder::kWall;

class DataProviderTest : public ServeTest {
 protected:
  void Provide(const DataProvider::Options& options = {}) {
    provider_ = std::make_unique<DataProvider>(options, index_.get(), &metrics_);
  }
  template <typename Response, typename Request>
  Response Ask(const Request& request) {
    if (provider_ == nullptr) Provide();
    Response response;
    const absl::Status status = provider_->Answer(request, [] { return false; }, &response);
    EXPECT_TRUE(status.ok()) << status;
    return response;
  }
  template <typename Response, typename Request>
  absl::Status Fail(const Request& request) {
    if (provider_ == nullptr) Provide();
    Response response;
    return provider_->Answer(request, [] { return false; }, &response);
  }
  template <typename Request>
  static Request ListOf(const std::string& plugin) {
    Request request;
    request.mutable_plugin_filter()->set_plugin_name(plugin);
    return request;
  }
  template <typename Request>
  static Request ReadOf(const std::string& plugin,
                        int64_t points = std::numeric_limits<int64_t>::max()) {
    Request request = ListOf<Request>(plugin);
    request.mutable_downsample()->set_num_points(points);
    return request;
  }
  // Every "run/tag" in the order of the answer.
  template <typename Response>
  static std::vector<std::string> Names(const Response& response) {
    std::vector<std::string> names;
    for (const auto& run : response.runs()) {
      for (const auto& tag : run.tags()) {
        names.push_back(absl::StrCat(run.run_name(), "/", tag.tag_name()));
      }
    }
    return names;
  }
  // An event with one DT_STRING tensor of these strings and this shape.
  static tensorboard::Event Strings(const std::string& plugin, int64_t step,
                                    const std::vector<int64_t>& shape,
                                    const std::vector<std::string>& strings) {
    tensorboard::Event event;
    event.set_step(step);
    event.set_wall_time(kWall);
    auto* value = event.mutable_summary()->add_value();
    value->set_tag("x");
    value->mutable_metadata()->mutable_plugin_data()->set_plugin_name(plugin);
    value->mutable_tensor()->set_dtype(tensorboard::DT_STRING);
    for (const int64_t size : shape) {
      value->mutable_tensor()->mutable_tensor_shape()->add_dim()->set_size(size);
    }
    for (const std::string& string : strings) value->mutable_tensor()->add_string_val(string);
    return event;
  }
  std::vector<std::string> KeysOf(const std::string& plugin) {
    const auto answer =
        Ask<data::ReadBlobSequencesResponse>(ReadOf<data::ReadBlobSequencesRequest>(plugin));
    std::vector<std::string> keys;
    for (const auto& run : answer.runs()) {
      for (const auto& tag : run.tags()) {
        for (const auto& point : tag.data().values()) {
          for (const auto& blob : point.blob_refs()) keys.push_back(blob.blob_key());
        }
      }
    }
    return keys;
  }
  absl::StatusOr<std::string> Blob(const std::string& key) {
    if (provider_ == nullptr) Provide();
    data::ReadBlobRequest request;
    request.set_blob_key(key);
    return provider_->Blob(request);
  }

  MetricsRegistry metrics_;
  std::unique_ptr<DataProvider> provider_;
};

TEST_F(DataProviderTest, Malformed_WithoutAPluginNothingIsListedOrRead) {
  EXPECT_TRUE(absl::IsInvalidArgument(Fail<data::ListScalarsResponse>(data::ListScalarsRequest())));
  EXPECT_TRUE(absl::IsInvalidArgument(
      Fail<data::ListTensorsResponse>(ListOf<data::ListTensorsRequest>(""))));
  EXPECT_TRUE(absl::IsInvalidArgument(
      Fail<data::ReadBlobSequencesResponse>(ReadOf<data::ReadBlobSequencesRequest>(""))));
}

TEST_F(DataProviderTest, Malformed_AReadSaysHowManyPoints) {
  const absl::Status absent =
      Fail<data::ReadScalarsResponse>(ListOf<data::ReadScalarsRequest>("scalars"));
  EXPECT_TRUE(absl::IsInvalidArgument(absent));
  EXPECT_THAT(absent.message(), HasSubstr("downsample"));
  const absl::Status negative =
      Fail<data::ReadTensorsResponse>(ReadOf<data::ReadTensorsRequest>("text", -1));
  EXPECT_TRUE(absl::IsInvalidArgument(negative));
  EXPECT_THAT(negative.message(), HasSubstr("-1"));
}

TEST_F(DataProviderTest, Malformed_BlobKeys) {
  AddFile("a", EventFileBuilder().FileVersion().Image("pic", Step(1), "png"));
  const std::vector<std::string> keys = KeysOf("images");
  ASSERT_EQ(keys.size(), 3u);
  for (const std::string& key :
       {std::string(), std::string("!!!"), std::string("ü"), keys[0].substr(1), keys[0] + "AAAA"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Blob(key).status())) << key;
  }
}

TEST_F(DataProviderTest, TheExperimentSaysWhereTheDataIs) {
  DataProvider::Options options;
  options.data_location = "/logs/";
  Provide(options);
  const auto answer = Ask<data::GetExperimentResponse>(data::GetExperimentRequest());
  EXPECT_EQ(answer.data_location(), "/logs/");
  EXPECT_FALSE(answer.has_creation_time());
}

TEST_F(DataProviderTest, RunsByStartTimeAndPlugins) {
  AddFile("late", EventFileBuilder()
                      .FileVersion(WallTime(kWall + 9))
                      .Text("t", Step(1), "x", WallTime(kWall + 9)));
  AddFile("early", EventFileBuilder().FileVersion().Scalar("loss", Step(1), 1));
  const auto runs = Ask<data::ListRunsResponse>(data::ListRunsRequest());
  ASSERT_EQ(runs.runs_size(), 2);
  EXPECT_EQ(runs.runs(0).name(), "early");
  EXPECT_EQ(runs.runs(0).start_time(), kWall);
  EXPECT_EQ(runs.runs(1).name(), "late");
  const auto plugins = Ask<data::ListPluginsResponse>(data::ListPluginsRequest());
  ASSERT_EQ(plugins.plugins_size(), 2);
  EXPECT_EQ(plugins.plugins(0).name(), "scalars");
  EXPECT_EQ(plugins.plugins(1).name(), "text");
}

TEST_F(DataProviderTest, ScalarsAreListedAndRead) {
  AddFile("a", EventFileBuilder()
                   .FileVersion()
                   .Scalar("loss", Step(-3), 0.1f, WallTime(kWall + 7))
                   .Scalar("loss", Step(5), 0.5f, WallTime(kWall + 2)));
  const auto list = Ask<data::ListScalarsResponse>(ListOf<data::ListScalarsRequest>("scalars"));
  ASSERT_THAT(Names(list), ElementsAre("a/loss"));
  const data::ScalarMetadata& metadata = list.runs(0).tags(0).metadata();
  EXPECT_EQ(metadata.max_step(), 5);
  EXPECT_EQ(metadata.max_wall_time(), kWall + 7);
  EXPECT_EQ(metadata.summary_metadata().plugin_data().plugin_name(), "scalars");
  EXPECT_EQ(metadata.summary_metadata().data_class(), tensorboard::DATA_CLASS_SCALAR);
  const auto read = Ask<data::ReadScalarsResponse>(ReadOf<data::ReadScalarsRequest>("scalars"));
  const data::ScalarData& points = read.runs(0).tags(0).data();
  EXPECT_THAT(points.step(), ElementsAre(-3, 5));
  EXPECT_THAT(points.wall_time(), ElementsAre(kWall + 7, kWall + 2));
  EXPECT_THAT(points.value(), ElementsAre(0.1f, 0.5f));
}

TEST_F(DataProviderTest, FewPointsStillHaveTheLastAndTheSpike) {
  EventFileBuilder file;
  file.FileVersion();
  for (int i = 0; i < 100; ++i) file.Scalar("loss", Step(i), i == 37 ? 99.0f : 1.0f);
  AddFile("a", file);
  const auto ten = Ask<data::ReadScalarsResponse>(ReadOf<data::ReadScalarsRequest>("scalars", 10));
  const data::ScalarData& points = ten.runs(0).tags(0).data();
  EXPECT_LE(points.step_size(), 10);
  EXPECT_EQ(points.step(0), 0);
  EXPECT_EQ(points.step(points.step_size() - 1), 99);
  EXPECT_THAT(points.value(), testing::Contains(99.0f));
  const auto one = Ask<data::ReadScalarsResponse>(ReadOf<data::ReadScalarsRequest>("scalars", 1));
  EXPECT_THAT(one.runs(0).tags(0).data().step(), ElementsAre(99));
  const auto none = Ask<data::ReadScalarsResponse>(ReadOf<data::ReadScalarsRequest>("scalars", 0));
  EXPECT_THAT(Names(none), ElementsAre("a/loss"));
  EXPECT_TRUE(none.runs(0).tags(0).has_data());
  EXPECT_THAT(none.runs(0).tags(0).data().step(), IsEmpty());
}

TEST_F(DataProviderTest, ALimitOfThePluginHoldsWhateverIsAsked) {
  EventFileBuilder file;
  file.FileVersion().Text("t", Step(1), "x");
  for (int i = 0; i < 20; ++i) file.Scalar("loss", Step(i), 1);
  AddFile("a", file);
  DataProvider::Options options;
  options.points_max = {{"scalars", 3}, {"text", 0}};
  Provide(options);
  const auto read = Ask<data::ReadScalarsResponse>(ReadOf<data::ReadScalarsRequest>("scalars"));
  EXPECT_EQ(read.runs(0).tags(0).data().step_size(), 3);
  EXPECT_THAT(Names(Ask<data::ListTensorsResponse>(ListOf<data::ListTensorsRequest>("text"))),
              IsEmpty());
  const auto texts = Ask<data::ReadTensorsResponse>(ReadOf<data::ReadTensorsRequest>("text"));
  EXPECT_THAT(texts.runs(0).tags(0).data().step(), IsEmpty());
}

TEST_F(DataProviderTest, AFilterThatIsThereAndEmptyMatchesNothing) {
  AddFile("a", EventFileBuilder().FileVersion().Scalar("x", Step(1), 1).Scalar("y", Step(1), 1));
  AddFile("b", EventFileBuilder().FileVersion().Scalar("x", Step(1), 1));
  auto request = ListOf<data::ListScalarsRequest>("scalars");
  request.mutable_run_tag_filter();
  EXPECT_THAT(Names(Ask<data::ListScalarsResponse>(request)), ElementsAre("a/x", "a/y", "b/x"));
  request.mutable_run_tag_filter()->mutable_tags()->add_names("x");
  EXPECT_THAT(Names(Ask<data::ListScalarsResponse>(request)), ElementsAre("a/x", "b/x"));
  request.mutable_run_tag_filter()->mutable_runs()->add_names("b");
  request.mutable_run_tag_filter()->mutable_runs()->add_names("b");
  request.mutable_run_tag_filter()->mutable_runs()->add_names("nowhere");
  EXPECT_THAT(Names(Ask<data::ListScalarsResponse>(request)), ElementsAre("b/x"));
  request.mutable_run_tag_filter()->mutable_runs()->clear_names();
  EXPECT_THAT(Names(Ask<data::ListScalarsResponse>(request)), IsEmpty());
}

TEST_F(DataProviderTest, TheClassDecidesWhichMethodNamesASeries) {
  AddFile("a", EventFileBuilder().FileVersion().Scalar("x", Step(1), 1));
  EXPECT_THAT(Names(Ask<data::ListTensorsResponse>(ListOf<data::ListTensorsRequest>("scalars"))),
              IsEmpty());
  EXPECT_THAT(Names(Ask<data::ReadBlobSequencesResponse>(
                  ReadOf<data::ReadBlobSequencesRequest>("scalars"))),
              IsEmpty());
}

TEST_F(DataProviderTest, ASeriesWithoutAValidPointIsReadButNotListed) {
  tensorboard::Event event = Strings("images", 1, {1}, {"x"});
  event.mutable_summary()->mutable_value(0)->mutable_tensor()->set_dtype(tensorboard::DT_FLOAT);
  AddFile("a", EventFileBuilder().FileVersion().Event(event));
  EXPECT_THAT(
      Names(Ask<data::ListBlobSequencesResponse>(ListOf<data::ListBlobSequencesRequest>("images"))),
      IsEmpty());
  EXPECT_THAT(
      Names(Ask<data::ReadBlobSequencesResponse>(ReadOf<data::ReadBlobSequencesRequest>("images"))),
      ElementsAre("a/x"));
}

TEST_F(DataProviderTest, TensorsComeAsTheyWereWritten) {
  AddFile("a", EventFileBuilder().FileVersion().Event(Strings("text", 4, {2}, {"one", "two"})));
  const auto read = Ask<data::ReadTensorsResponse>(ReadOf<data::ReadTensorsRequest>("text"));
  const data::TensorData& points = read.runs(0).tags(0).data();
  ASSERT_THAT(points.step(), ElementsAre(4));
  EXPECT_THAT(points.wall_time(), ElementsAre(kWall));
  EXPECT_EQ(
      points.value(0).SerializeAsString(),
      Strings("text", 4, {2}, {"one", "two"}).summary().value(0).tensor().SerializeAsString());
}

TEST_F(DataProviderTest, ALegacyHistogramBecomesATensorOfDoubles) {
  AddFile("a", EventFileBuilder().FileVersion().Histogram("h", Step(1), {{1, 2}, {2, 0}, {3, 4}}));
  const auto read = Ask<data::ReadTensorsResponse>(ReadOf<data::ReadTensorsRequest>("histograms"));
  const tensorboard::TensorProto& tensor = read.runs(0).tags(0).data().value(0);
  EXPECT_EQ(tensor.dtype(), tensorboard::DT_DOUBLE);
  ASSERT_EQ(tensor.tensor_shape().dim_size(), 2);
  EXPECT_EQ(tensor.tensor_shape().dim(0).size(), 3);
  EXPECT_EQ(tensor.tensor_shape().dim(1).size(), 3);
  std::vector<double> values(9);
  ASSERT_EQ(tensor.tensor_content().size(), values.size() * sizeof(double));
  std::memcpy(values.data(), tensor.tensor_content().data(), tensor.tensor_content().size());
  // The ends are the smallest and the largest value seen; see EventFileBuilder::Histogram.
  EXPECT_THAT(std::vector<double>(values.begin() + 1, values.end() - 2),
              ElementsAre(1, 2, 1, 2, 0, 2));
  EXPECT_EQ(values[8], 4);
}

TEST_F(DataProviderTest, HyperparametersWithoutAValueAreAnEmptyTensor) {
  tensorboard::Event event = Strings("hparams", 0, {}, {});
  event.mutable_summary()->mutable_value(0)->clear_tensor();
  event.mutable_summary()->mutable_value(0)->mutable_metadata()->mutable_plugin_data()->set_content(
      "content");
  AddFile("a", EventFileBuilder().FileVersion().Event(event));
  const auto list = Ask<data::ListTensorsResponse>(ListOf<data::ListTensorsRequest>("hparams"));
  EXPECT_EQ(list.runs(0).tags(0).metadata().summary_metadata().plugin_data().content(), "content");
  const auto read = Ask<data::ReadTensorsResponse>(ReadOf<data::ReadTensorsRequest>("hparams"));
  EXPECT_EQ(read.runs(0).tags(0).data().value(0).SerializeAsString(),
            std::string("\x08\x01\x12\x02\x12\x00", 6));
}

TEST_F(DataProviderTest, BlobsAreReachedByTheirKeys) {
  AddFile("a", EventFileBuilder().FileVersion().Image("pic", Step(7), "bytes"));
  const auto list =
      Ask<data::ListBlobSequencesResponse>(ListOf<data::ListBlobSequencesRequest>("images"));
  EXPECT_EQ(list.runs(0).tags(0).metadata().max_length(), 3);
  EXPECT_EQ(list.runs(0).tags(0).metadata().max_step(), 7);
  const std::vector<std::string> keys = KeysOf("images");
  ASSERT_EQ(keys.size(), 3u);
  EXPECT_EQ(*Blob(keys[0]), "1");
  EXPECT_EQ(*Blob(keys[2]), "bytes");
}

TEST_F(DataProviderTest, ClipsLoseTheirLabelsAndGraphsAreOneBlob) {
  tensorboard::Event graph;
  graph.set_wall_time(kWall);
  graph.set_graph_def("graph");
  AddFile("a", EventFileBuilder()
                   .FileVersion()
                   .Event(Strings("audio", 1, {2, 2}, {"one", "label", "two", "label"}))
                   .Event(graph));
  const std::vector<std::string> clips = KeysOf("audio");
  ASSERT_EQ(clips.size(), 2u);
  EXPECT_EQ(*Blob(clips[0]), "one");
  EXPECT_EQ(*Blob(clips[1]), "two");
  const std::vector<std::string> graphs = KeysOf("graphs");
  ASSERT_EQ(graphs.size(), 1u);
  EXPECT_EQ(*Blob(graphs[0]), "graph");
}

TEST_F(DataProviderTest, AKeyOfAPointThatWasReplacedIsNotFound) {
  EventFileBuilder file;
  file.FileVersion().Image("pic", Step(5), "old");
  AddFile("a", file);
  const std::vector<std::string> keys = KeysOf("images");
  AddFile("a", EventFileBuilder().FileVersion().Image("pic", Step(3), "new"));
  EXPECT_TRUE(absl::IsNotFound(Blob(keys[2]).status()));
  EXPECT_EQ(*Blob(KeysOf("images")[2]), "new");
}

TEST_F(DataProviderTest, DataLoss_OneUnreadableFileHidesOnlyItsPoints) {
  AddFile("a", EventFileBuilder().FileVersion().Text("t", Step(1), "gone"))->broken = true;
  AddFile("b", EventFileBuilder().FileVersion().Text("t", Step(1), "there"));
  const auto read = Ask<data::ReadTensorsResponse>(ReadOf<data::ReadTensorsRequest>("text"));
  ASSERT_THAT(Names(read), ElementsAre("a/t", "b/t"));
  EXPECT_EQ(read.runs(0).tags(0).data().step_size(), 0);
  EXPECT_EQ(read.runs(1).tags(0).data().value(0).string_val(0), "there");
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("tributary_collector_data_provider_points_unreadable_total 1"));
}

TEST_F(DataProviderTest, DataLoss_AnUnreadableBlobSaysSo) {
  auto source = AddFile("a", EventFileBuilder().FileVersion().Image("pic", Step(1), "bytes"));
  const std::vector<std::string> keys = KeysOf("images");
  source->broken = true;
  EXPECT_TRUE(absl::IsUnavailable(Blob(keys[2]).status()));
}

TEST_F(DataProviderTest, Limit_AnAnswerThatIsTooLongIsRefusedNotCut) {
  EventFileBuilder file;
  file.FileVersion();
  for (int i = 0; i < 200; ++i) file.Scalar("loss", Step(i), 1).Text("t", Step(i), "0123456789");
  AddFile("a", file);
  DataProvider::Options options;
  options.answer_bytes_max = 1'000;
  Provide(options);
  EXPECT_TRUE(absl::IsResourceExhausted(
      Fail<data::ReadScalarsResponse>(ReadOf<data::ReadScalarsRequest>("scalars"))));
  EXPECT_TRUE(absl::IsResourceExhausted(
      Fail<data::ReadTensorsResponse>(ReadOf<data::ReadTensorsRequest>("text"))));
  EXPECT_TRUE(
      Fail<data::ReadScalarsResponse>(ReadOf<data::ReadScalarsRequest>("scalars", 10)).ok());
}

TEST_F(DataProviderTest, Cancelled_AReadEndsEarly) {
  AddFile("a", EventFileBuilder().FileVersion().Scalar("x", Step(1), 1));
  Provide();
  data::ReadScalarsResponse response;
  EXPECT_TRUE(absl::IsCancelled(provider_->Answer(
      ReadOf<data::ReadScalarsRequest>("scalars"), [] { return true; }, &response)));
}

}  // namespace
}  // namespace tributary::serve
