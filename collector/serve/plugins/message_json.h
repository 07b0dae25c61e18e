// Protobuf messages as JSON answers.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_MESSAGE_JSON_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_MESSAGE_JSON_H_

#include "absl/status/statusor.h"
#include "common/http/message.h"
#include "google/protobuf/message.h"

namespace tributary::serve {

enum class Defaults { kPrinted, kOmitted };

// 200 with the message in proto3's JSON. Internal for what JSON cannot say, such as a
// google.protobuf.Value that is NaN.
absl::StatusOr<http::Response> MessageAnswer(const google::protobuf::Message& message,
                                             Defaults defaults = Defaults::kPrinted);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_MESSAGE_JSON_H_
