#include "collector/serve/data_provider.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "collector/serve/plugins/record_values.h"
#include "common/status_macros.h"
#include "common/utf8.h"

namespace tributary::serve {
namespace {

namespace data = ::tensorboard::data;

// The filter of a List or Read request, once it is known to be whole.
template <typename Request>
absl::StatusOr<SeriesFilter> FilterOf(const Request& request) {
  SeriesFilter filter;
  filter.plugin_name = request.plugin_filter().plugin_name();
  if (filter.plugin_name.empty()) {
    return absl::InvalidArgumentError("plugin_filter must name a plugin");
  }
  const data::RunTagFilter& names = request.run_tag_filter();
  if (names.has_runs()) {
    filter.runs.emplace(names.runs().names().begin(), names.runs().names().end());
  }
  if (names.has_tags()) {
    filter.tags.emplace(names.tags().names().begin(), names.tags().names().end());
  }
  return filter;
}

template <typename Request>
absl::StatusOr<uint64_t> PointsWanted(const Request& request) {
  if (!request.has_downsample()) {
    return absl::InvalidArgumentError("downsample must be set");
  }
  const int64_t points = request.downsample().num_points();
  if (points < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_points must not be negative, but is ", points));
  }
  return static_cast<uint64_t>(points);
}

// Strings of writers went through no parser that refuses what is not UTF-8; clients do.
void WriteMetadata(const SeriesMetadata& from, tensorboard::SummaryMetadata* to) {
  to->mutable_plugin_data()->set_plugin_name(ValidUtf8(from.plugin_name));
  to->mutable_plugin_data()->set_content(from.plugin_content);
  to->set_display_name(ValidUtf8(from.display_name));
  to->set_summary_description(ValidUtf8(from.description));
  to->set_data_class(static_cast<tensorboard::DataClass>(from.data_class));
}

template <typename Metadata>
void WriteInfo(const SeriesInfo& series, Metadata* metadata) {
  metadata->set_max_step(series.max_step.value());
  metadata->set_max_wall_time(series.max_wall_time.value());
  WriteMetadata(*series.metadata, metadata->mutable_summary_metadata());
}

void WriteInfo(const SeriesInfo& series, data::BlobSequenceMetadata* metadata) {
  WriteInfo<data::BlobSequenceMetadata>(series, metadata);
  metadata->set_max_length(static_cast<int64_t>(series.max_length));
}

// Goes through series that are sorted by (run, tag) and makes their entries.
template <typename Response>
class Entries {
 public:
  Entries(Response* response, uint64_t bytes_max) : response_(response), bytes_left_(bytes_max) {}

  auto* Add(const SeriesInfo& series) {
    if (run_ == nullptr || run_->run_name() != series.run.value()) {
      run_ = response_->add_runs();
      run_->set_run_name(series.run.value());
    }
    auto* const entry = run_->add_tags();
    entry->set_tag_name(series.tag.value());
    return entry;
  }
  // False if the answer has become too long with this entry of Add.
  template <typename Entry>
  bool Fits(const Entry& entry) {
    const uint64_t bytes = entry.ByteSizeLong() + kFramingBytes;
    if (bytes > bytes_left_) return false;
    bytes_left_ -= bytes;
    return true;
  }

