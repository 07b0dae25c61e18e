// Who listens on a port of this node, and whether it is a process of ours: from /proc.
#ifndef TRIBUTARY_AGENT_PORTS_LISTENERS_H_
#define TRIBUTARY_AGENT_PORTS_LISTENERS_H_

#include <cstdint>
#include <set>
#include <string>

#include "absl/strings/string_view.h"

namespace tributary::agent {

// Inode numbers of the TCP sockets in a table of /proc/net ("tcp" or "tcp6") that listen on the
// port.
std::set<uint64_t> ListeningInodes(absl::string_view table, uint16_t port);
// All ports that such a table has a listener on.
std::set<uint16_t> ListeningPorts(absl::string_view table);

// A process of /proc/<pid>/stat: its parent; 0 if the text is none.
int64_t ParentInStat(absl::string_view stat);

// Ports of this machine (or network namespace) that somebody listens on.
std::set<uint16_t> PortsTaken();
// Whether anybody listens on the port.
bool IsListening(uint16_t port);
// Whether the process or one of its descendants does. False for what /proc does not show.
bool ListensInTree(uint16_t port, int64_t root);
// Whether a listener could be put on the port now, on all interfaces.
bool IsPortFree(uint16_t port);
// A port that the system has free; 0 if it has none.
uint16_t AnyFreePort();

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_PORTS_LISTENERS_H_
