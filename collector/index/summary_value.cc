#include "collector/index/summary_value.h"

#include <limits>
#include <string>
#include <utility>

#include "collector/index/wire_fields.h"

namespace tributary {
namespace {

using Kind = ScannedValue::Kind;

constexpr uint64_t kStringDtype = 7;  // DT_STRING

SeriesMetadata Synthesised(absl::string_view plugin_name, absl::string_view content,
                           DataClass data_class) {
  SeriesMetadata metadata;
  metadata.plugin_name = std::string(plugin_name);
  metadata.plugin_content = std::string(content);
  metadata.data_class = data_class;
  return metadata;
}

DataClass ClassOfPlugin(absl::string_view name) {
  if (name == "scalars") return DataClass::kScalar;
  for (absl::string_view tensors :
       {"histograms", "text", "hparams", "pr_curves", "mesh", "custom_scalars"}) {
    if (name == tensors) return DataClass::kTensor;
  }
  for (absl::string_view blobs :
       {"images", "audio", "graph_run_metadata", "graph_run_metadata_graph", "graph_keras_model"}) {
    if (name == blobs) return DataClass::kBlobSequence;
  }
  return DataClass::kUnknown;
}

bool IsGraphPlugin(absl::string_view name) {
  return name == "graph_run_metadata" || name == "graph_run_metadata_graph" ||
         name == "graph_keras_model";
}

// PluginData, merged into what earlier ones said, as protobuf does.
bool ParsePluginData(absl::string_view message, SeriesMetadata* metadata) {
  WireFields fields(message);
  WireField field;
  while (fields.Next(&field)) {
    if (field.type != WireField::Type::kBytes) continue;
    if (field.number == 1) metadata->plugin_name = std::string(field.bytes);
    if (field.number == 2) metadata->plugin_content = std::string(field.bytes);
  }
  return !fields.malformed();
}

std::optional<SeriesMetadata> ParseMetadata(absl::string_view message) {
  SeriesMetadata metadata;
  WireFields fields(message);
  WireField field;
  while (fields.Next(&field)) {
    const bool bytes = field.type == WireField::Type::kBytes;
    if (field.number == 1 && bytes && !ParsePluginData(field.bytes, &metadata)) {
      return std::nullopt;
    }
    if (field.number == 2 && bytes) metadata.display_name = std::string(field.bytes);
    if (field.number == 3 && bytes) metadata.description = std::string(field.bytes);
    if (field.number == 4 && field.type == WireField::Type::kVarint) {
      metadata.data_class =
          field.varint <= 3 ? static_cast<DataClass>(field.varint) : DataClass::kUnknown;
    }
  }
  if (fields.malformed()) return std::nullopt;
  return metadata;
}

// The parts of a TensorProto that decide whether it is a blob sequence.
struct StringTensor {
  uint64_t dtype = 0;
  uint32_t rank = 0;
  uint64_t last_dimension = 0;
  uint64_t strings = 0;
};

std::optional<StringTensor> ParseTensor(absl::string_view message) {
  StringTensor tensor;
  WireFields fields(message);
  WireField field;
  while (fields.Next(&field)) {
    if (field.number == 1 && field.type == WireField::Type::kVarint) tensor.dtype = field.varint;
    if (field.number == 8 && field.type == WireField::Type::kBytes) ++tensor.strings;
    if (field.number != 2 || field.type != WireField::Type::kBytes) continue;
    WireFields shape(field.bytes);
    WireField dimension;
    while (shape.Next(&dimension)) {
      if (dimension.number != 2 || dimension.type != WireField::Type::kBytes) continue;
      ++tensor.rank;
      tensor.last_dimension = 0;
      WireFields size(dimension.bytes);
      WireField part;
      while (size.Next(&part)) {
        if (part.number == 1 && part.type == WireField::Type::kVarint) {
          tensor.last_dimension = part.varint;
        }
      }
    }
  }
  if (fields.malformed()) return std::nullopt;
  return tensor;
}

// Doubles in a repeated field, packed or not.
uint64_t DoublesIn(const WireField& field) {
  return field.type == WireField::Type::kFixed64 ? 1 : field.bytes.size() / sizeof(double);
}

// A legacy histogram has as many bucket limits as buckets.
bool IsValidHistogram(absl::string_view message) {
  uint64_t limits = 0;
  uint64_t buckets = 0;
  WireFields fields(message);
  WireField field;
  while (fields.Next(&field)) {
    if (field.type == WireField::Type::kVarint) continue;
    if (field.number == 6) limits += DoublesIn(field);
    if (field.number == 7) buckets += DoublesIn(field);
  }
  return !fields.malformed() && limits == buckets;
}

}  // namespace

std::optional<SeriesMetadata> InitialMetadata(const ScannedValue& value) {
  SeriesMetadata given;
  if (value.has_metadata) {
    std::optional<SeriesMetadata> parsed = ParseMetadata(value.metadata);
    if (!parsed.has_value()) return std::nullopt;
    given = *std::move(parsed);
    if (given.data_class != DataClass::kUnknown) return given;
  }
  switch (value.kind) {
    case Kind::kSimpleValue:
      return Synthesised("scalars", "", DataClass::kScalar);
    case Kind::kImage:
      return Synthesised("images", absl::string_view("\x10\x01", 2), DataClass::kBlobSequence);
    case Kind::kAudio:
      return Synthesised("audio", absl::string_view("\x18\x01", 2), DataClass::kBlobSequence);
    case Kind::kHistogram:
      return Synthesised("histograms", "", DataClass::kTensor);
    case Kind::kNone:
    case Kind::kObsoleteHistogram:
    case Kind::kTensor:
      given.data_class = ClassOfPlugin(given.plugin_name);
      return given;
  }
  return given;
}

SeriesMetadata GraphMetadata() { return Synthesised("graphs", "", DataClass::kBlobSequence); }

SeriesMetadata TaggedRunMetadataMetadata() {
  return Synthesised("graph_tagged_run_metadata", "", DataClass::kBlobSequence);
}

absl::string_view TaggedRunMetadataTag(absl::string_view message) {
  absl::string_view tag;
  WireFields fields(message);
  WireField field;
  while (fields.Next(&field)) {
    if (field.number == 1 && field.type == WireField::Type::kBytes) tag = field.bytes;
  }
  return tag;
}

std::optional<uint32_t> BlobCount(const ScannedValue& value, absl::string_view plugin_name) {
  if (value.kind == Kind::kImage) return 3;  // Width, height, the image.
  if (value.kind == Kind::kAudio) return 1;
  if (value.kind != Kind::kTensor) return std::nullopt;
  const std::optional<StringTensor> tensor = ParseTensor(value.value_bytes);
  if (!tensor.has_value() || tensor->dtype != kStringDtype ||
      tensor->strings > std::numeric_limits<uint32_t>::max()) {
    return std::nullopt;
  }
  const uint32_t strings = static_cast<uint32_t>(tensor->strings);
  if (tensor->rank == 1) return strings;
  // Clips with their labels, which are dropped.
  if (tensor->rank == 2 && tensor->last_dimension == 2 && plugin_name == "audio") {
    return strings / 2;
  }
  if (tensor->rank == 0 && strings == 1 && IsGraphPlugin(plugin_name)) return 1;
  return std::nullopt;
}

bool IsTensorPoint(const ScannedValue& value) {
  switch (value.kind) {
    case Kind::kTensor:
    case Kind::kNone:  // The null tensor: hyperparameters keep their data in the metadata.
      return true;
    case Kind::kHistogram:
      return IsValidHistogram(value.value_bytes);
    default:
      return false;
  }
}

}  // namespace tributary