 private:
  // Around one entry, its run's name left out: that is small beside the data.
  static constexpr uint64_t kFramingBytes = 8;
  Response* const response_;
  decltype(std::declval<Response>().add_runs()) run_ = nullptr;
  uint64_t bytes_left_;
};

absl::Status TooLong(uint64_t bytes_max) {
  return absl::ResourceExhaustedError(
      absl::StrCat("the answer is longer than ", bytes_max,
                   " bytes; ask for fewer runs, tags or points at a time"));
}

absl::Status NobodyWaits() { return absl::CancelledError("the caller went away"); }

// A legacy histogram as the tensor that TensorBoard's data server makes of it.
void WriteBuckets(const std::vector<Bucket>& buckets, tensorboard::TensorProto* tensor) {
  tensor->set_dtype(tensorboard::DT_DOUBLE);
  tensor->mutable_tensor_shape()->add_dim()->set_size(static_cast<int64_t>(buckets.size()));
  tensor->mutable_tensor_shape()->add_dim()->set_size(3);
  std::string* const content = tensor->mutable_tensor_content();
  content->reserve(buckets.size() * 3 * sizeof(double));
  for (const Bucket& bucket : buckets) {
    for (const double value : {bucket.left, bucket.right, bucket.count}) {
      content->append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
  }
}

// False for a value that is no tensor.
bool TakeTensor(tensorboard::Summary::Value* value, tensorboard::TensorProto* tensor) {
  switch (value->value_case()) {
    case tensorboard::Summary::Value::kTensor:
      *tensor = std::move(*value->mutable_tensor());
      return true;
    case tensorboard::Summary::Value::kHisto: {
      const std::optional<std::vector<Bucket>> buckets = HistogramOf(*value);
      if (!buckets.has_value()) return false;
      WriteBuckets(*buckets, tensor);
      return true;
    }
    case tensorboard::Summary::Value::VALUE_NOT_SET:
      // Only the metadata counts; the value is a tensor without elements.
      tensor->set_dtype(tensorboard::DT_FLOAT);
      tensor->mutable_tensor_shape()->add_dim();
      return true;
    default:
      return false;
  }
}

}  // namespace

DataProvider::DataProvider(const Options& options, const IndexReader* index,
                           MetricsRegistry* metrics)
    : options_(options),
      index_(index),
      points_unreadable_(metrics->AddCounter(
          "tributary_collector_data_provider_points_unreadable_total",
          "Points left out of gRPC answers because their records could not be read.")) {}

uint64_t DataProvider::Allowed(const SeriesInfo& series, uint64_t wanted) const {
  const auto limit = options_.points_max.find(series.metadata->plugin_name);
  return limit == options_.points_max.end() ? wanted : std::min(wanted, limit->second);
}

template <typename Request, typename Response>
absl::Status DataProvider::List(DataClass data_class, const Request& request, Cancelled cancelled,
                                Response* response) const {
  ASSIGN_OR_RETURN(const SeriesFilter filter, FilterOf(request));
  Entries<Response> entries(response, options_.answer_bytes_max);
  for (const SeriesInfo& series : index_->ListSeries(filter)) {
    if (series.metadata->data_class != data_class || Allowed(series, 1) == 0) continue;
    if (cancelled()) return NobodyWaits();
    auto* const entry = entries.Add(series);
    WriteInfo(series, entry->mutable_metadata());
    if (!entries.Fits(*entry)) return TooLong(options_.answer_bytes_max);
  }
  return absl::OkStatus();
}

template <typename Request, typename Response>
absl::Status DataProvider::Read(DataClass data_class, const Request& request, Cancelled cancelled,
                                Response* response) const {
  ASSIGN_OR_RETURN(SeriesFilter filter, FilterOf(request));
  ASSIGN_OR_RETURN(const uint64_t wanted, PointsWanted(request));
  filter.with_empty = true;
  Entries<Response> entries(response, options_.answer_bytes_max);
  for (const SeriesInfo& series : index_->ListSeries(filter)) {
    if (series.metadata->data_class != data_class) continue;
    auto* const entry = entries.Add(series);
    const uint64_t points_max = Allowed(series, wanted);
    entry->mutable_data();
    if (points_max > 0 && series.points > 0) {
      Fill(series, points_max, cancelled, entry->mutable_data());
    }
    if (cancelled()) return NobodyWaits();
    if (!entries.Fits(*entry)) return TooLong(options_.answer_bytes_max);
  }
  return absl::OkStatus();
}

void DataProvider::Fill(const SeriesInfo& series, uint64_t points_max, Cancelled /*cancelled*/,
                        data::ScalarData* data) const {
  IndexReader::ScalarQuery query;
  query.points_max = points_max;
  const absl::StatusOr<ScalarPoints> points = index_->ReadScalars(series.run, series.tag, query);
  // It is not there any more: an entry without points.
  if (!points.ok()) return;
  data->mutable_step()->Add(points->steps.begin(), points->steps.end());
  data->mutable_wall_time()->Add(points->wall_times.begin(), points->wall_times.end());
  data->mutable_value()->Reserve(static_cast<int>(points->values.size()));
  for (const double value : points->values) data->add_value(static_cast<float>(value));
}

void DataProvider::Fill(const SeriesInfo& series, uint64_t points_max, Cancelled cancelled,
                        data::TensorData* data) const {
  const absl::StatusOr<std::vector<RecordReference>> references =
      index_->ReadReferences(series.run, series.tag, points_max);
  if (!references.ok()) return;  // As above.
  uint64_t bytes = 0;
  for (const RecordReference& reference : *references) {
    // What is too long is found out by the caller; it must not grow on until then.
    if (cancelled() || bytes > options_.answer_bytes_max) return;
    absl::StatusOr<tensorboard::Summary::Value> value = ReadValue(reference);
    tensorboard::TensorProto tensor;
    if (!value.ok() || !TakeTensor(&*value, &tensor)) {
      points_unreadable_.Increment();
      continue;
    }
    bytes += tensor.ByteSizeLong();
    data->add_step(reference.step.value());
    data->add_wall_time(reference.wall_time.value());
    *data->add_value() = std::move(tensor);
  }
}

void DataProvider::Fill(const SeriesInfo& series, uint64_t points_max, Cancelled cancelled,
                        data::BlobSequenceData* data) const {
  const absl::StatusOr<std::vector<RecordReference>> references =
      index_->ReadReferences(series.run, series.tag, points_max);
  if (!references.ok()) return;  // As above.
  uint64_t bytes = 0;
  for (const RecordReference& reference : *references) {
    if (cancelled() || bytes > options_.answer_bytes_max) return;
    data->add_step(reference.step.value());
    data->add_wall_time(reference.wall_time.value());
    data::BlobReferenceSequence* const blobs = data->add_values();
    for (uint64_t i = 0; i < reference.length; ++i) {
      blobs->add_blob_refs()->set_blob_key(
          EncodeBlobKey({series.run, series.tag, reference.step, i}));
      bytes += blobs->blob_refs().rbegin()->blob_key().size();
    }
  }
}

absl::Status DataProvider::Answer(const data::GetExperimentRequest& /*request*/,
                                  Cancelled /*cancelled*/,
                                  data::GetExperimentResponse* response) const {
  response->set_data_location(ValidUtf8(options_.data_location));
  return absl::OkStatus();
}

absl::Status DataProvider::Answer(const data::ListPluginsRequest& /*request*/,
                                  Cancelled /*cancelled*/,
                                  data::ListPluginsResponse* response) const {
  for (const std::string& name : index_->Plugins()) {
    response->add_plugins()->set_name(ValidUtf8(name));
  }
  return absl::OkStatus();
}

absl::Status DataProvider::Answer(const data::ListRunsRequest& /*request*/, Cancelled /*cancelled*/,
                                  data::ListRunsResponse* response) const {
  for (const RunInfo& info : index_->Runs()) {
    data::Run* const run = response->add_runs();
    run->set_name(info.name.value());
    run->set_start_time(info.start_time);
  }
  return absl::OkStatus();
}

absl::Status DataProvider::Answer(const data::ListScalarsRequest& request, Cancelled cancelled,
                                  data::ListScalarsResponse* response) const {
  return List(DataClass::kScalar, request, cancelled, response);
}

absl::Status DataProvider::Answer(const data::ReadScalarsRequest& request, Cancelled cancelled,
                                  data::ReadScalarsResponse* response) const {
  return Read(DataClass::kScalar, request, cancelled, response);
}

absl::Status DataProvider::Answer(const data::ListTensorsRequest& request, Cancelled cancelled,
                                  data::ListTensorsResponse* response) const {
  return List(DataClass::kTensor, request, cancelled, response);
}

absl::Status DataProvider::Answer(const data::ReadTensorsRequest& request, Cancelled cancelled,
                                  data::ReadTensorsResponse* response) const {
  return Read(DataClass::kTensor, request, cancelled, response);
}

absl::Status DataProvider::Answer(const data::ListBlobSequencesRequest& request,
                                  Cancelled cancelled,
                                  data::ListBlobSequencesResponse* response) const {
  return List(DataClass::kBlobSequence, request, cancelled, response);
}

absl::Status DataProvider::Answer(const data::ReadBlobSequencesRequest& request,
                                  Cancelled cancelled,
                                  data::ReadBlobSequencesResponse* response) const {
  return Read(DataClass::kBlobSequence, request, cancelled, response);
}

absl::StatusOr<std::string> DataProvider::Blob(const data::ReadBlobRequest& request) const {
  ASSIGN_OR_RETURN(const BlobKey key, DecodeBlobKey(request.blob_key()));
  ASSIGN_OR_RETURN(const std::vector<RecordReference> references,
                   index_->ReadReferences(key.run, key.tag, 0));
  const auto found =
      std::find_if(references.begin(), references.end(),
                   [&key](const RecordReference& reference) { return reference.step == key.step; });
  if (found == references.end()) return absl::NotFoundError("there is no such step any more");
  if (key.index >= found->length) return absl::NotFoundError("there is no such blob");
  return ReadBlob(*found, key.index);
}

}  // namespace tributary::serve
