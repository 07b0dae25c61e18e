// Why a collector cannot be reached, for people.
#ifndef TRIBUTARY_AGENT_CONNECT_ERROR_H_
#define TRIBUTARY_AGENT_CONNECT_ERROR_H_

#include <string>

#include "absl/strings/string_view.h"

namespace tributary::agent {

// The reason out of what gRPC says of a connection that failed:
//   "failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.5:6006: Failed to connect
//   to remote host: Connection refused" -> "10.0.0.5:6006: Connection refused"
//   "DNS resolution failed for head:6006: C-ares status ...: Domain name not found" -> "the name
//   cannot be resolved: Domain name not found"
// Another text stays as it is.
std::string ConnectError(absl::string_view grpc_text);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_CONNECT_ERROR_H_
