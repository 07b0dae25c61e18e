#include "collector/serve/plugins/images.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/answers.h"
#include "collector/serve/json_writer.h"
#include "collector/serve/plugins/record_values.h"
#include "common/status_macros.h"

namespace tributary::serve {
absl::StatusOr<std::vector<RecordReference>> ReadImageReferences(const IndexReader& index,
                                                                 const RunName& run, const Tag& tag,
                                                                 uint64_t sample,
                                                                 uint64_t points_max) {
  RETURN_IF_ERROR(FindSeriesOf(index, kImages, run, tag).status());
  ASSIGN_OR_RETURN(std::vector<RecordReference> references,
                   index.ReadReferences(run, tag, points_max));
  references.erase(std::remove_if(references.begin(), references.end(),
                                  [sample](const RecordReference& reference) {
                                    return reference.length < kBlobsBeforeImages ||
                                           reference.length - kBlobsBeforeImages <= sample;
                                  }),
                   references.end());
  return references;
}

http::Response ImageAnswer(const IndexReader& index, absl::string_view blob_key) {
  absl::StatusOr<std::string> bytes = ReadKeyedBlob(index, blob_key);
  if (!bytes.ok()) return ErrorAnswer(bytes.status());
  http::Response response;
  response.content_type = SniffImageType(*bytes);
  response.body = *std::move(bytes);
  ForbidReuse(&response);
  return response;
}

void ImagesPlugin::AddRoutes(Router* router) const {
  router->Add("/data/plugin/images/tags", true,
              [this](const http::Request&, const Location& at) { return Tags(*at.index); });
  router->Add("/data/plugin/images/images", true,
              [this](const http::Request& request, const Location& at) {
                return Images(request, *at.index);
              });
  router->Add("/data/plugin/images/individualImage", true,
              [this](const http::Request& request, const Location& at) {
                return IndividualImage(request, *at.index);
              });
}

http::Response ImagesPlugin::Tags(const IndexReader& index) const {
  JsonWriter writer;
  WriteTags(KnownSeries(index, kImages), &writer, [](const SeriesInfo& info, JsonWriter* out) {
    out->Key("samples");
    out->Uint(std::max(info.max_length, kBlobsBeforeImages) - kBlobsBeforeImages);
  });
  return JsonAnswer(&writer);
}

http::Response ImagesPlugin::Images(const http::Request& request, const IndexReader& index) const {
  const absl::StatusOr<SampleRequest> asked = ParseSampleRequest(request);
  if (!asked.ok()) return ErrorAnswer(asked.status());
  const absl::StatusOr<std::vector<RecordReference>> references =
      ReadImageReferences(index, asked->run, asked->tag, asked->sample, points_max_);
  if (!references.ok()) return ErrorAnswer(references.status());
  JsonWriter writer;
  writer.BeginArray();
  for (const RecordReference& reference : *references) {
    writer.BeginObject();
    writer.Key("wall_time");
    writer.Double(reference.wall_time.value());
    writer.Key("step");
    writer.Int(reference.step.value());
    writer.Key("query");
    writer.String(absl::StrCat("blob_key=", EncodeBlobKey({asked->run, asked->tag, reference.step,
                                                           asked->sample + kBlobsBeforeImages})));
    writer.EndObject();
  }
  writer.EndArray();
  return JsonAnswer(&writer);
}

http::Response ImagesPlugin::IndividualImage(const http::Request& request,
                                             const IndexReader& index) const {
  const absl::StatusOr<std::string> key = RequiredParameter(request, "blob_key");
  if (!key.ok()) return ErrorAnswer(key.status());
  return ImageAnswer(index, *key);
}

}  // namespace tributary::serve
