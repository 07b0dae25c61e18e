#include "collector/serve/plugins/graphs.h"

#include <google/protobuf/text_format.h>

#include <algorithm>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/answers.h"
#include "collector/serve/json_writer.h"
#include "collector/serve/plugins/graph_shaping.h"
#include "collector/serve/plugins/keras_graph.h"
#include "collector/serve/plugins/record_values.h"
#include "collector/serve/plugins/series_listing.h"
#include "common/status_macros.h"
#include "tensorboard/graph/graph.pb.h"
#include "tensorboard/graph/run_metadata.pb.h"

namespace tributary::serve {
namespace {

constexpr char kRunGraph[] = "graphs";
constexpr char kRunGraphTag[] = "__run_graph__";
constexpr char kTaggedRunMetadata[] = "graph_tagged_run_metadata";
constexpr char kRunMetadata[] = "graph_run_metadata";
constexpr char kRunMetadataGraph[] = "graph_run_metadata_graph";
constexpr char kKerasModel[] = "graph_keras_model";

struct TagParts {
  bool conceptual_graph = false;
  bool op_graph = false;
  bool profile = false;
};
struct RunParts {
  bool run_graph = false;
  std::map<std::string, TagParts> tags;
};

// The newest blob of the first of these kinds that the run and tag have.
absl::StatusOr<std::string> NewestBlob(const IndexReader& index,
                                       std::initializer_list<const char*> plugins,
                                       const std::string& run, const std::string& tag) {
  for (const char* plugin : plugins) {
    if (!FindSeriesOf(index, plugin, RunName(run), Tag(tag)).ok()) continue;
    ASSIGN_OR_RETURN(const std::vector<RecordReference> references,
                     index.ReadReferences(RunName(run), Tag(tag), 0));
    if (references.empty() || references.back().length == 0) continue;
    return ReadBlob(references.back(), 0);
  }
  return absl::NotFoundError(
      absl::StrCat("no such graph for run=\"", run, "\", tag=\"", tag, "\""));
}

template <typename Message>
absl::StatusOr<Message> Parse(const std::string& bytes) {
  Message message;
  if (!message.ParseFromString(bytes)) {
    return absl::InvalidArgumentError(absl::StrCat("the blob is no ", message.GetTypeName()));
  }
  return message;
}

http::Response TextAnswer(const google::protobuf::Message& message) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetHideUnknownFields(true);
  // The page shows names as they stand there.
  printer.SetUseUtf8StringEscaping(true);
  http::Response response;
  response.content_type = "text/x-protobuf; charset=utf-8";
  printer.PrintToString(message, &response.body);
  ForbidReuse(&response);
  return response;
}

// What the query says of large attributes. As in TensorBoard a number that makes no sense is told
// only where there is a graph.
struct Limit {
  std::optional<int64_t> bytes;  // nullopt: attributes of any size are wanted
  std::optional<std::string> key;
};

absl::StatusOr<Limit> ReadLimit(const http::Request& request) {
  Limit limit;
  if (const auto text = request.QueryValue("limit_attr_size")) {
    int64_t bytes = 0;
    if (!absl::SimpleAtoi(*text, &bytes)) {
      return absl::InvalidArgumentError("\"limit_attr_size\" must be an integer");
    }
    limit.bytes = bytes;
  }
  if (const auto key = request.QueryValue("large_attrs_key")) limit.key = std::string(*key);
  return limit;
}

absl::Status Apply(const Limit& limit, tensorboard::GraphDef* graph) {
  if (!limit.bytes.has_value()) return absl::OkStatus();
  if (*limit.bytes <= 0) return absl::InvalidArgumentError("\"limit_attr_size\" must be above 0");
  if (!limit.key.has_value()) {
    return absl::InvalidArgumentError("\"limit_attr_size\" needs a \"large_attrs_key\"");
  }
  DropLargeAttributes(static_cast<uint64_t>(*limit.bytes), *limit.key, graph);
  return absl::OkStatus();
}

}  // namespace

void GraphsPlugin::AddRoutes(Router* router) const {
  const auto add = [this, router](absl::string_view route, auto method) {
    router->Add(absl::StrCat("/data/plugin/graphs/", route), true,
                [this, method](const http::Request& request, const Location& at) {
                  absl::StatusOr<http::Response> response = (this->*method)(request, *at.index);
                  return response.ok() ? *std::move(response) : ErrorAnswer(response.status());
                });
  };
  add("info", &GraphsPlugin::Info);
  add("graph", &GraphsPlugin::Graph);
  add("run_metadata", &GraphsPlugin::RunMetadata);
}

