#include "collector/serve/plugins/hparams.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/answers.h"
#include "collector/serve/json_writer.h"
#include "common/status_macros.h"
#include "tensorboard/hparams/api.pb.h"

namespace tributary::serve {
namespace {

constexpr absl::string_view kPluginName = "hparams";

// Reads the request message: the body of a POST, else the query's "request".
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

}  // namespace

void HparamsPlugin::AddRoutes(Router* router) const {
  router->Add(
      "/data/plugin/hparams/experiment", false,
      [this](const http::Request& request, const Location&) { return Experiment(request); });
  router->Add(
      "/data/plugin/hparams/session_groups", false,
      [this](const http::Request& request, const Location&) { return SessionGroups(request); });
}

http::Response HparamsPlugin::Experiment(const http::Request& request) const {
  tensorboard::hparams::GetExperimentRequest message;
  if (const absl::Status status = ReadMessage(request, &message); !status.ok()) {
    return ErrorAnswer(status);
  }
  const std::vector<std::string> plugins = index_->Plugins();
  const bool present = std::binary_search(plugins.begin(), plugins.end(), kPluginName);
  JsonWriter writer;
  writer.BeginObject();
  writer.Key("name");
  writer.String("");
  writer.Key("description");
  writer.String(present ? "The event files hold hyperparameters, which this server does not show."
                        : "");
  writer.Key("user");
  writer.String("");
  writer.Key("timeCreatedSecs");
  writer.Int(0);
  for (const char* list : {"hparamInfos", "metricInfos"}) {
    writer.Key(list);
    writer.BeginArray();
    writer.EndArray();
  }
  writer.EndObject();
  return JsonAnswer(&writer);
}

http::Response HparamsPlugin::SessionGroups(const http::Request& request) const {
  tensorboard::hparams::ListSessionGroupsRequest message;
  if (const absl::Status status = ReadMessage(request, &message); !status.ok()) {
    return ErrorAnswer(status);
  }
  for (const tensorboard::hparams::ColParams& column : message.col_params()) {
    if (column.name_case() == tensorboard::hparams::ColParams::NAME_NOT_SET) {
      return ErrorAnswer(absl::InvalidArgumentError("a column names neither metric nor hparam"));
    }
  }
  JsonWriter writer;
  writer.BeginObject();
  writer.Key("sessionGroups");
  writer.BeginArray();
  writer.EndArray();
  writer.Key("totalSize");
  writer.Int(0);
  writer.EndObject();
  return JsonAnswer(&writer);
}

}  // namespace tributary::serve
