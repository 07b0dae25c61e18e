// One file: what becomes a point, of which series, and what is said of the rest.
#include <cmath>
#include <limits>

#include "collector/index/index.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/collector/index/event_bytes.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kStart = 1'700'000'000;

class FileIndexTest : public ::testing::Test {
 protected:
  std::shared_ptr<FileIndex> AddFile(
      const std::string& name = "events.out.tfevents.1700000000.h.1.0") {
    EventFileIdentity identity;
    identity.run = RunName("run");
    identity.file_name = name;
    identity.path = name;
    return index_->AddFile(identity, nullptr);
  }
  SeriesInfo Info(const std::string& tag) {
    const std::optional<SeriesInfo> info = index_->FindSeries(RunName("run"), Tag(tag));
    EXPECT_TRUE(info.has_value()) << tag;
    return info.value_or(SeriesInfo());
  }
  bool Listed(const std::string& tag) {
    return index_->FindSeries(RunName("run"), Tag(tag)).has_value();
  }
  ScalarPoints Scalars(const std::string& tag) {
    auto points = index_->ReadScalars(RunName("run"), Tag(tag), {.points_max = 0});
    EXPECT_TRUE(points.ok()) << points.status();
    return points.ok() ? *points : ScalarPoints();
  }

  std::unique_ptr<Index> index_ = Index::Make({});
  std::shared_ptr<FileIndex> file_ = AddFile();
};

TEST_F(FileIndexTest, Damage_ARecordWithABadPayloadIsLeftOutAlone) {
  EventBytes file;
  file.Scalar("loss", 1, 0.5f);
  const size_t bad = file.size();
  file.Scalar("loss", 2, 0.5f).Flipped();
  const size_t end = file.size();
  file.Scalar("loss", 3, 0.5f);
  file_->Append(file.bytes());
  EXPECT_THAT(Scalars("loss").steps, ElementsAre(1, 3));
  ASSERT_THAT(file_->damage(), SizeIs(1));
  EXPECT_EQ(file_->damage()[0].cause, DamageCause::kDataCrc);
  EXPECT_EQ(file_->damage()[0].offset, bad);
  EXPECT_EQ(file_->damage()[0].length_bytes, end - bad);
  EXPECT_EQ(file_->records(), 2u);
}

TEST_F(FileIndexTest, Damage_APayloadThatIsNoEventIsLeftOutAlone) {
  EventBytes file;
  file.Scalar("loss", 1, 0.5f);
  const size_t bad = file.size();
  file.Payload("\xff\xff\xff");
  const size_t end = file.size();
  file.Scalar("loss", 3, 0.5f);
  file_->Append(file.bytes());
  EXPECT_THAT(Scalars("loss").steps, ElementsAre(1, 3));
  ASSERT_THAT(file_->damage(), SizeIs(1));
  EXPECT_EQ(file_->damage()[0].cause, DamageCause::kUndecodable);
  EXPECT_EQ(file_->damage()[0].offset, bad);
  EXPECT_EQ(file_->damage()[0].length_bytes, end - bad);
}

TEST_F(FileIndexTest, Damage_AnEventWhoseSecondValueIsMalformedGivesNoPoint) {
  // Summary { value {tag: "a" simple_value: 1} value {malformed} } by hand.
  const std::string good = std::string("\x0a\x01") + "a" + std::string("\x15\0\0\x80\x3f", 5);
  const std::string summary = "\x0a" + std::string(1, static_cast<char>(good.size())) + good +
                              std::string("\x0a\x02\x0a\x7f", 4);
  EventBytes file;
  file.Payload("\x2a" + std::string(1, static_cast<char>(summary.size())) + summary);
  file_->Append(file.bytes());
  EXPECT_FALSE(Listed("a"));
  EXPECT_THAT(file_->damage(), ElementsAre(Field(&Damage::cause, DamageCause::kUndecodable)));
  EXPECT_EQ(file_->records(), 0u);
}

