#include "collector/serve/plugins/hparams.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/answers.h"
#include "collector/serve/json_value.h"
#include "collector/serve/json_writer.h"
#include "collector/serve/plugins/csv.h"
#include "collector/serve/plugins/hparams_content.h"
#include "collector/serve/plugins/hparams_groups.h"
#include "collector/serve/plugins/hparams_table.h"
#include "collector/serve/plugins/message_json.h"
#include "common/status_macros.h"
#include "tensorboard/hparams/api.pb.h"

namespace tributary::serve {
namespace {

using tensorboard::hparams::ListSessionGroupsRequest;

absl::Status ReadMessage(const http::Request& request, google::protobuf::Message* message) {
  std::string json = request.body;
  if (request.method != "POST") {
    ASSIGN_OR_RETURN(json, RequiredParameter(request, "request"));
  }
  const auto status = google::protobuf::util::JsonStringToMessage(json, message);
  if (status.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the request is no ", message->GetTypeName(), ": ",
                   std::string(status.message().data(), status.message().size())));
}

// As Python takes a value for true.
bool IsTrue(const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::kBool:
      return value.boolean;
    case JsonValue::Kind::kNumber:
      return value.text.find_first_of("123456789") < value.text.find_first_of("eE");
    case JsonValue::Kind::kString:
      return !value.text.empty();
    case JsonValue::Kind::kNull:
      return false;
    default:
      return !value.values.empty();
  }
}

absl::StatusOr<std::vector<bool>> ReadVisibility(const http::Request& request) {
  ASSIGN_OR_RETURN(const std::string text, RequiredParameter(request, "columnsVisibility"));
  const absl::StatusOr<JsonValue> list = ParseJson(text);
  if (!list.ok() || list->kind != JsonValue::Kind::kArray) {
    return absl::InvalidArgumentError("\"columnsVisibility\" is no list in JSON");
  }
  std::vector<bool> visible;
  for (const JsonValue& value : list->values) visible.push_back(IsTrue(value));
  return visible;
}

// As Python slices: a negative limit leaves so many out at the end.
void LimitHparams(int32_t limit, tensorboard::hparams::Experiment* experiment) {
  const int size = experiment->hparam_infos_size();
  if (limit == 0 || limit >= size) return;
  const int kept = limit > 0 ? limit : std::max(0, size + limit);
  experiment->mutable_hparam_infos()->DeleteSubrange(kept, size - kept);
}

bool WithMetrics(bool said, bool wanted) { return !said || wanted; }

}  // namespace

void HparamsPlugin::AddRoutes(Router* router) const {
  const auto add = [this, router](absl::string_view route, auto method) {
    router->Add(absl::StrCat("/data/plugin/hparams/", route), true,
                [this, method](const http::Request& request, const Location& at) {
                  absl::StatusOr<http::Response> response = (this->*method)(request, *at.index);
                  return response.ok() ? *std::move(response) : ErrorAnswer(response.status());
                });
  };
  add("experiment", &HparamsPlugin::Experiment);
  add("session_groups", &HparamsPlugin::SessionGroups);
  add("metric_evals", &HparamsPlugin::MetricEvals);
  add("download_data", &HparamsPlugin::DownloadData);
}

absl::StatusOr<http::Response> HparamsPlugin::Experiment(const http::Request& request,
                                                         const IndexReader& index) const {
  tensorboard::hparams::GetExperimentRequest message;
  RETURN_IF_ERROR(ReadMessage(request, &message));
  tensorboard::hparams::Experiment experiment =
      DescribeExperiment(ReadHparams(index), index,
                         WithMetrics(message.has_include_metrics(), message.include_metrics()));
  LimitHparams(message.hparams_limit(), &experiment);
  return MessageAnswer(experiment);
}

absl::StatusOr<http::Response> HparamsPlugin::SessionGroups(const http::Request& request,
                                                            const IndexReader& index) const {
  ListSessionGroupsRequest message;
  RETURN_IF_ERROR(ReadMessage(request, &message));
  ASSIGN_OR_RETURN(const tensorboard::hparams::ListSessionGroupsResponse groups,
                   ListSessionGroups(ReadHparams(index), index, message));
  return MessageAnswer(groups);
}

absl::StatusOr<http::Response> HparamsPlugin::MetricEvals(const http::Request& request,
                                                          const IndexReader& index) const {
  tensorboard::hparams::ListMetricEvalsRequest message;
  RETURN_IF_ERROR(ReadMessage(request, &message));
  ASSIGN_OR_RETURN(
      const ScalarPoints points,
      ReadScalarSeries(index, MetricRun(message.session_name(), message.metric_name().group()),
                       Tag(message.metric_name().tag()), points_max_));
  JsonWriter writer;
  WriteScalarPoints(points, &writer);
  return JsonAnswer(&writer);
}

absl::StatusOr<http::Response> HparamsPlugin::DownloadData(const http::Request& request,
                                                           const IndexReader& index) const {
  ASSIGN_OR_RETURN(const std::string format, RequiredParameter(request, "format"));
  ASSIGN_OR_RETURN(const std::vector<bool> visible, ReadVisibility(request));
  ListSessionGroupsRequest message;
  RETURN_IF_ERROR(ReadMessage(request, &message));
  const HparamsContent content = ReadHparams(index);
  ASSIGN_OR_RETURN(const tensorboard::hparams::ListSessionGroupsResponse groups,
                   ListSessionGroups(content, index, message));
  const HparamsTable table = MakeHparamsTable(
      DescribeExperiment(content, index,
                         WithMetrics(message.has_include_metrics(), message.include_metrics())),
      groups, visible);
  http::Response response;
  if (format == "json") {
    response.content_type = "application/json";
    response.body = HparamsJson(table);
  } else if (format == "csv") {
    response.content_type = kCsvType;
    response.body = HparamsCsv(table);
  } else if (format == "latex") {
    response.content_type = "application/x-latex";
    response.body = HparamsLatex(table);
  } else {
    return absl::InvalidArgumentError(absl::StrCat("unknown format \"", format, "\""));
  }
  ForbidReuse(&response);
  return response;
}

}  // namespace tributary::serve
