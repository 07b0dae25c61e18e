// What goes on the wire for a Response: status line, headers, and a body encoded as the client
// takes it. Apart from the server so that it can be tested without sockets.
#ifndef TRIBUTARY_COMMON_HTTP_RESPONSE_HEAD_H_
#define TRIBUTARY_COMMON_HTTP_RESPONSE_HEAD_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/http/message.h"

namespace tributary::http {

struct EncodeOptions {
  bool accepts_gzip = false;
  bool head_only = false;  // a HEAD request: headers as for GET, no body
  bool keep_alive = true;
  absl::Time now;
};

struct EncodedResponse {
  std::string head;  // up to and with the empty line
  std::string body;  // empty for HEAD, 204 and 304
};

// Adds Date, Content-Length, Content-Type, nosniff, Connection, and Content-Encoding with Vary
// where the body could be compressed. Control characters in values are left out, so that a value
// taken from a request cannot end a line.
EncodedResponse Encode(Response response, const EncodeOptions& options);

// "Not Found"; "Unknown" for a status that has no name.
absl::string_view ReasonPhrase(int status);

}  // namespace tributary::http

#endif  // TRIBUTARY_COMMON_HTTP_RESPONSE_HEAD_H_
