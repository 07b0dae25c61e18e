// PR curves, meshes and custom scalars: dashboards whose data are tensors.
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "collector/serve/plugins/pattern.h"
#include "collector/serve/plugins/tensor_elements.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensorboard/event.pb.h"
#include "tensorboard/plugins/custom_scalar.pb.h"
#include "tensorboard/plugins/mesh.pb.h"
#include "tests/collector/serve/serve_fixture.h"

namespace tributary::serve {
namespace {

using tensorboard::TensorProto;
using tensorboard::mesh::MeshPluginData;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TensorProto Numbers(std::vector<int64_t> shape, const std::vector<float>& values) {
  TensorProto tensor;
  tensor.set_dtype(tensorboard::DT_FLOAT);
  for (const int64_t size : shape) tensor.mutable_tensor_shape()->add_dim()->set_size(size);
  for (const float value : values) tensor.add_float_val(value);
  return tensor;
}

class TensorDashboardsTest : public ServeTest {
 protected:
  static EventFileBuilder OneTensor(const std::string& plugin, const std::string& tag,
                                    const TensorProto& tensor, const std::string& content = "") {
    tensorboard::Event event;
    event.set_step(1);
    event.set_wall_time(EventFileBuilder::kWall);
    auto* value = event.mutable_summary()->add_value();
    value->set_tag(tag);
    value->mutable_metadata()->mutable_plugin_data()->set_plugin_name(plugin);
    value->mutable_metadata()->mutable_plugin_data()->set_content(content);
    *value->mutable_tensor() = tensor;
    EventFileBuilder file;
    file.FileVersion().Event(event);
    return file;
  }
  void AddMesh(const TensorProto& tensor, MeshPluginData::ContentType type) {
    MeshPluginData data;
    data.set_name("m");
    data.set_content_type(type);
    data.add_shape(2);
    AddFile("a", OneTensor("mesh", absl::StrCat("m_", static_cast<int>(type)), tensor,
                           data.SerializeAsString()));
  }
  static TensorProto LayoutTensor(const std::vector<std::string>& titles) {
    tensorboard::Layout layout;
    tensorboard::Category* category = layout.add_category();
    category->set_title("c");
    for (const std::string& title : titles) category->add_chart()->set_title(title);
    TensorProto tensor;
    tensor.set_dtype(tensorboard::DT_STRING);
    tensor.add_string_val(layout.SerializeAsString());
    return tensor;
  }
};

TEST_F(TensorDashboardsTest, Malformed_ParametersAre400) {
  AddMesh(Numbers({2, 1, 3}, {1, 2, 3, 4, 5, 6}), MeshPluginData::VERTEX);
  for (const char* target :
       {"/data/plugin/pr_curves/pr_curves", "/data/plugin/pr_curves/pr_curves?run=a",
        "/data/plugin/pr_curves/pr_curves?tag=a", "/data/plugin/pr_curves/pr_curves?run=a&tag=no",
        "/data/plugin/mesh/meshes?tag=m", "/data/plugin/mesh/data?run=a&tag=m",
        "/data/plugin/mesh/data?run=a&tag=m&content_type=EDGE",
        "/data/plugin/mesh/data?run=a&tag=m&content_type=UNDEFINED",
        "/data/plugin/mesh/data?run=a&tag=m&content_type=VERTEX&step=x",
        "/data/plugin/mesh/data?run=a&tag=m&content_type=VERTEX&step=1&sample=2",
        "/data/plugin/mesh/data?run=a&tag=m&content_type=VERTEX&step=1&sample=-3",
        "/data/plugin/custom_scalars/scalars?tag=.", "/data/plugin/custom_scalars/download_data"}) {
    EXPECT_EQ(Get(target).status, 400) << target;
  }
  EXPECT_EQ(Get("/data/plugin/custom_scalars/download_data?run=a&tag=no").status, 404);
}

TEST_F(TensorDashboardsTest, Malformed_TensorsThatAreNoCurveAreLeftOut) {
  AddFile("rows", OneTensor("pr_curves", "t", Numbers({5, 1}, {1, 2, 3, 4, 5})));
  AddFile("width", OneTensor("pr_curves", "t", Numbers({6, 0}, {})));
  AddFile("count", OneTensor("pr_curves", "t", Numbers({6, 2}, {1, 2, 3})));
  AddFile("huge", OneTensor("pr_curves", "t", Numbers({6, int64_t{1} << 60}, {1})));
  for (const char* run : {"rows", "width", "count", "huge"}) {
    EXPECT_EQ(Json(absl::StrCat("/data/plugin/pr_curves/pr_curves?tag=t&run=", run)),
              absl::StrCat("{\"", run, "\":[]}"));
  }
}

TEST_F(TensorDashboardsTest, CurveEndsAtItsLastPrediction) {
  AddFile("a", OneTensor("pr_curves", "t",
                         Numbers({6, 3}, {2, 1.9F, 0, 0, 0, 0.5F, 1, 2, 3, 4, 5, 6, .5F, .25F, 0, 1,
                                          .75F, 0})));
  EXPECT_THAT(Json("/data/plugin/pr_curves/pr_curves?run=a&tag=t"),
              HasSubstr(R"("precision":[0.5,0.25],"recall":[1,0.75],"true_positives":[2,1],)"
                        R"("false_positives":[0,0],"true_negatives":[1,2],)"
                        R"("false_negatives":[4,5],"thresholds":[0,0.5]})"));
}

TEST_F(TensorDashboardsTest, MeshDataIsOneSampleInThePagesType) {
  AddMesh(Numbers({2, 1, 3}, {1, 2, 3, 4, 5, 6}), MeshPluginData::VERTEX);
  AddMesh(Numbers({2, 1, 2}, {1, 300, -5, 7}), MeshPluginData::COLOR);
  const std::string route = "/data/plugin/mesh/data?run=a&tag=m&step=1&sample=";
  const http::Response vertices = Get(absl::StrCat(route, "1&content_type=VERTEX"));
  EXPECT_EQ(vertices.content_type, "arraybuffer");
  ASSERT_EQ(vertices.body.size(), 12U);
  float last = 0;
  std::memcpy(&last, vertices.body.data() + 8, sizeof(last));
  EXPECT_EQ(last, 6);
  EXPECT_EQ(Get(absl::StrCat(route, "0&content_type=COLOR")).body, "\x01\xff");
  EXPECT_EQ(Get(absl::StrCat(route, "-1&content_type=COLOR")).body, std::string("\0\x07", 2));
  EXPECT_EQ(Get("/data/plugin/mesh/data?run=a&tag=m&step=2&content_type=FACE").body, "");
  EXPECT_EQ(Json("/data/plugin/mesh/tags"), R"({"a":{"m":{"samples":2}}})");
  EXPECT_THAT(Json("/data/plugin/mesh/meshes?run=a&tag=m"), HasSubstr(R"("components":14)"));
}

TEST_F(TensorDashboardsTest, LayoutsOfRunsBecomeOne) {
  EXPECT_EQ(Json("/data/plugin/custom_scalars/layout"), "{}");
  AddFile("a", OneTensor("custom_scalars", "custom_scalars__config__", LayoutTensor({"x"})));
  AddFile("b", OneTensor("custom_scalars", "custom_scalars__config__", LayoutTensor({"x", "y"})));
  AddFile("c", OneTensor("custom_scalars", "custom_scalars__config__", Numbers({}, {1})));
  EXPECT_EQ(Json("/data/plugin/custom_scalars/layout"),
            R"({"version":0,"category":[{"title":"c","chart":[{"title":"x"},{"title":"y"}],)"
            R"("closed":false}]})");
}

TEST_F(TensorDashboardsTest, ScalarsByExpression) {
  EventFileBuilder file;
  file.FileVersion().Scalar("loss", Step(1), 2).Scalar("close", Step(1), 3);
  AddFile("a", file);
  const std::string route = "/data/plugin/custom_scalars/scalars?run=a&tag=";
  EXPECT_EQ(Json(absl::StrCat(route, "lo")),
            R"({"regex_valid":true,"tag_to_events":{"loss":[[1767225600,1,2]]}})");
  for (const char* invalid : {"", "(", "(%3F=x)"}) {
    EXPECT_EQ(Json(absl::StrCat(route, invalid)), R"({"regex_valid":false,"tag_to_events":{}})");
  }
  EXPECT_EQ(Json("/data/plugin/custom_scalars/scalars?run=no&tag=."),
            R"({"regex_valid":true,"tag_to_events":{}})");
}

TEST(PatternTest, HostileExpressionsEndInTime) {
  const auto pattern = Pattern::Compile("(a*)*b");
  ASSERT_TRUE(pattern.ok());
  EXPECT_FALSE(pattern->Search(std::string(100'000, 'a')));
  EXPECT_FALSE(Pattern::Compile("(((x{1000}){1000}){1000})").ok());
}

TEST(TensorElementsTest, ReadsHalvesAndFillsShapes) {
  TensorProto tensor;
  tensor.set_dtype(tensorboard::DT_HALF);
  for (const int bits : {0x3c00, 0xc000, 0x0001, 0x7c00}) tensor.add_half_val(bits);
  EXPECT_THAT(*TensorElements(tensor, 4), ElementsAre(1, -2, 0x1p-24, HUGE_VAL));
  EXPECT_FALSE(TensorElements(tensor, 3).has_value());
  EXPECT_THAT(*TensorElements(Numbers({}, {7}), 2), ElementsAre(7, 7));
  tensor.set_tensor_content("odd");
  EXPECT_FALSE(TensorElements(tensor, 4).has_value());
}

}  // namespace
}  // namespace tributary::serve
