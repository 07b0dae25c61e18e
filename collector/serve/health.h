// /healthz, /readyz and /metrics, for those who watch the process.
#ifndef TRIBUTARY_COLLECTOR_SERVE_HEALTH_H_
#define TRIBUTARY_COLLECTOR_SERVE_HEALTH_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/http/message.h"

namespace tributary::serve {

// Both are called on HTTP threads and must be thread-safe.
struct HealthCallbacks {
  // OK when everything that was present at the start is served; else what is missing, in words.
  std::function<absl::Status()> ready;
  // All metrics in Prometheus' text format.
  std::function<std::string()> metrics;
};

// The answer to one of the three paths, nullopt for any other.
std::optional<http::Response> HealthAnswer(const HealthCallbacks& callbacks,
                                           absl::string_view path);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_HEALTH_H_
