#include "collector/serve/series.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/answers.h"
#include "collector/serve/json_writer.h"
#include "common/status_macros.h"

namespace tributary::serve {
namespace {

struct SeriesRequest {
  RunName run;
  Tag tag;
  IndexReader::ScalarQuery query;
};

absl::StatusOr<SeriesRequest> Parse(const http::Request& request) {
  SeriesRequest parsed;
  ASSIGN_OR_RETURN(const std::string run, RequiredParameter(request, "run"));
  ASSIGN_OR_RETURN(const std::string tag, RequiredParameter(request, "tag"));
  parsed.run = RunName(run);
  parsed.tag = Tag(tag);
  ASSIGN_OR_RETURN(parsed.query.from_step, IntegerParameter(request, "from"));
  ASSIGN_OR_RETURN(parsed.query.to_step, IntegerParameter(request, "to"));
  ASSIGN_OR_RETURN(
      const int64_t points,
      BoundedParameter(request, "points", {0, static_cast<int64_t>(kSeriesPointsMax), 0}));
  parsed.query.points_max = static_cast<uint64_t>(points);
  return parsed;
}

}  // namespace

http::Response SeriesAnswer(const IndexReader& index, const http::Request& request) {
  if (request.method != "GET" && request.method != "HEAD") return MethodNotAllowed("GET, HEAD");
  const absl::StatusOr<SeriesRequest> parsed = Parse(request);
  if (!parsed.ok()) return ErrorAnswer(parsed.status());
  const absl::StatusOr<ScalarPoints> points =
      index.ReadScalars(parsed->run, parsed->tag, parsed->query);
  if (!points.ok()) return ErrorAnswer(points.status());
  if (points->steps.size() > kSeriesPointsMax) {
    return ErrorAnswer(absl::InvalidArgumentError(absl::StrCat(
        "the range holds ", points->steps.size(), " points, at most ", kSeriesPointsMax,
        " are sent: narrow it with \"from\" and \"to\", or ask for "
        "the best ones with \"points\"")));
  }
  JsonWriter writer;
  writer.BeginObject();
  writer.Key("run");
  writer.String(parsed->run.value());
  writer.Key("tag");
  writer.String(parsed->tag.value());
  writer.Key("total");
  writer.Uint(points->total);
  writer.Key("points");
  writer.BeginArray();
  for (size_t i = 0; i < points->steps.size(); ++i) {
    writer.BeginArray();
    writer.Double(points->wall_times[i]);
    writer.Int(points->steps[i]);
    writer.Double(points->values[i]);
    writer.EndArray();
  }
  writer.EndArray();
  writer.EndObject();
  return JsonAnswer(&writer);
}

}  // namespace tributary::serve
