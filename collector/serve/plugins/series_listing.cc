#include "collector/serve/plugins/series_listing.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/answers.h"
#include "collector/serve/markdown.h"
#include "common/status_macros.h"
#include "tensorboard/plugins/scalar.pb.h"

namespace tributary::serve {
namespace {

// The content of every plugin has its version in field 1, so one message reads it for all.
bool IsKnownVersion(absl::string_view content) {
  if (content.empty() || content == "{}") return true;
  tensorboard::ScalarPluginData data;
  return data.ParseFromArray(content.data(), static_cast<int>(content.size())) &&
         data.version() == 0;
}

// Every plugin reads data of one class.
bool IsRead(const SeriesMetadata& metadata, absl::string_view plugin) {
  if (metadata.plugin_name != plugin) return false;
  if (plugin == "scalars") return metadata.data_class == DataClass::kScalar;
  const bool reads_blobs =
      plugin == "images" || plugin == "audio" || absl::StartsWith(plugin, "graph");
  return metadata.data_class == (reads_blobs ? DataClass::kBlobSequence : DataClass::kTensor);
}

}  // namespace

uint64_t SampleLimit(const SampleLimits& limits, const std::string& plugin,
                     uint64_t route_default) {
  const auto found = limits.find(plugin);
  return found == limits.end() ? route_default : found->second;
}

std::vector<SeriesInfo> SeriesOf(const IndexReader& index, const SeriesFilter& filter) {
  std::vector<SeriesInfo> series = index.ListSeries(filter);
  std::erase_if(series, [&filter](const SeriesInfo& info) {
    return !IsRead(*info.metadata, filter.plugin_name);
  });
  return series;
}

std::vector<SeriesInfo> KnownSeries(const IndexReader& index, const std::string& plugin) {
  SeriesFilter filter;
  filter.plugin_name = plugin;
  std::vector<SeriesInfo> series = SeriesOf(index, filter);
  std::erase_if(series, [](const SeriesInfo& info) {
    return !IsKnownVersion(info.metadata->plugin_content);
  });
  return series;
}

void WriteTags(const std::vector<SeriesInfo>& series, JsonWriter* writer,
               const std::function<void(const SeriesInfo&, JsonWriter*)>& more) {
  const RunName* run = nullptr;
  writer->BeginObject();
  for (const SeriesInfo& info : series) {
    if (run == nullptr || *run != info.run) {
      if (run != nullptr) writer->EndObject();
      run = &info.run;
      writer->Key(run->value());
      writer->BeginObject();
    }
    writer->Key(info.tag.value());
    writer->BeginObject();
    writer->Key("displayName");
    writer->String(info.metadata->display_name);
    writer->Key("description");
    writer->String(MarkdownToSafeHtml(info.metadata->description));
    if (more != nullptr) more(info, writer);
    writer->EndObject();
  }
  if (run != nullptr) writer->EndObject();
  writer->EndObject();
}

absl::StatusOr<SeriesInfo> FindSeriesOf(const IndexReader& index, const std::string& plugin,
                                        const RunName& run, const Tag& tag) {
  std::optional<SeriesInfo> info = index.FindSeries(run, tag);
  if (!info.has_value() || !IsRead(*info->metadata, plugin)) {
    return absl::NotFoundError(absl::StrCat("no ", plugin, " data for run=\"", run.value(),
                                            "\", tag=\"", tag.value(), "\""));
  }
  return *std::move(info);
}

absl::StatusOr<SampleRequest> ParseSampleRequest(const http::Request& request) {
  ASSIGN_OR_RETURN(const std::string run, RequiredParameter(request, "run"));
  ASSIGN_OR_RETURN(const std::string tag, RequiredParameter(request, "tag"));
  ASSIGN_OR_RETURN(const std::optional<int64_t> sample, IntegerParameter(request, "sample"));
  if (sample.value_or(0) < 0) {
    return absl::InvalidArgumentError("\"sample\" must not be negative");
  }
  return SampleRequest{RunName(run), Tag(tag), static_cast<uint64_t>(sample.value_or(0))};
}

}  // namespace tributary::serve
