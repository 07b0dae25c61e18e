#include "collector/serve/plugins/audio.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/answers.h"
#include "collector/serve/json_writer.h"
#include "collector/serve/plugins/record_values.h"
#include "tensorboard/plugins/audio.pb.h"

namespace tributary::serve {
namespace {

constexpr char kWav[] = "audio/wav";
constexpr char kBytes[] = "application/octet-stream";

// WAV is the only encoding there is. TensorBoard's data server leaves it unset for clips of the
// older summaries, and a browser then plays nothing: only an encoding that we do not know is not
// taken for it.
absl::string_view ContentType(const SeriesInfo& info) {
  tensorboard::AudioPluginData data;
  const std::string& content = info.metadata->plugin_content;
  const bool known =
      data.ParseFromString(content) && (data.encoding() == tensorboard::AudioPluginData::UNKNOWN ||
                                        data.encoding() == tensorboard::AudioPluginData::WAV);
  return known ? kWav : kBytes;
}

}  // namespace

void AudioPlugin::AddRoutes(Router* router) const {
  router->Add("/data/plugin/audio/tags", true,
              [this](const http::Request&, const Location& at) { return Tags(*at.index); });
  router->Add("/data/plugin/audio/audio", true,
              [this](const http::Request& request, const Location& at) {
                return Clips(request, *at.index);
              });
  router->Add("/data/plugin/audio/individualAudio", true,
              [this](const http::Request& request, const Location& at) {
                return IndividualClip(request, *at.index);
              });
}

http::Response AudioPlugin::Tags(const IndexReader& index) const {
  JsonWriter writer;
  WriteTags(KnownSeries(index, kAudio), &writer, [](const SeriesInfo& info, JsonWriter* out) {
    out->Key("samples");
    out->Uint(info.max_length);
  });
  return JsonAnswer(&writer);
}

http::Response AudioPlugin::Clips(const http::Request& request, const IndexReader& index) const {
  const absl::StatusOr<SampleRequest> asked = ParseSampleRequest(request);
  if (!asked.ok()) return ErrorAnswer(asked.status());
  const absl::StatusOr<SeriesInfo> info = FindSeriesOf(index, kAudio, asked->run, asked->tag);
  if (!info.ok()) return ErrorAnswer(info.status());
  const absl::StatusOr<std::vector<RecordReference>> references =
      index.ReadReferences(info->run, info->tag, points_max_);
  if (!references.ok()) return ErrorAnswer(references.status());
  const absl::string_view type = ContentType(*info);
  JsonWriter writer;
  writer.BeginArray();
  for (const RecordReference& reference : *references) {
    if (reference.length <= asked->sample) continue;
    writer.BeginObject();
    writer.Key("wall_time");
    writer.Double(reference.wall_time.value());
    writer.Key("label");
    writer.String("");
    writer.Key("step");
    writer.Int(reference.step.value());
    writer.Key("contentType");
    writer.String(type);
    writer.Key("query");
    writer.String(absl::StrCat(
        "blob_key=", EncodeBlobKey({asked->run, asked->tag, reference.step, asked->sample}),
        "&content_type=", http::PercentEncode(type)));
    writer.EndObject();
  }
  writer.EndArray();
  return JsonAnswer(&writer);
}

http::Response AudioPlugin::IndividualClip(const http::Request& request,
                                           const IndexReader& index) const {
  const absl::StatusOr<std::string> type = RequiredParameter(request, "content_type");
  if (!type.ok()) return ErrorAnswer(type.status());
  // Nothing that a browser would show as a page of ours.
  if (*type != kWav && *type != kBytes) {
    return ErrorAnswer(absl::InvalidArgumentError(
        absl::StrCat("\"content_type\" is \"", *type, "\", neither ", kWav, " nor ", kBytes)));
  }
  const absl::StatusOr<std::string> key = RequiredParameter(request, "blob_key");
  if (!key.ok()) return ErrorAnswer(key.status());
  absl::StatusOr<std::string> bytes = ReadKeyedBlob(index, *key);
  if (!bytes.ok()) return ErrorAnswer(bytes.status());
  http::Response response;
  response.content_type = *type;
  response.body = *std::move(bytes);
  ForbidReuse(&response);
  return response;
}

}  // namespace tributary::serve