absl::StatusOr<http::Response> GraphsPlugin::Info(const http::Request&,
                                                  const IndexReader& index) const {
  std::map<std::string, RunParts> runs;
  const auto list = [&index](const char* plugin) {
    SeriesFilter filter;
    filter.plugin_name = plugin;
    return SeriesOf(index, filter);
  };
  for (const char* plugin : {kRunMetadataGraph, kRunMetadata, kKerasModel}) {
    for (const SeriesInfo& series : list(plugin)) {
      if (series.metadata->plugin_content != "1") continue;  // of an unknown version
      TagParts& parts = runs[series.run.value()].tags[series.tag.value()];
      const absl::string_view name = plugin;
      parts.conceptual_graph |= name == kKerasModel;
      parts.op_graph |= name != kKerasModel;
      parts.profile |= name == kRunMetadata;
    }
  }
  for (const SeriesInfo& series : list(kRunGraph)) {
    if (series.tag.value() == kRunGraphTag) runs[series.run.value()].run_graph = true;
  }
  for (const SeriesInfo& series : list(kTaggedRunMetadata)) {
    runs[series.run.value()].tags[series.tag.value()].profile = true;
  }
  JsonWriter writer;
  writer.BeginObject();
  for (const auto& [run, parts] : runs) {
    writer.Key(run);
    writer.BeginObject();
    writer.Key("run");
    writer.String(run);
    writer.Key("run_graph");
    writer.Bool(parts.run_graph);
    writer.Key("tags");
    writer.BeginObject();
    for (const auto& [tag, of_tag] : parts.tags) {
      writer.Key(tag);
      writer.BeginObject();
      writer.Key("tag");
      writer.String(tag);
      writer.Key("conceptual_graph");
      writer.Bool(of_tag.conceptual_graph);
      writer.Key("op_graph");
      writer.Bool(of_tag.op_graph);
      writer.Key("profile");
      writer.Bool(of_tag.profile);
      writer.EndObject();
    }
    writer.EndObject();
    writer.EndObject();
  }
  writer.EndObject();
  return JsonAnswer(&writer);
}

absl::StatusOr<http::Response> GraphsPlugin::Graph(const http::Request& request,
                                                   const IndexReader& index) const {
  ASSIGN_OR_RETURN(const std::string run, RequiredParameter(request, "run"));
  ASSIGN_OR_RETURN(const Limit limit, ReadLimit(request));
  tensorboard::GraphDef graph;
  if (request.QueryValue("conceptual") == "true") {
    ASSIGN_OR_RETURN(const std::string tag, RequiredParameter(request, "tag"));
    ASSIGN_OR_RETURN(const std::string blob, NewestBlob(index, {kKerasModel}, run, tag));
    ASSIGN_OR_RETURN(graph, KerasGraph(blob));
  } else if (const std::optional<absl::string_view> tag = request.QueryValue("tag")) {
    ASSIGN_OR_RETURN(const std::string blob,
                     NewestBlob(index, {kRunMetadata, kRunMetadataGraph}, run, std::string(*tag)));
    ASSIGN_OR_RETURN(tensorboard::RunMetadata metadata, Parse<tensorboard::RunMetadata>(blob));
    ASSIGN_OR_RETURN(graph, MergeFunctionGraphs(&metadata));
  } else {
    ASSIGN_OR_RETURN(const std::string blob, NewestBlob(index, {kRunGraph}, run, kRunGraphTag));
    ASSIGN_OR_RETURN(graph, Parse<tensorboard::GraphDef>(blob));
  }
  RETURN_IF_ERROR(Apply(limit, &graph));
  return TextAnswer(graph);
}

absl::StatusOr<http::Response> GraphsPlugin::RunMetadata(const http::Request& request,
                                                         const IndexReader& index) const {
  ASSIGN_OR_RETURN(const std::string tag, RequiredParameter(request, "tag"));
  ASSIGN_OR_RETURN(const std::string run, RequiredParameter(request, "run"));
  ASSIGN_OR_RETURN(const std::string blob,
                   NewestBlob(index, {kTaggedRunMetadata, kRunMetadata}, run, tag));
  ASSIGN_OR_RETURN(const tensorboard::RunMetadata metadata, Parse<tensorboard::RunMetadata>(blob));
  return TextAnswer(metadata);
}

}  // namespace tributary::serve