TEST_F(FileIndexTest, Damage_ManyPlacesAreBounded) {
  EventBytes file;
  for (int i = 0; i < 10'100; ++i) file.Payload("\xff");
  file_->Append(file.bytes());
  const std::vector<Damage> damage = file_->damage();
  ASSERT_THAT(damage, SizeIs(10'000));
  EXPECT_EQ(damage.back().offset + damage.back().length_bytes, file.size());
}

TEST_F(FileIndexTest, ATornTailWaits) {
  EventBytes file;
  file.Scalar("loss", 1, 0.5f);
  const size_t whole = file.size();
  file.Scalar("loss", 2, 0.5f).TruncatedBy(3);
  file_->Append(file.bytes());
  EXPECT_THAT(Scalars("loss").steps, ElementsAre(1));
  EXPECT_THAT(file_->damage(), IsEmpty());
  EXPECT_EQ(file_->boundary_offset(), whole);
  EXPECT_EQ(file_->indexed_bytes(), file.size());
  EXPECT_TRUE(file_->framing_holds());
}

TEST_F(FileIndexTest, ZerosWaitUntilTheyAreTakenAsDamage) {
  EventBytes file;
  file.Scalar("loss", 1, 0.5f);
  const size_t hole = file.size();
  file.Zeros(100).Scalar("loss", 2, 0.5f);
  file_->Append(file.bytes());
  EXPECT_TRUE(file_->at_zeros());
  EXPECT_THAT(Scalars("loss").steps, ElementsAre(1));
  file_->TakeZerosAsDamage();
  EXPECT_FALSE(file_->at_zeros());
  EXPECT_THAT(Scalars("loss").steps, ElementsAre(1, 2));
  ASSERT_THAT(file_->damage(), SizeIs(1));
  EXPECT_EQ(file_->damage()[0].cause, DamageCause::kZeros);
  EXPECT_EQ(file_->damage()[0].offset, hole);
  EXPECT_EQ(file_->damage()[0].length_bytes, 100u);
}

TEST_F(FileIndexTest, SplitAnywhereReadsTheSame) {
  EventBytes file;
  file.Version().Scalar("loss", 1, 0.5f).Scalar("rate", 1, 2).Text("note", 1, "hi");
  file.Scalar("loss", 2, 0.25f).Flipped().Scalar("loss", 3, 0.125f);
  for (size_t split = 0; split <= file.size(); ++split) {
    file_->Reset();
    file_->Append(absl::string_view(file.bytes()).substr(0, split));
    file_->Append(absl::string_view(file.bytes()).substr(split));
    ASSERT_THAT(Scalars("loss").steps, ElementsAre(1, 3)) << split;
    ASSERT_EQ(file_->records(), 5u) << split;
    ASSERT_THAT(file_->damage(), SizeIs(1)) << split;
    ASSERT_TRUE(Listed("note")) << split;
  }
}

TEST_F(FileIndexTest, ResetForgetsEverything) {
  EventBytes file;
  file.Scalar("loss", 1, 0.5f).Scalar("loss", 2, 0.5f).Flipped();
  file_->Append(file.bytes());
  file_->Reset();
  EXPECT_FALSE(Listed("loss"));
  EXPECT_THAT(index_->Runs(), IsEmpty());
  EXPECT_THAT(file_->damage(), IsEmpty());
  EXPECT_EQ(file_->indexed_bytes(), 0u);
  file_->Append(EventBytes().Scalar("other", 7, 1).bytes());
  EXPECT_THAT(Scalars("other").steps, ElementsAre(7));
}

TEST_F(FileIndexTest, AnEventInPartsIsMergedAsProtobufDoes) {
  // The summary comes in two parts, each with a value.
  tensorboard::Event event;
  event.set_step(4);
  EventBytes::Value("a", &event)->set_simple_value(1);
  std::string payload = event.SerializeAsString();
  tensorboard::Event second;
  EventBytes::Value("b", &second)->set_simple_value(2);
  payload += second.SerializeAsString();
  file_->Append(EventBytes().Payload(payload).bytes());
  EXPECT_THAT(Scalars("a").values, ElementsAre(1));
  EXPECT_THAT(Scalars("b").values, ElementsAre(2));
  EXPECT_THAT(Scalars("b").steps, ElementsAre(4));
}

TEST_F(FileIndexTest, WallTimeThatIsNoTimeIsShownAsTheRecordBefore) {
  EventBytes file;
  file.At(kNan).Scalar("loss", 1, 1);
  file.At(kStart + 50).Scalar("loss", 2, 1);
  file.At(kNan).Scalar("loss", 3, 1);
  file.At(std::numeric_limits<double>::infinity()).Scalar("loss", 4, 1);
  file_->Append(file.bytes());
  // The first has nothing before it but the second in the file's name.
  EXPECT_THAT(Scalars("loss").wall_times,
              ElementsAre(kStart, kStart + 50, kStart + 50, kStart + 50));
  ASSERT_THAT(index_->Runs(), SizeIs(1));
  EXPECT_EQ(index_->Runs()[0].start_time, kStart + 50);
}

TEST_F(FileIndexTest, Metadata_LegacyScalarsAreAsTheDataServerSaysThem) {
  tensorboard::Event event;
  auto* value = EventBytes::Value("loss", &event);
  value->set_simple_value(1);
  EventBytes::Plugin(value, "something");
  value->mutable_metadata()->set_display_name("Loss");
  file_->Append(EventBytes().Event(event, 1).bytes());
  const SeriesMetadata& metadata = *Info("loss").metadata;
  EXPECT_EQ(metadata.plugin_name, "scalars");
  EXPECT_EQ(metadata.plugin_content, "");
  EXPECT_EQ(metadata.display_name, "");
  EXPECT_EQ(metadata.data_class, DataClass::kScalar);
}

TEST_F(FileIndexTest, Metadata_AnExplicitClassIsTakenAsItIs) {
  tensorboard::Event event;
  auto* value = EventBytes::Value("loss", &event);
  value->set_simple_value(1);
  EventBytes::Plugin(value, "something");
  value->mutable_metadata()->mutable_plugin_data()->set_content("abc");
  value->mutable_metadata()->set_display_name("Loss");
  value->mutable_metadata()->set_summary_description("falls");
  value->mutable_metadata()->set_data_class(tensorboard::DATA_CLASS_SCALAR);
  file_->Append(EventBytes().Event(event, 1).bytes());
  const SeriesMetadata& metadata = *Info("loss").metadata;
  EXPECT_EQ(metadata.plugin_name, "something");
  EXPECT_EQ(metadata.plugin_content, "abc");
  EXPECT_EQ(metadata.display_name, "Loss");
  EXPECT_EQ(metadata.description, "falls");
}

TEST_F(FileIndexTest, Metadata_ImagesAndGraphs) {
  file_->Append(EventBytes().Image("pic", 1).Graph(0).bytes());
  EXPECT_EQ(Info("pic").metadata->plugin_name, "images");
  EXPECT_EQ(Info("pic").metadata->plugin_content, "\x10\x01");
  EXPECT_EQ(Info("pic").max_length, 3u);
  EXPECT_EQ(Info("__run_graph__").metadata->plugin_name, "graphs");
  EXPECT_EQ(Info("__run_graph__").max_length, 1u);
  EXPECT_THAT(index_->Plugins(), ElementsAre("graphs", "images"));
}

TEST_F(FileIndexTest, Metadata_TheFirstOfATagWins) {
  EventBytes file;
  file.Scalar("x", 1, 1).Text("x", 2, "no scalar").Scalar("x", 3, 1);
  file_->Append(file.bytes());
  EXPECT_EQ(Info("x").metadata->plugin_name, "scalars");
  EXPECT_THAT(Scalars("x").steps, ElementsAre(1, 3));
  EXPECT_EQ(file_->skipped_values(), 1u);
}

TEST_F(FileIndexTest, ATensorWithoutMetadataIsNotShown) {
  file_->Append(EventBytes().ScalarTensor("x", 1, 0.1, "").bytes());
  EXPECT_FALSE(Listed("x"));
  EXPECT_THAT(index_->Plugins(), IsEmpty());
  EXPECT_THAT(index_->Runs(), SizeIs(1));
}

TEST_F(FileIndexTest, AnUnknownPluginIsNeitherNamedNorShown) {
  file_->Append(EventBytes().ScalarTensor("x", 1, 0.1, "mine").bytes());
  EXPECT_FALSE(Listed("x"));
  EXPECT_THAT(index_->Plugins(), IsEmpty());
}

TEST_F(FileIndexTest, ScalarTensorsOfAnyTypeAreScalars) {
  EventBytes file;
  file.ScalarTensor("x", 1, 0.1).ScalarTensor("x", 2, 1e300, "");
  file_->Append(file.bytes());
  EXPECT_THAT(Scalars("x").values, ElementsAre(0.1, 1e300));
}

TEST_F(FileIndexTest, HyperparametersHaveNoValueAndAreKept) {
  tensorboard::Event event;
  auto* value = EventBytes::Value("_hparams_/experiment", &event);
  EventBytes::Plugin(value, "hparams");
  value->mutable_metadata()->mutable_plugin_data()->set_content("content");
  file_->Append(EventBytes().Event(event, 0).bytes());
  EXPECT_EQ(Info("_hparams_/experiment").metadata->plugin_content, "content");
  EXPECT_EQ(Info("_hparams_/experiment").metadata->data_class, DataClass::kTensor);
}

TEST_F(FileIndexTest, AHistogramWithUnequalListsIsNoPoint) {
  tensorboard::Event event;
  auto* histogram = EventBytes::Value("h", &event)->mutable_histo();
  histogram->add_bucket_limit(1);
  histogram->add_bucket_limit(2);
  histogram->add_bucket(1);
  file_->Append(EventBytes().Event(event, 1).bytes());
  EXPECT_FALSE(Listed("h"));
  EXPECT_FALSE(index_->FindSeries(RunName("run"), Tag("h")).has_value());
  EXPECT_EQ(file_->skipped_values(), 1u);
  SeriesFilter also_empty;
  also_empty.plugin_name = "histograms";
  also_empty.with_empty = true;
  const std::vector<SeriesInfo> empty = index_->ListSeries(also_empty);
  ASSERT_THAT(empty, SizeIs(1));
  EXPECT_EQ(empty[0].tag.value(), "h");
  EXPECT_EQ(empty[0].points, 0u);
  histogram->add_bucket(1);
  file_->Append(EventBytes().Event(event, 2).bytes());
  EXPECT_EQ(Info("h").points, 1u);
  EXPECT_THAT(index_->Plugins(), ElementsAre("histograms"));
}

TEST_F(FileIndexTest, ReferencesSayWhereTheRecordIs) {
  EventBytes file;
  file.Version();
  const size_t record = file.size();
  tensorboard::Event event;
  EventBytes::Value("loss", &event)->set_simple_value(1);
  EventBytes::Value("pic", &event)->mutable_image()->set_encoded_image_string("png");
  file.Event(event, 9);
  file_->Append(file.bytes());
  const auto references = index_->ReadReferences(RunName("run"), Tag("pic"), 0);
  ASSERT_TRUE(references.ok()) << references.status();
  ASSERT_THAT(*references, SizeIs(1));
  const RecordReference& reference = references->front();
  EXPECT_EQ(reference.payload_offset, record + 12);
  EXPECT_EQ(reference.payload_bytes, file.size() - record - 16);
  EXPECT_EQ(reference.value_index, 1u);
  EXPECT_EQ(reference.step, Step(9));
  EXPECT_EQ(reference.length, 3u);
}

TEST_F(FileIndexTest, AskingForTheWrongKindFindsNothing) {
  file_->Append(EventBytes().Scalar("loss", 1, 1).Image("pic", 1).bytes());
  const RunName run("run");
  EXPECT_TRUE(absl::IsNotFound(index_->ReadScalars(run, Tag("pic"), {}).status()));
  EXPECT_TRUE(absl::IsNotFound(index_->ReadReferences(run, Tag("loss"), 0).status()));
  EXPECT_TRUE(absl::IsNotFound(index_->ReadScalars(run, Tag("none"), {}).status()));
  EXPECT_TRUE(absl::IsNotFound(index_->ReadScalars(RunName("none"), Tag("loss"), {}).status()));
}

TEST_F(FileIndexTest, AnEmptyTagIsATag) {
  file_->Append(EventBytes().Scalar("", 1, 1).bytes());
  EXPECT_THAT(Scalars("").steps, ElementsAre(1));
}

}  // namespace
}  // namespace tributary
