// HTTP requests and responses as plain values: what handlers see. Only http_server.cc knows
// Boost.Beast.
#ifndef TRIBUTARY_COMMON_HTTP_MESSAGE_H_
#define TRIBUTARY_COMMON_HTTP_MESSAGE_H_

#include <cstddef>
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

// `text` with %XX turned into bytes; a '%' that two hex digits do not follow stays as it is.
std::string PercentDecode(absl::string_view text);
// Everything but letters, digits and "-._~" as %XX: safe in any part of a URL.
std::string PercentEncode(absl::string_view text);
// Of a query string or an urlencoded body: '+' is a space, a key without '=' has an empty value.
Parameters ParseQuery(absl::string_view query);

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
  // Of this machine, to which the connection came.
  uint16_t local_port = 0;

  // The first value of the key, nullopt if it is absent.
  std::optional<absl::string_view> QueryValue(absl::string_view key) const;
  // Empty if absent. `name` in lower case.
  absl::string_view Header(absl::string_view name) const;
};

// Most fields that ParseForm takes; a body with more is malformed.
inline constexpr size_t kFormFieldsMax = 100'000;

// Form fields of a body (uploaded files are not among them), multipart/form-data or
// application/x-www-form-urlencoded by its Content-Type. InvalidArgument for a body that is neither
// or is malformed.
absl::StatusOr<Parameters> ParseForm(const Request& request);

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // The body is gzip already: Content-Encoding is set, or it is inflated for a client that does not
  // take it.
  bool body_is_gzip = false;
  // Whether a textual body may be compressed for a client that takes gzip.
  bool compress = true;
};

// Runs on an HTTP thread; must be thread-safe and must not wait for anything slow.
using Handler = std::function<Response(const Request&)>;

}  // namespace tributary::http

#endif  // TRIBUTARY_COMMON_HTTP_MESSAGE_H_
