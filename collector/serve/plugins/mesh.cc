#include "collector/serve/plugins/mesh.h"

#include <algorithm>
#include <cmath>
#include <limits>
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
#include "collector/serve/plugins/record_values.h"
#include "collector/serve/plugins/tensor_elements.h"
#include "common/status_macros.h"
#include "tensorboard/plugins/mesh.pb.h"

namespace tributary::serve {
namespace {

using tensorboard::mesh::MeshPluginData;

// Of one point, some 1 GiB as doubles; a tensor of one element may claim any shape.
constexpr size_t kElementsMax = size_t{1} << 27;

// One of the series that make a mesh.
struct Part {
  SeriesInfo series;
  MeshPluginData data;
};

// Of the run, or of all runs if there is none.
std::vector<Part> Parts(const IndexReader& index, const std::optional<std::string>& run) {
  SeriesFilter filter;
  filter.plugin_name = kMesh;
  if (run.has_value()) filter.runs = {*run};
  std::vector<Part> parts;
  for (SeriesInfo& series : SeriesOf(index, filter)) {
    MeshPluginData data;
    if (!data.ParseFromString(series.metadata->plugin_content) || data.version() != 0) continue;
    if (data.components() == 0) {
      data.set_components((1U << MeshPluginData::VERTEX) | (1U << MeshPluginData::FACE) |
                          (1U << MeshPluginData::COLOR));
    }
    parts.push_back({std::move(series), std::move(data)});
  }
  return parts;
}

struct Wanted {
  std::string run;
  std::optional<std::string> name;  // of the mesh; no mesh is without one
};

absl::StatusOr<Wanted> ReadWanted(const http::Request& request) {
  Wanted wanted;
  ASSIGN_OR_RETURN(wanted.run, RequiredParameter(request, "run"));
  if (const auto name = request.QueryValue("tag")) wanted.name = std::string(*name);
  return wanted;
}

// The nearest number that the type has; 0 for NaN unless it has one.
template <typename Element>
void AppendAs(double value, std::string* out) {
  Element element;
  if constexpr (std::numeric_limits<Element>::is_integer) {
    constexpr double kLow = std::numeric_limits<Element>::lowest();
    constexpr double kHigh = std::numeric_limits<Element>::max();
    element = std::isnan(value) ? Element{0} : static_cast<Element>(std::clamp(value, kLow, kHigh));
  } else {
    element = static_cast<Element>(value);
  }
  out->append(reinterpret_cast<const char*>(&element), sizeof(element));
}

// The sample's elements as the page wants this kind of content.
absl::Status AppendSample(const tensorboard::TensorProto& tensor, int64_t sample,
                          MeshPluginData::ContentType type, std::string* out) {
  const tensorboard::TensorShapeProto& shape = tensor.tensor_shape();
  const std::optional<size_t> all = ShapeElements(shape, kElementsMax);
  if (!all.has_value() || shape.dim_size() == 0) {
    return absl::InvalidArgumentError("the tensor's shape is not one of a mesh");
  }
  const int64_t samples = shape.dim(0).size();
  if (sample < 0) sample += samples;  // as Python counts
  if (sample < 0 || sample >= samples) {
    return absl::InvalidArgumentError(absl::StrCat("there are ", samples, " samples"));
  }
  const std::optional<std::vector<double>> elements = TensorElements(tensor, *all);
  if (!elements.has_value()) return absl::InvalidArgumentError("the tensor holds no numbers");
  const size_t width = *all / static_cast<size_t>(samples);
  const size_t begin = static_cast<size_t>(sample) * width;
  for (size_t i = begin; i < begin + width; ++i) {
    const double value = (*elements)[i];
    if (type == MeshPluginData::VERTEX) AppendAs<float>(value, out);
    if (type == MeshPluginData::FACE) AppendAs<int32_t>(value, out);
    if (type == MeshPluginData::COLOR) AppendAs<uint8_t>(value, out);
  }
  return absl::OkStatus();
}

absl::StatusOr<double> StepParameter(const http::Request& request) {
  const std::optional<absl::string_view> text = request.QueryValue("step");
  double step = 0;
  if (text.has_value() && !absl::SimpleAtod(*text, &step)) {
    return absl::InvalidArgumentError(absl::StrCat("\"step\" is no number: ", *text));
  }
  return step;
}

}  // namespace

void MeshPlugin::AddRoutes(Router* router) const {
  router->Add("/data/plugin/mesh/tags", true,
              [this](const http::Request&, const Location& at) { return Tags(*at.index); });
  const auto add = [this, router](absl::string_view route, auto method) {
    router->Add(absl::StrCat("/data/plugin/mesh/", route), true,
                [this, method](const http::Request& request, const Location& at) {
                  absl::StatusOr<http::Response> response = (this->*method)(request, *at.index);
                  return response.ok() ? *std::move(response) : ErrorAnswer(response.status());
                });
  };
  add("meshes", &MeshPlugin::Meshes);
  add("data", &MeshPlugin::Data);
}

http::Response MeshPlugin::Tags(const IndexReader& index) const {
  std::map<std::string, std::map<std::string, int64_t>> samples;
  for (const Part& part : Parts(index, std::nullopt)) {
    samples[part.series.run.value()][part.data.name()] =
        part.data.shape_size() > 0 ? part.data.shape(0) : 0;
  }
  JsonWriter writer;
  writer.BeginObject();
  for (const auto& [run, meshes] : samples) {
    writer.Key(run);
    writer.BeginObject();
    for (const auto& [name, count] : meshes) {
      writer.Key(name);
      writer.BeginObject();
      writer.Key("samples");
      writer.Int(count);
      writer.EndObject();
    }
    writer.EndObject();
  }
  writer.EndObject();
  return JsonAnswer(&writer);
}

absl::StatusOr<http::Response> MeshPlugin::Meshes(const http::Request& request,
                                                  const IndexReader& index) const {
  ASSIGN_OR_RETURN(const Wanted wanted, ReadWanted(request));
  const std::vector<Part> parts = Parts(index, wanted.run);
  std::vector<std::pair<RecordReference, const MeshPluginData*>> points;
  for (const Part& part : parts) {
    if (part.data.name() != wanted.name) continue;
    ASSIGN_OR_RETURN(const std::vector<RecordReference> references,
                     index.ReadReferences(part.series.run, part.series.tag, points_max_));
    for (const RecordReference& reference : references) points.emplace_back(reference, &part.data);
  }
  std::sort(points.begin(), points.end(), [](const auto& left, const auto& right) {
    return std::pair(left.first.step, left.second->content_type()) <
           std::pair(right.first.step, right.second->content_type());
  });
  JsonWriter writer;
  writer.BeginArray();
  for (const auto& [reference, data] : points) {
    writer.BeginObject();
    writer.Key("wall_time");
    writer.Double(reference.wall_time.value());
    writer.Key("step");
    writer.Int(reference.step.value());
    writer.Key("content_type");
    writer.Int(data->content_type());
    writer.Key("components");
    writer.Uint(data->components());
    writer.Key("config");
    writer.String(data->json_config());
    writer.Key("data_shape");
    writer.BeginArray();
    for (const int32_t size : data->shape()) writer.Int(size);
    writer.EndArray();
    writer.EndObject();
  }
  writer.EndArray();
  return JsonAnswer(&writer);
}

absl::StatusOr<http::Response> MeshPlugin::Data(const http::Request& request,
                                                const IndexReader& index) const {
  ASSIGN_OR_RETURN(const Wanted wanted, ReadWanted(request));
  ASSIGN_OR_RETURN(const double step, StepParameter(request));
  ASSIGN_OR_RETURN(const std::optional<int64_t> sample, IntegerParameter(request, "sample"));
  ASSIGN_OR_RETURN(const std::string type_name, RequiredParameter(request, "content_type"));
  MeshPluginData::ContentType type = MeshPluginData::UNDEFINED;
  if (!MeshPluginData::ContentType_Parse(type_name, &type) || type == MeshPluginData::UNDEFINED) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"content_type\" is none of VERTEX, FACE, COLOR: ", type_name));
  }
  http::Response response;
  for (const Part& part : Parts(index, wanted.run)) {
    if (part.data.name() != wanted.name || part.data.content_type() != type) continue;
    ASSIGN_OR_RETURN(const std::vector<RecordReference> references,
                     index.ReadReferences(part.series.run, part.series.tag, points_max_));
    for (const RecordReference& reference : references) {
      if (static_cast<double>(reference.step.value()) != step) continue;
      ASSIGN_OR_RETURN(const tensorboard::Summary::Value value, ReadValue(reference));
      RETURN_IF_ERROR(AppendSample(value.tensor(), sample.value_or(0), type, &response.body));
    }
  }
  response.content_type = "arraybuffer";
  ForbidReuse(&response);
  return response;
}

}  // namespace tributary::serve
