#include "collector/serve/health.h"

#include "absl/strings/str_cat.h"
#include "collector/serve/answers.h"

namespace tributary::serve {

std::optional<http::Response> HealthAnswer(const HealthCallbacks& callbacks,
                                           absl::string_view path) {
  http::Response response;
  if (path == "/healthz") {
    response.body = "ok\n";
  } else if (path == "/readyz") {
    const absl::Status ready = callbacks.ready();
    response.status = ready.ok() ? 200 : 503;
    response.body = ready.ok() ? "ready\n" : absl::StrCat(ready.message(), "\n");
  } else if (path == "/metrics") {
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = callbacks.metrics();
  } else {
    return std::nullopt;
  }
  ForbidReuse(&response);
  return response;
}

}  // namespace tributary::serve
