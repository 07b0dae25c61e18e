#include "collector/serve/plugins/timeseries.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "collector/serve/answers.h"
#include "collector/serve/markdown.h"
#include "collector/serve/plugins/histograms.h"
#include "collector/serve/plugins/images.h"
#include "collector/serve/plugins/record_values.h"
#include "collector/serve/plugins/scalars.h"
#include "common/status_macros.h"

namespace tributary::serve {
namespace {

void WriteTagDescriptions(const std::vector<SeriesInfo>& series, JsonWriter* writer) {
  std::map<std::string, std::map<std::string, std::set<std::string>>> by_tag;
  for (const SeriesInfo& info : series) {
    if (info.metadata->description.empty()) continue;
    by_tag[info.tag.value()][info.metadata->description].insert(info.run.value());
  }
  writer->Key("tagDescriptions");
  writer->BeginObject();
  for (const auto& [tag, runs_by_description] : by_tag) {
    writer->Key(tag);
    writer->String(CombinedDescriptionHtml(runs_by_description));
  }
  writer->EndObject();
}

void WriteRunTagInfo(const std::vector<SeriesInfo>& series, JsonWriter* writer) {
  writer->Key("runTagInfo");
  writer->BeginObject();
  const RunName* run = nullptr;
  for (const SeriesInfo& info : series) {  // by (run, tag)
    if (run == nullptr || *run != info.run) {
      if (run != nullptr) writer->EndArray();
      run = &info.run;
      writer->Key(run->value());
      writer->BeginArray();
    }
    writer->String(info.tag.value());
  }
  if (run != nullptr) writer->EndArray();
  writer->EndObject();
}

void WriteImageTags(const std::vector<SeriesInfo>& series, JsonWriter* writer) {
  std::map<std::string, std::map<std::string, uint64_t>> samples_by_tag_and_run;
  for (const SeriesInfo& info : series) {
    samples_by_tag_and_run[info.tag.value()][info.run.value()] =
        std::max(info.max_length, kBlobsBeforeImages) - kBlobsBeforeImages;
  }
  writer->Key("tagRunSampledInfo");
  writer->BeginObject();
  for (const auto& [tag, samples_by_run] : samples_by_tag_and_run) {
    writer->Key(tag);
    writer->BeginObject();
    for (const auto& [run, samples] : samples_by_run) {
      writer->Key(run);
      writer->BeginObject();
      writer->Key("maxSamplesPerStep");
      writer->Uint(samples);
      writer->EndObject();
    }
    writer->EndObject();
  }
  writer->EndObject();
}

// What the page must have sent for the plugin; empty if it did.
absl::string_view Mistake(const JsonValue* plugin, const JsonValue* tag, const JsonValue* run,
                          bool has_sample) {
  const auto is_string = [](const JsonValue* value) {
    return value != nullptr && value->kind == JsonValue::Kind::kString;
  };
  if (!is_string(tag)) return "Missing tag";
  const std::string name = is_string(plugin) ? plugin->text : "";
  if (name != kScalars && name != kHistograms && name != kImages) return "Invalid plugin";
  if (name != kScalars && !is_string(run)) return "Missing run";
  if (name == kImages && !has_sample) return "Missing sample";
  return "";
}

void WriteWhen(double wall_time, int64_t step, JsonWriter* writer) {
  writer->Key("wallTime");
  writer->Double(wall_time);
  writer->Key("step");
  writer->Int(step);
}

// Runs that may have the series: the one that is named, or all that have it.
std::vector<RunName> RunsWith(const IndexReader& index, const std::string& plugin,
                              const std::string& run, const Tag& tag) {
  if (!run.empty()) return {RunName(run)};
  SeriesFilter filter;
  filter.plugin_name = plugin;
  filter.tags = {tag.value()};
  std::vector<RunName> runs;
  for (const SeriesInfo& info : SeriesOf(index, filter)) runs.push_back(info.run);
  return runs;
}

}  // namespace

void TimeseriesPlugin::AddRoutes(Router* router) const {
  router->Add("/data/plugin/timeseries/tags", true,
              [this](const http::Request&, const Location& at) { return Tags(*at.index); });
  router->Add("/data/plugin/timeseries/timeSeries", true,
              [this](const http::Request& request, const Location& at) {
                return TimeSeries(request, *at.index);
              });
  router->Add("/data/plugin/timeseries/imageData", true,
              [this](const http::Request& request, const Location& at) {
                return ImageData(request, *at.index);
              });
}

http::Response TimeseriesPlugin::Tags(const IndexReader& index) const {
  JsonWriter writer;
  writer.BeginObject();
  for (const char* plugin : {kScalars, kHistograms}) {
    const std::vector<SeriesInfo> series = KnownSeries(index, plugin);
    writer.Key(plugin);
    writer.BeginObject();
    WriteTagDescriptions(series, &writer);
    WriteRunTagInfo(series, &writer);
    writer.EndObject();
  }
  const std::vector<SeriesInfo> images = KnownSeries(index, kImages);
  writer.Key(kImages);
  writer.BeginObject();
  WriteTagDescriptions(images, &writer);
  WriteImageTags(images, &writer);
  writer.EndObject();
  writer.EndObject();
  return JsonAnswer(&writer);
}

http::Response TimeseriesPlugin::TimeSeries(const http::Request& request,
                                            const IndexReader& index) const {
  std::string text(request.QueryValue("requests").value_or(""));
  if (request.method == "POST") {
    const absl::StatusOr<http::Parameters> form = http::ParseForm(request);
    if (!form.ok()) return ErrorAnswer(form.status());
    const auto field = std::find_if(form->begin(), form->end(),
                                    [](const auto& pair) { return pair.first == "requests"; });
    text = field == form->end() ? "" : field->second;
  }
  if (text.empty()) return ErrorAnswer(absl::InvalidArgumentError("Missing 'requests' field"));
  const absl::StatusOr<JsonValue> requests = ParseJson(text);
  if (!requests.ok()) return ErrorAnswer(requests.status());
  if (requests->kind != JsonValue::Kind::kArray ||
      requests->values.size() > kTimeSeriesRequestsMax) {
    return ErrorAnswer(absl::InvalidArgumentError(
        absl::StrCat("'requests' must be a list of at most ", kTimeSeriesRequestsMax)));
  }
  JsonWriter writer;
  writer.BeginArray();
  for (const JsonValue& element : requests->values) {
    if (element.kind != JsonValue::Kind::kObject) {
      return ErrorAnswer(absl::InvalidArgumentError("'requests' must hold objects"));
    }
    const absl::Status status = WriteElement(element, index, &writer);
    if (!status.ok()) return ErrorAnswer(status);
  }
  writer.EndArray();
  return JsonAnswer(&writer);
}

absl::Status TimeseriesPlugin::WriteElement(const JsonValue& request, const IndexReader& index,
                                            JsonWriter* writer) const {
  const JsonValue* const plugin = request.Find("plugin");
  const JsonValue* const tag = request.Find("tag");
  const JsonValue* const run = request.Find("run");
  const JsonValue* const sample_value = request.Find("sample");
  const bool has_sample = sample_value != nullptr && sample_value->AsInteger().has_value();
  const int64_t sample = has_sample ? sample_value->AsInteger().value_or(0) : 0;
  const bool run_is_string = run != nullptr && run->kind == JsonValue::Kind::kString;
  writer->BeginObject();
  for (const auto& [key, value] : {std::pair("plugin", plugin), std::pair("tag", tag)}) {
    writer->Key(key);
    if (value == nullptr) {
      writer->Null();
    } else {
      value->Write(writer);
    }
  }
  if (run_is_string) {
    writer->Key("run");
    writer->String(run->text);
  }
  if (has_sample) {
    writer->Key("sample");
    writer->Int(sample);
  }
  if (const absl::string_view mistake = Mistake(plugin, tag, run, has_sample); !mistake.empty()) {
    writer->Key("error");
    writer->String(mistake);
    writer->EndObject();
    return absl::OkStatus();
  }
  const std::string run_name = run_is_string ? run->text : "";
  const Tag tag_name(tag->text);
  writer->Key("runToSeries");
  writer->BeginObject();
  if (plugin->text == kScalars) {
    RETURN_IF_ERROR(WriteScalars(index, run_name, tag_name, writer));
  } else if (plugin->text == kHistograms) {
    RETURN_IF_ERROR(WriteHistograms(index, run_name, tag_name, writer));
  } else {
    RETURN_IF_ERROR(WriteImages(index, run_name, tag_name, sample, writer));
  }
  writer->EndObject();
  writer->EndObject();
  return absl::OkStatus();
}

absl::Status TimeseriesPlugin::WriteScalars(const IndexReader& index, const std::string& run,
                                            const Tag& tag, JsonWriter* writer) const {
  const uint64_t points_max = SampleLimit(limits_, kScalars, kScalarPointsMax);
  for (const RunName& name : RunsWith(index, kScalars, run, tag)) {
    const absl::StatusOr<ScalarPoints> points = ReadScalarSeries(index, name, tag, points_max);
    if (absl::IsNotFound(points.status())) continue;
    RETURN_IF_ERROR(points.status());
    writer->Key(name.value());
    writer->BeginArray();
    for (size_t i = 0; i < points->steps.size(); ++i) {
      writer->BeginObject();
      WriteWhen(points->wall_times[i], points->steps[i], writer);
      writer->Key("value");
      writer->Double(points->values[i]);
      writer->EndObject();
    }
    writer->EndArray();
  }
  return absl::OkStatus();
}

absl::Status TimeseriesPlugin::WriteHistograms(const IndexReader& index, const std::string& run,
                                               const Tag& tag, JsonWriter* writer) const {
  const uint64_t points_max = SampleLimit(limits_, kHistograms, kHistogramsMax);
  for (const RunName& name : RunsWith(index, kHistograms, run, tag)) {
    const absl::StatusOr<std::vector<Histogram>> histograms =
        ReadHistograms(index, name, tag, points_max);
    if (absl::IsNotFound(histograms.status())) continue;
    RETURN_IF_ERROR(histograms.status());
    writer->Key(name.value());
    writer->BeginArray();
    for (const Histogram& histogram : *histograms) {
      writer->BeginObject();
      WriteWhen(histogram.wall_time.value(), histogram.step.value(), writer);
      writer->Key("bins");
      writer->BeginArray();
      for (const Bucket& bucket : histogram.buckets) {
        writer->BeginObject();
        writer->Key("min");
        writer->Double(bucket.left);
        writer->Key("max");
        writer->Double(bucket.right);
        writer->Key("count");
        writer->Double(bucket.count);
        writer->EndObject();
      }
      writer->EndArray();
      writer->EndObject();
    }
    writer->EndArray();
  }
  return absl::OkStatus();
}

absl::Status TimeseriesPlugin::WriteImages(const IndexReader& index, const std::string& run,
                                           const Tag& tag, int64_t sample,
                                           JsonWriter* writer) const {
  if (sample < 0) return absl::OkStatus();  // no run has such an image
  const uint64_t points_max = SampleLimit(limits_, kImages, kImagesMax);
  const auto wanted = static_cast<uint64_t>(sample);
  for (const RunName& name : RunsWith(index, kImages, run, tag)) {
    const absl::StatusOr<std::vector<RecordReference>> references =
        ReadImageReferences(index, name, tag, wanted, points_max);
    if (absl::IsNotFound(references.status())) continue;
    RETURN_IF_ERROR(references.status());
    if (references->empty()) continue;
    writer->Key(name.value());
    writer->BeginArray();
    for (const RecordReference& reference : *references) {
      writer->BeginObject();
      WriteWhen(reference.wall_time.value(), reference.step.value(), writer);
      writer->Key("imageId");
      writer->String(EncodeBlobKey({name, tag, reference.step, wanted + kBlobsBeforeImages}));
      writer->EndObject();
    }
    writer->EndArray();
  }
  return absl::OkStatus();
}

http::Response TimeseriesPlugin::ImageData(const http::Request& request,
                                           const IndexReader& index) const {
  const absl::StatusOr<std::string> key = RequiredParameter(request, "imageId");
  if (!key.ok()) return ErrorAnswer(key.status());
  return ImageAnswer(index, *key);
}

}  // namespace tributary::serve
