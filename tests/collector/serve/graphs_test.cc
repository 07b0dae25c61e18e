// The Graphs dashboard: blobs of events and summaries as text.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "collector/serve/plugins/graph_shaping.h"
#include "collector/serve/plugins/keras_graph.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensorboard/event.pb.h"
#include "tests/collector/serve/serve_fixture.h"

namespace tributary::serve {
namespace {

using tensorboard::GraphDef;
using tensorboard::RunMetadata;
using ::testing::HasSubstr;

constexpr char kGraph[] = "/data/plugin/graphs/graph";

class GraphsTest : public ServeTest {
 protected:
  static tensorboard::Event At(int64_t step) {
    tensorboard::Event event;
    event.set_step(step);
    event.set_wall_time(EventFileBuilder::kWall);
    return event;
  }
  static GraphDef OneNode(const std::string& name) {
    GraphDef graph;
    graph.add_node()->set_name(name);
    return graph;
  }
  void AddGraph(const std::string& bytes) {
    tensorboard::Event event = At(1);
    event.set_graph_def(bytes);
    EventFileBuilder file;
    file.FileVersion().Event(event);
    AddFile("a", file);
  }
  void AddBlob(const std::string& plugin, const std::string& blob,
               const std::string& content = "1") {
    tensorboard::Event event = At(1);
    auto* value = event.mutable_summary()->add_value();
    value->set_tag("t");
    value->mutable_metadata()->mutable_plugin_data()->set_plugin_name(plugin);
    value->mutable_metadata()->mutable_plugin_data()->set_content(content);
    value->mutable_tensor()->set_dtype(tensorboard::DT_STRING);
    value->mutable_tensor()->mutable_tensor_shape()->add_dim()->set_size(1);
    value->mutable_tensor()->add_string_val(blob);
    EventFileBuilder file;
    file.FileVersion().Event(event);
    AddFile("a", file);
  }
};

TEST_F(GraphsTest, Malformed_ParametersAre400AndAbsentGraphs404) {
  AddGraph(OneNode("n").SerializeAsString());
  for (const char* query :
       {"", "?run=a&conceptual=true", "?run=a&limit_attr_size=x", "?run=a&limit_attr_size=0",
        "?run=a&limit_attr_size=-1&large_attrs_key=k", "?run=a&limit_attr_size=5"}) {
    EXPECT_EQ(Get(absl::StrCat(kGraph, query)).status, 400) << query;
  }
  for (const char* query : {"?run=b", "?run=a&tag=t", "?run=a&tag=t&conceptual=true"}) {
    EXPECT_EQ(Get(absl::StrCat(kGraph, query)).status, 404) << query;
  }
  EXPECT_EQ(Get("/data/plugin/graphs/run_metadata?run=a").status, 400);
  EXPECT_EQ(Get("/data/plugin/graphs/run_metadata?tag=a").status, 400);
  EXPECT_EQ(Get("/data/plugin/graphs/run_metadata?run=a&tag=t").status, 404);
}

TEST_F(GraphsTest, Malformed_BlobsAre400) {
  AddGraph("\xff\xff");
  AddBlob("graph_keras_model", "{");
  EXPECT_EQ(Get(absl::StrCat(kGraph, "?run=a")).status, 400);
  EXPECT_EQ(Get(absl::StrCat(kGraph, "?run=a&tag=t&conceptual=true")).status, 400);
}

TEST_F(GraphsTest, UnreadableFileIs503) {
  tensorboard::Event event = At(1);
  event.set_graph_def(OneNode("n").SerializeAsString());
  EventFileBuilder file;
  file.FileVersion().Event(event);
  AddFile("a", file)->broken = true;
  EXPECT_EQ(Get(absl::StrCat(kGraph, "?run=a")).status, 503);
}

TEST_F(GraphsTest, GraphIsLinesOfText) {
  GraphDef graph = OneNode("scope/ü\n\"");
  (*graph.mutable_node(0)->mutable_attr())["b"].set_b(false);
  (*graph.mutable_node(0)->mutable_attr())["a"].set_s("\x01");
  AddGraph(graph.SerializeAsString());
  const http::Response response = Get(absl::StrCat(kGraph, "?run=a"));
  EXPECT_EQ(response.content_type, "text/x-protobuf; charset=utf-8");
  EXPECT_EQ(response.body,
            "node {\n  name: \"scope/ü\\n\\\"\"\n  attr {\n    key: \"a\"\n    value {\n"
            "      s: \"\\001\"\n    }\n  }\n  attr {\n    key: \"b\"\n    value {\n"
            "      b: false\n    }\n  }\n}\n");
  EXPECT_EQ(Json("/data/plugin/graphs/info"), R"({"a":{"run":"a","run_graph":true,"tags":{}}})");
  EXPECT_THAT(Json("/data/plugins_listing"),
              HasSubstr(R"("graphs":{"disable_reload":true,"enabled":true)"));
}

TEST_F(GraphsTest, UnknownVersionsAreNotListed) {
  AddBlob("graph_run_metadata", RunMetadata().SerializeAsString(), "2");
  EXPECT_EQ(Json("/data/plugin/graphs/info"), "{}");
}

TEST_F(GraphsTest, LargeAttributesAreNamedOnly) {
  GraphDef graph = OneNode("n");
  (*graph.mutable_node(0)->mutable_attr())["large"].set_s(std::string(100, 'x'));
  (*graph.mutable_node(0)->mutable_attr())["small"].set_i(1);
  DropLargeAttributes(50, "gone", &graph);
  const auto& attributes = graph.node(0).attr();
  EXPECT_EQ(attributes.size(), 2U);
  EXPECT_EQ(attributes.at("gone").list().s(0), "large");
  EXPECT_EQ(attributes.at("small").i(), 1);
}

TEST_F(GraphsTest, FunctionGraphsAreToldApart) {
  RunMetadata metadata;
  for (int i = 0; i < 2; ++i) {
    GraphDef graph = OneNode("n");
    graph.mutable_node(0)->add_input("^m");
    *metadata.add_function_graphs()->mutable_pre_optimization_graph() = std::move(graph);
  }
  RunMetadata other = metadata;
  const auto merged = MergeFunctionGraphs(&metadata);
  ASSERT_TRUE(merged.ok());
  EXPECT_EQ(merged->node(1).name(), "graph_2/n");
  EXPECT_EQ(merged->node(1).input(0), "graph_2/^m");
  other.mutable_function_graphs(1)
      ->mutable_pre_optimization_graph()
      ->mutable_versions()
      ->set_producer(5);
  EXPECT_FALSE(MergeFunctionGraphs(&other).ok());
}

TEST(KerasGraphTest, LayersOfASequenceFollowEachOther) {
  const auto graph = KerasGraph(
      R"({"config":{"name":"m","layers":[{"class_name":"In","config":{"name":"a","dtype":"int64"}},)"
      R"({"class_name":"Dense","config":{"name":"b","dtype":"none"}}]}})");
  ASSERT_TRUE(graph.ok());
  EXPECT_EQ(graph->node(0).name(), "m/a");
  EXPECT_EQ(graph->node(0).attr().at("dtype").type(), tensorboard::DT_INT64);
  EXPECT_EQ(graph->node(1).input(0), "m/a");
  EXPECT_FALSE(graph->node(1).attr().contains("dtype"));
}

TEST(KerasGraphTest, Malformed_OddPartsAreLeftOut) {
  for (const char* json : {"", "[]", "{}", R"({"config":null})"}) {
    EXPECT_FALSE(KerasGraph(json).ok()) << json;
  }
  for (const char* json :
       {R"({"config":5})", R"({"config":{"layers":5}})", R"({"config":{"layers":[5,null,{}]}})",
        R"({"config":{"layers":[{"config":{},"inbound_nodes":[{"args":[5,[null]]},7]}]}})",
        R"({"config":{"layers":[],"input_layers":[[]],"output_layers":5}})"}) {
    EXPECT_TRUE(KerasGraph(json).ok()) << json;
  }
}

}  // namespace
}  // namespace tributary::serve
