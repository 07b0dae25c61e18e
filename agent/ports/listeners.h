// Who listens on a port of this node, and whether it is a process of ours.
#ifndef TRIBUTARY_AGENT_PORTS_LISTENERS_H_
#define TRIBUTARY_AGENT_PORTS_LISTENERS_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/listening_sockets.h"

namespace tributary::agent {

// A listener of a process tree. `depth` is that of its process: 0 of the root, 1 of its children;
// the least if several hold it.
struct TreeListener {
  ListeningSocket socket;  // without a pid
  int depth = 0;
};

// The ports of this machine, or network namespace. A seam; thread-safe.
class Ports {
 public:
  virtual ~Ports() = default;
  // That somebody listens on.
  virtual std::set<uint16_t> Taken() = 0;
  // What the process and its descendants listen on, as far as the system shows it.
  virtual std::vector<TreeListener> ListenersInTree(int64_t root) = 0;
  // Whether this very process, which must be of this user, listens there for local connections. Of
  // other users' processes the system may only show that a socket is the user's: that is enough.
  virtual bool IsListenerOf(uint16_t port, int64_t pid, uint32_t uid) = 0;
  // Who listens there, as of PortHolder: "tensorboard (pid 4711)"; empty if the system does not
  // tell.
  virtual std::string Holder(uint16_t port) = 0;
  // Whether a listener could be put on the port now, on all interfaces.
  virtual bool IsFree(uint16_t port) = 0;
  // A port that the system has free; 0 if it has none.
  virtual uint16_t AnyFree() = 0;
};

// From /proc. Lives for ever.
Ports* RealPorts();

// A process of /proc/<pid>/stat: its parent; 0 if the text is none.
int64_t ParentInStat(absl::string_view stat);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_PORTS_LISTENERS_H_
