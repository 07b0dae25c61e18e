// The forms that answers take, so that every route fails alike.
#ifndef TRIBUTARY_COLLECTOR_SERVE_ANSWERS_H_
#define TRIBUTARY_COLLECTOR_SERVE_ANSWERS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "collector/serve/json_writer.h"
#include "common/http/message.h"

namespace tributary::serve {

// 200 with what the writer holds.
http::Response JsonAnswer(JsonWriter* writer);

// As TensorBoard words them: "Invalid argument: ..." 400, "Not found: ..." 404; PermissionDenied
// 403, FailedPrecondition 409, Unavailable 503; any other status 500.
http::Response ErrorAnswer(const absl::Status& status);

// 405, naming what is allowed.
http::Response MethodNotAllowed(absl::string_view allowed);

// The value of a parameter that must be there, even if empty. InvalidArgument if it is not.
absl::StatusOr<std::string> RequiredParameter(const http::Request& request, absl::string_view key);

// nullopt if the parameter is absent or empty. InvalidArgument for what is no decimal int64.
absl::StatusOr<std::optional<int64_t>> IntegerParameter(const http::Request& request,
                                                        absl::string_view key);

struct IntegerBounds {
  int64_t min = 0;
  int64_t max = 0;
  int64_t absent = 0;  // if the parameter is absent or empty
};
// As above, InvalidArgument also out of the bounds.
absl::StatusOr<int64_t> BoundedParameter(const http::Request& request, absl::string_view key,
                                         const IntegerBounds& bounds);

// The headers of everything that may be different the next time.
void ForbidReuse(http::Response* response);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_ANSWERS_H_
