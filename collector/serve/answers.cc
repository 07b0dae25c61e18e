#include "collector/serve/answers.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tributary::serve {

void ForbidReuse(http::Response* response) {
  response->headers.emplace_back("Cache-Control", "no-cache, must-revalidate");
  response->headers.emplace_back("Expires", "0");
}

http::Response JsonAnswer(JsonWriter* writer) {
  http::Response response;
  response.content_type = "application/json";
  response.body = writer->Take();
  ForbidReuse(&response);
  return response;
}

http::Response ErrorAnswer(const absl::Status& status) {
  http::Response response;
  absl::string_view prefix = "Internal error";
  response.status = 500;
  if (absl::IsInvalidArgument(status)) {
    prefix = "Invalid argument";
    response.status = 400;
  } else if (absl::IsNotFound(status)) {
    prefix = "Not found";
    response.status = 404;
  } else if (absl::IsPermissionDenied(status)) {
    prefix = "Forbidden";
    response.status = 403;
  } else if (absl::IsFailedPrecondition(status)) {
    prefix = "Conflict";
    response.status = 409;
  } else if (absl::IsUnavailable(status)) {
    prefix = "Unavailable";
    response.status = 503;
  }
  response.body = absl::StrCat(prefix, status.message().empty() ? "" : ": ", status.message());
  ForbidReuse(&response);
  return response;
}

http::Response MethodNotAllowed(absl::string_view allowed) {
  http::Response response;
  response.status = 405;
  response.headers.emplace_back("Allow", allowed);
  response.body = absl::StrCat("Method not allowed: use ", allowed);
  ForbidReuse(&response);
  return response;
}

absl::StatusOr<std::string> RequiredParameter(const http::Request& request, absl::string_view key) {
  const std::optional<absl::string_view> value = request.QueryValue(key);
  if (!value.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat("the query names no \"", key, "\""));
  }
  return std::string(*value);
}

absl::StatusOr<std::optional<int64_t>> IntegerParameter(const http::Request& request,
                                                        absl::string_view key) {
  const absl::string_view text = request.QueryValue(key).value_or("");
  if (text.empty()) return std::nullopt;
  int64_t value = 0;
  if (!absl::SimpleAtoi(text, &value)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" is no integer: ", text));
  }
  return value;
}

absl::StatusOr<int64_t> BoundedParameter(const http::Request& request, absl::string_view key,
                                         const IntegerBounds& bounds) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> value, IntegerParameter(request, key));
  if (!value.has_value()) return bounds.absent;
  if (*value < bounds.min || *value > bounds.max) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", key, "\" is ", *value, ", it must be between ", bounds.min, " and ", bounds.max));
  }
  return *value;
}

}  // namespace tributary::serve
