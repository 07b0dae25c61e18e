// HTTP requests and responses as plain values: what handlers see. Only http_server.cc knows
// Boost.Beast.
#ifndef TRIBUTARY_COMMON_HTTP_MESSAGE_H_
#define TRIBUTARY_COMMON_HTTP_MESSAGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tributary::http {

// In order, repeated keys kept, values percent-decoded.
using Parameters = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;    // "GET"
  std::string path;      // percent-decoded, without query: "/data/runs"
  std::string raw_path;  // as sent, for routes whose segments hold encoded slashes
  Parameters query;
  // Lower-case names.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // Numeric address of the peer.
  std::string peer;

  // The first value of the key, nullopt if it is absent.
  std::optional<absl::string_view> QueryValue(absl::string_view key) const;
  // Empty if absent. `name` in lower case.
  absl::string_view Header(absl::string_view name) const;
};

// Form fields of a body, multipart/form-data or application/x-www-form-urlencoded by its
// Content-Type. InvalidArgument for a body that is neither or is malformed.
absl::StatusOr<Parameters> ParseForm(const Request& request);

// Hands out a large body in parts, when the peer is ready for them. Called by one thread at a time.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  // The next part, at most 256 KiB; empty at the end. An error cuts the connection, so that a
  // client never takes a part for the whole.
  virtual absl::StatusOr<std::string> Next() = 0;
};

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // Instead of `body`, if set; `stream_bytes` is its whole length.
  std::unique_ptr<BodyStream> stream;
  uint64_t stream_bytes = 0;
  // The body is gzip already: Content-Encoding is set, or it is inflated for a client that does not
  // take it.
  bool body_is_gzip = false;
};

// Runs on an HTTP thread; must be thread-safe and must not wait for anything slow.
using Handler = std::function<Response(const Request&)>;

}  // namespace tributary::http

#endif  // TRIBUTARY_COMMON_HTTP_MESSAGE_H_
