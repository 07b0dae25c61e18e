// To which session a tunnel belongs.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_TUNNEL_TOKENS_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_TUNNEL_TOKENS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tributary::gateway {

// Implemented by whoever grants tokens (ServicesWelcome.tunnel_token). Thread-safe; waits for
// nothing.
class TunnelTokens {
 public:
  virtual ~TunnelTokens() = default;
  // The session (ServiceStatus::session, not 0) that the token was given to and that lives.
  // Unauthenticated for any other.
  virtual absl::StatusOr<uint64_t> SessionOfToken(absl::string_view token) = 0;
};

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_TUNNEL_TOKENS_H_
