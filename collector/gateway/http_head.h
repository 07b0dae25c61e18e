// Heads of HTTP/1 messages, read strictly: what two servers in a row could read differently is
// refused. Pure functions of bytes.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_HTTP_HEAD_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_HTTP_HEAD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tributary::gateway {

// Longest head that is read, in bytes; and most fields of one.
inline constexpr size_t kHeadBytesMax = 64u << 10;
inline constexpr size_t kFieldsMax = 200;

class Fields {
 public:
  using Field = std::pair<std::string, std::string>;  // name as sent, value without outer blanks

  void Add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  // Names are compared without regard to case. The first value, empty if there is none.
  absl::string_view Get(absl::string_view name) const;
  size_t Count(absl::string_view name) const;
  // Whether a comma-separated list in any of these fields has the token.
  bool HasToken(absl::string_view name, absl::string_view token) const;
  const std::vector<Field>& all() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

// How the end of a body is known.
struct BodyFraming {
  enum class Kind { kNone, kLength, kChunked, kUntilClose };
  Kind kind = Kind::kNone;
  uint64_t length = 0;  // of kLength
};

struct RequestHead {
  std::string method;
  std::string target;  // begins with '/'
  int minor_version = 1;
  Fields fields;
  BodyFraming body;
};

struct ResponseHead {
  int status = 0;
  std::string reason;
  int minor_version = 1;
  Fields fields;
  BodyFraming body;
};

// Just past the empty line that ends a head; npos if it is not there yet.
size_t HeadEnd(absl::string_view bytes);

// `head` is all of one, with the empty line. InvalidArgument, with the reason for people: lines
// that do not end in CRLF, blanks before a colon, folded lines, control characters, two lengths or
// a length beside chunks, transfer codings but "chunked", no or two Hosts, targets that are no
// path.
absl::StatusOr<RequestHead> ParseRequestHead(absl::string_view head);
// The body is that of an answer to `method`.
absl::StatusOr<ResponseHead> ParseResponseHead(absl::string_view head, absl::string_view method);

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_HTTP_HEAD_H_
