// What an unknown server answers to an HTTP request.
#ifndef TRIBUTARY_AGENT_DOCTOR_HTTP_ANSWER_H_
#define TRIBUTARY_AGENT_DOCTOR_HTTP_ANSWER_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/doctor/network.h"

namespace tributary::agent {

struct HttpAnswer {
  int status = 0;
  // Of the Server header; empty without one.
  std::string server;
  // As far as it was read; still in chunks, if it came in such.
  std::string body;
  // As many bytes as the answer said that it has; also if it did not say.
  bool whole = false;
};

// What is there so far of an answer over HTTP/1; nullopt if its head is not complete or it is no
// HTTP/1.
std::optional<HttpAnswer> ParseHttpAnswer(absl::string_view bytes);

// What speaks here, if it is not HTTP/1: "TLS", "HTTP/2", "SSH"; empty if that is not known.
absl::string_view ForeignProtocol(absl::string_view bytes);

// A ClientHello that a server of TLS answers, if only with an alert.
std::string TlsGreeting();

// One that ends the connection with its answer. `authority` is HOST:PORT, `path` begins with a
// slash and is encoded, `version` is the agent's.
std::string GetRequest(absl::string_view authority, absl::string_view path,
                       absl::string_view version);

struct AskOptions {
  // The answer ends with its head, as that to CONNECT.
  bool head_only = false;
  // More is not read; what ends an answer in parts that are not HTTP's.
  size_t bytes_max = 64 << 10;
};
// Sends `request` and reads what is answered until the peer closes, an answer of HTTP is whole by
// its Content-Length, or `bytes_max` are there. The error of the connection, if nothing came before
// it.
absl::StatusOr<std::string> Ask(Connection* connection, absl::string_view request,
                                const AskOptions& options = {});

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_DOCTOR_HTTP_ANSWER_H_
