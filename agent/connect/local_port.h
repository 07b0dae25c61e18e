// The port that `connect` listens on.
#ifndef TRIBUTARY_AGENT_CONNECT_LOCAL_PORT_H_
#define TRIBUTARY_AGENT_CONNECT_LOCAL_PORT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/connect/forwarder.h"

namespace tributary::agent {

// Ends, with all connections, with its destructor.
class LocalPort {
 public:
  virtual ~LocalPort() = default;
  virtual uint16_t port() const = 0;
  // Numeric, with the port: "127.0.0.1:6006".
  virtual const std::vector<std::string>& addresses() const = 0;
};

// Listens on host:port (0: any free one) and hands what comes in to a Forwarder. AlreadyExists if
// the port is taken, naming the holder; InvalidArgument for a host that does not resolve.
absl::StatusOr<std::unique_ptr<LocalPort>> OpenLocalPort(const std::string& host, uint16_t port,
                                                         const Forwarder::Options& options,
                                                         Clock* clock, Logger* log);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_CONNECT_LOCAL_PORT_H_
