#include "collector/serve/plugins/message_json.h"

#include <google/protobuf/util/json_util.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/answers.h"

namespace tributary::serve {

absl::StatusOr<http::Response> MessageAnswer(const google::protobuf::Message& message,
                                             Defaults defaults) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = defaults == Defaults::kPrinted;
  http::Response response;
  const auto status = google::protobuf::util::MessageToJsonString(message, &response.body, options);
  if (!status.ok()) {
    return absl::InternalError(
        absl::StrCat("no JSON can be made of a ", message.GetTypeName(), ": ",
                     std::string(status.message().data(), status.message().size())));
  }
  response.content_type = "application/json";
  ForbidReuse(&response);
  return response;
}

}  // namespace tributary::serve
