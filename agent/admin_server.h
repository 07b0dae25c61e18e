// The admin board over HTTP.
#ifndef TRIBUTARY_AGENT_ADMIN_SERVER_H_
#define TRIBUTARY_AGENT_ADMIN_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/admin.h"
#include "agent/commands/world.h"

namespace tributary::agent {

// Serves `board`, which must outlive the server, on host and port; port 0 takes any free one. The
// errors of http::PortMux::Listen.
absl::StatusOr<std::unique_ptr<AdminServer>> StartAdminServer(const std::string& host,
                                                              uint16_t port, AdminBoard* board);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_ADMIN_SERVER_H_
