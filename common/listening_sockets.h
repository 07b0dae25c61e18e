// Who listens on this machine.
#ifndef TRIBUTARY_COMMON_LISTENING_SOCKETS_H_
#define TRIBUTARY_COMMON_LISTENING_SOCKETS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tributary {

// A TCP socket that listens.
struct ListeningSocket {
  std::string ip;  // numeric: "127.0.0.1", "::"
  uint16_t port = 0;
  uint64_t inode = 0;  // names the socket while it is open
  uint32_t owner_uid = 0;
  // The process that holds it; 0 and empty if the system does not tell, as for those of other
  // users.
  int64_t pid = 0;
  std::string program = {};
};

// Whether a connection to 127.0.0.1 or ::1 gets there.
bool AcceptsLocal(const ListeningSocket& socket);

// All of this network namespace, by their processes where the system tells.
std::vector<ListeningSocket> ListeningSockets();
// The same without processes, for which all of /proc must be read.
std::vector<ListeningSocket> ListeningSocketsAlone();

// "tensorboard (pid 4711)" of a process that listens on the port; empty if the system does not
// tell.
std::string PortHolder(uint16_t port);

// The listening ones of a table as in /proc/net/tcp and /proc/net/tcp6, without their processes.
// Lines that are none are left out.
std::vector<ListeningSocket> ParseSocketTable(absl::string_view table);

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_LISTENING_SOCKETS_H_
