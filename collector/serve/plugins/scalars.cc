#include "collector/serve/plugins/scalars.h"

#include <optional>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/answers.h"
#include "collector/serve/json_writer.h"
#include "collector/serve/plugins/csv.h"

namespace tributary::serve {
http::Response ScalarCsvAnswer(const ScalarPoints& points) {
  http::Response response;
  response.content_type = kCsvType;
  response.body = "Wall time,Step,Value\r\n";
  for (size_t i = 0; i < points.steps.size(); ++i) {
    absl::StrAppend(&response.body, CsvNumber(points.wall_times[i]), ",", points.steps[i], ",",
                    CsvNumber(points.values[i]), "\r\n");
  }
  ForbidReuse(&response);
  return response;
}

void WriteScalarPoints(const ScalarPoints& points, JsonWriter* writer) {
  writer->BeginArray();
  for (size_t i = 0; i < points.steps.size(); ++i) {
    writer->BeginArray();
    writer->Double(points.wall_times[i]);
    writer->Int(points.steps[i]);
    writer->Double(points.values[i]);
    writer->EndArray();
  }
  writer->EndArray();
}

absl::StatusOr<ScalarPoints> ReadScalarSeries(const IndexReader& index, const RunName& run,
                                              const Tag& tag, uint64_t points_max) {
  const std::optional<SeriesInfo> info = index.FindSeries(run, tag);
  if (info.has_value() && !(info->metadata->plugin_name == kScalars &&
                            info->metadata->data_class == DataClass::kScalar)) {
    return absl::NotFoundError(absl::StrCat("run=\"", run.value(), "\", tag=\"", tag.value(),
                                            "\" is no series of scalars"));
  }
  IndexReader::ScalarQuery query;
  query.points_max = points_max;
  return index.ReadScalars(run, tag, query);
}

void ScalarsPlugin::AddRoutes(Router* router) const {
  router->Add("/data/plugin/scalars/tags", true,
              [this](const http::Request&, const Location& at) { return Tags(*at.index); });
  router->Add("/data/plugin/scalars/scalars", true,
              [this](const http::Request& request, const Location& at) {
                return Scalars(request, *at.index);
              });
  router->Add("/data/plugin/scalars/scalars_multirun", false,
              [this](const http::Request& request, const Location& at) {
                return ScalarsMultirun(request, *at.index);
              });
}

http::Response ScalarsPlugin::Tags(const IndexReader& index) const {
  JsonWriter writer;
  WriteTags(KnownSeries(index, kScalars), &writer, nullptr);
  return JsonAnswer(&writer);
}

http::Response ScalarsPlugin::Scalars(const http::Request& request,
                                      const IndexReader& index) const {
  const absl::StatusOr<std::string> run = RequiredParameter(request, "run");
  if (!run.ok()) return ErrorAnswer(run.status());
  const absl::StatusOr<std::string> tag = RequiredParameter(request, "tag");
  if (!tag.ok()) return ErrorAnswer(tag.status());
  const absl::StatusOr<ScalarPoints> points =
      ReadScalarSeries(index, RunName(*run), Tag(*tag), points_max_);
  if (!points.ok()) return ErrorAnswer(points.status());
  if (request.QueryValue("format") == "csv") return ScalarCsvAnswer(*points);
  JsonWriter writer;
  WriteScalarPoints(*points, &writer);
  return JsonAnswer(&writer);
}

http::Response ScalarsPlugin::ScalarsMultirun(const http::Request& request,
                                              const IndexReader& index) const {
  if (request.method != "POST") return MethodNotAllowed("POST");
  const absl::StatusOr<http::Parameters> form = http::ParseForm(request);
  if (!form.ok()) return ErrorAnswer(form.status());
  std::optional<Tag> tag;
  std::set<std::string> runs;
  for (const auto& [key, value] : *form) {
    if (key == "tag") {
      if (tag.has_value()) return ErrorAnswer(absl::InvalidArgumentError("tag must be given once"));
      tag = Tag(value);
    } else if (key == "runs") {
      runs.insert(value);
    }
  }
  if (!tag.has_value()) return ErrorAnswer(absl::InvalidArgumentError("tag must be given once"));
  JsonWriter writer;
  writer.BeginObject();
  for (const std::string& run : runs) {
    const absl::StatusOr<ScalarPoints> points =
        ReadScalarSeries(index, RunName(run), *tag, points_max_);
    if (absl::IsNotFound(points.status())) continue;  // the page knows a run that lacks the tag
    if (!points.ok()) return ErrorAnswer(points.status());
    writer.Key(run);
    WriteScalarPoints(*points, &writer);
  }
  writer.EndObject();
  return JsonAnswer(&writer);
}

}  // namespace tributary::serve
