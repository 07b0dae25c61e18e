#include "collector/serve/plugins/record_values.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/json_value.h"
#include "collector/serve/json_writer.h"
#include "collector/serve/plugins/tensor_elements.h"
#include "common/status_macros.h"
#include "tensorboard/event.pb.h"

namespace tributary::serve {
namespace {

// More buckets than any writer makes; a tensor of one element may claim any shape.
constexpr int64_t kBucketsMax = 1 << 20;

std::optional<std::vector<Bucket>> FromTensor(const tensorboard::TensorProto& tensor) {
  constexpr size_t kColumns = 3;
  const tensorboard::TensorShapeProto& shape = tensor.tensor_shape();
  if (shape.dim_size() != 2 || shape.dim(1).size() != static_cast<int64_t>(kColumns)) {
    return std::nullopt;
  }
  const int64_t rows = shape.dim(0).size();
  if (rows < 0 || rows > kBucketsMax) return std::nullopt;
  const size_t wanted = static_cast<size_t>(rows) * kColumns;
  const std::optional<std::vector<double>> found = TensorElements(tensor, wanted);
  if (!found.has_value()) return std::nullopt;
  const std::vector<double>& elements = *found;
  std::vector<Bucket> buckets;
  buckets.reserve(static_cast<size_t>(rows));
  for (size_t i = 0; i < wanted; i += kColumns) {
    buckets.push_back({elements[i], elements[i + 1], elements[i + 2]});
  }
  return buckets;
}

// As TensorBoard's data server: the limits of all buckets but the last are right edges, the ends
// are the smallest and the largest value seen.
std::optional<std::vector<Bucket>> FromLegacy(const tensorboard::HistogramProto& histogram) {
  const int count = histogram.bucket_size();
  if (count != histogram.bucket_limit_size()) return std::nullopt;
  std::vector<Bucket> buckets;
  buckets.reserve(static_cast<size_t>(count));
  double left = histogram.min();
  for (int i = 0; i < count; ++i) {
    const double right = i + 1 == count ? histogram.max() : histogram.bucket_limit(i);
    buckets.push_back({left, right, histogram.bucket(i)});
    left = right;
  }
  return buckets;
}

absl::StatusOr<tensorboard::Event> ReadEvent(const RecordReference& reference) {
  absl::StatusOr<std::string> payload =
      reference.source->Read(reference.payload_offset, reference.payload_bytes);
  if (!payload.ok()) {
    return absl::UnavailableError(
        absl::StrCat("a record cannot be read: ", payload.status().message()));
  }
  tensorboard::Event event;
  if (!event.ParseFromString(*payload)) {
    return absl::DataLossError("a record is not what it was when it was indexed");
  }
  return event;
}

absl::StatusOr<tensorboard::Summary::Value> TakeValue(const RecordReference& reference,
                                                      tensorboard::Event* event) {
  if (std::cmp_greater_equal(reference.value_index, event->summary().value_size())) {
    return absl::DataLossError("a record is not what it was when it was indexed");
  }
  return std::move(
      *event->mutable_summary()->mutable_value(static_cast<int>(reference.value_index)));
}

}  // namespace

absl::StatusOr<tensorboard::Summary::Value> ReadValue(const RecordReference& reference) {
  ASSIGN_OR_RETURN(tensorboard::Event event, ReadEvent(reference));
  return TakeValue(reference, &event);
}

absl::StatusOr<std::string> ReadBlob(const RecordReference& reference, uint64_t index) {
  ASSIGN_OR_RETURN(tensorboard::Event event, ReadEvent(reference));
  if (event.has_graph_def() && index == 0) return std::move(*event.mutable_graph_def());
  if (event.has_tagged_run_metadata() && index == 0) {
    return std::move(*event.mutable_tagged_run_metadata()->mutable_run_metadata());
  }
  ASSIGN_OR_RETURN(const tensorboard::Summary::Value value, TakeValue(reference, &event));
  return BlobOf(value, index);
}

std::optional<std::vector<Bucket>> HistogramOf(const tensorboard::Summary::Value& value) {
  if (value.has_histo()) return FromLegacy(value.histo());
  if (value.has_tensor()) return FromTensor(value.tensor());
  return std::nullopt;
}

absl::StatusOr<std::string> BlobOf(const tensorboard::Summary::Value& value, uint64_t index) {
  if (value.has_image() && index < 3) {
    const tensorboard::Summary::Image& image = value.image();
    if (index == 0) return absl::StrCat(image.width());
    if (index == 1) return absl::StrCat(image.height());
    return image.encoded_image_string();
  }
  if (value.has_audio() && index == 0) return value.audio().encoded_audio_string();
  if (value.has_tensor() && value.tensor().dtype() == tensorboard::DT_STRING) {
    const tensorboard::TensorProto& tensor = value.tensor();
    // Only clips come with a second dimension: each is followed by its label, which is no blob.
    const bool labelled = tensor.tensor_shape().dim_size() == 2;
    const uint64_t step = labelled ? 2 : 1;
    const auto strings = static_cast<uint64_t>(tensor.string_val_size());
    if (index < strings / step) return tensor.string_val(static_cast<int>(index * step));
  }
  return absl::NotFoundError("there is no such blob");
}

std::string EncodeBlobKey(const BlobKey& key) {
  JsonWriter writer;
  writer.BeginArray();
  writer.String("");  // the experiment: there is one
  writer.String(key.run.value());
  writer.String(key.tag.value());
  writer.Int(key.step.value());
  writer.Uint(key.index);
  writer.EndArray();
  return absl::WebSafeBase64Escape(writer.Take());
}

absl::StatusOr<BlobKey> DecodeBlobKey(absl::string_view text) {
  const absl::Status malformed = absl::InvalidArgumentError("malformed blob key");
  std::string json;
  if (!absl::WebSafeBase64Unescape(text, &json)) return malformed;
  const absl::StatusOr<JsonValue> value = ParseJson(json);
  if (!value.ok() || value->kind != JsonValue::Kind::kArray || value->values.size() != 5) {
    return malformed;
  }
  const JsonValue& run = value->values[1];
  const JsonValue& tag = value->values[2];
  const std::optional<int64_t> step = value->values[3].AsInteger();
  const std::optional<int64_t> index = value->values[4].AsInteger();
  if (run.kind != JsonValue::Kind::kString || tag.kind != JsonValue::Kind::kString ||
      !step.has_value() || !index.has_value() || *index < 0) {
    return malformed;
  }
  return BlobKey{RunName(run.text), Tag(tag.text), Step(*step), static_cast<uint64_t>(*index)};
}

absl::StatusOr<std::string> ReadKeyedBlob(const IndexReader& index, absl::string_view text) {
  ASSIGN_OR_RETURN(const BlobKey key, DecodeBlobKey(text));
  ASSIGN_OR_RETURN(const std::vector<RecordReference> references,
                   index.ReadReferences(key.run, key.tag, 0));
  const auto found =
      std::find_if(references.begin(), references.end(),
                   [&key](const RecordReference& reference) { return reference.step == key.step; });
  if (found == references.end()) return absl::NotFoundError("there is no such step any more");
  ASSIGN_OR_RETURN(const tensorboard::Summary::Value value, ReadValue(*found));
  return BlobOf(value, key.index);
}

std::string SniffImageType(absl::string_view bytes) {
  if (absl::StartsWith(bytes, "\x89PNG\r\n\x1a\n")) return "image/png";
  if (absl::StartsWith(bytes, "\xff\xd8\xff")) return "image/jpeg";
  if (absl::StartsWith(bytes, "GIF87a") || absl::StartsWith(bytes, "GIF89a")) return "image/gif";
  if (absl::StartsWith(bytes, "BM")) return "image/bmp";
  return "application/octet-stream";
}

}  // namespace tributary::serve
