// The network as the doctor sees it: names, connections, bytes. A seam; network_posix.cc is the
// machine's.
#ifndef TRIBUTARY_AGENT_DOCTOR_NETWORK_H_
#define TRIBUTARY_AGENT_DOCTOR_NETWORK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace tributary::agent {

// A numeric address: "10.0.0.5" or "fd00::5".
struct Endpoint {
  std::string ip;
  uint16_t port = 0;
};
// "10.0.0.5:6006", "[fd00::5]:6006".
std::string EndpointText(const Endpoint& endpoint);
// Of 127.0.0.0/8 or ::1.
bool IsLoopbackIp(absl::string_view ip);

// Used by one thread. Closed by the destructor.
class Connection {
 public:
  virtual ~Connection() = default;
  // All of `bytes`. DeadlineExceeded if the peer does not take them in time; Aborted if it reset.
  virtual absl::Status Send(absl::string_view bytes) = 0;
  // The next bytes; empty when the peer has closed. DeadlineExceeded, Aborted as above.
  virtual absl::StatusOr<std::string> Receive() = 0;
};

// Used by one thread; calls block.
class Network {
 public:
  virtual ~Network() = default;

  // The numeric addresses of a name, in the order in which they should be tried; a numeric one
  // stays as it is. NotFound: there is no such name. Unavailable: no name server answers. Else
  // Internal.
  virtual absl::StatusOr<std::vector<std::string>> Resolve(const std::string& host) = 0;

  // Connects within `timeout`, which is also that of each call to the connection.
  //   - Unavailable: refused;
  //   - DeadlineExceeded: no answer;
  //   - NotFound: no route;
  //   - PermissionDenied: this machine does not let it out;
  //   - Internal: anything else.
  virtual absl::StatusOr<std::unique_ptr<Connection>> Connect(const Endpoint& endpoint,
                                                              absl::Duration timeout) = 0;

  // Numeric addresses of this machine.
  virtual std::vector<std::string> OwnAddresses() = 0;
};

std::unique_ptr<Network> MakePosixNetwork();

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_DOCTOR_NETWORK_H_
