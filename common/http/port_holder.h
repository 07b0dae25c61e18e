// Who listens on a port of this machine.
#ifndef TRIBUTARY_COMMON_HTTP_PORT_HOLDER_H_
#define TRIBUTARY_COMMON_HTTP_PORT_HOLDER_H_

#include <cstdint>
#include <string>

namespace tributary::http {

// "tensorboard (pid 4711)" of a process that listens on the TCP port; empty if the system does not
// tell, as for processes of other users.
std::string PortHolder(uint16_t port);

}  // namespace tributary::http

#endif  // TRIBUTARY_COMMON_HTTP_PORT_HOLDER_H_
