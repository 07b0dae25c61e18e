// Where a command listens that was given a number.
#ifndef TRIBUTARY_AGENT_PORTS_COMMAND_LISTENER_H_
#define TRIBUTARY_AGENT_PORTS_COMMAND_LISTENER_H_

#include <cstdint>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "agent/ports/listeners.h"
#include "common/clock.h"

namespace tributary::agent {

// Looks at the listeners of the command's process tree for connections from this machine.
//   - The given number is the answer as soon as one of them has it, for good.
//   - A command that forgot its number, or moved on to another one, is taken at what it does: if
//     its first process that listens, seen from the root, has the same one other number for 10 s,
//     that is the answer until the given one is. Helpers are further down: kernels of a notebook,
//     the data server of a TensorBoard.
//   - What a person should know of that is a line, 10 s after the last change.
// Not thread-safe.
class CommandListener {
 public:
  // `root` is the command's process. Both others outlive this.
  CommandListener(uint16_t given, int64_t root, Ports* ports, Clock* clock)
      : given_(given), root_(root), ports_(ports), clock_(clock), started_(clock->Monotonic()) {}

  void Look();
  // When the next Look is worth while, by the monotonic clock.
  absl::Duration next_look() const { return next_look_; }

  // 0: nowhere yet.
  uint16_t port() const { return port_; }
  // Empty if there is nothing to say; the same as long as nothing changes.
  const std::string& line() const { return line_; }

 private:
  // `unreached`: for which other address it listens on the given number.
  std::string Describe(const std::string& unreached) const;

  const uint16_t given_;
  const int64_t root_;
  Ports* const ports_;
  Clock* const clock_;
  const absl::Duration started_;
  absl::Duration next_look_ = started_;
  absl::Duration next_tree_look_ = started_;  // for which all of /proc is read
  // The numbers of the listeners nearest to the root, and since when it is just these.
  std::set<uint16_t> first_;
  absl::Duration since_ = started_;
  uint16_t port_ = 0;
  std::string line_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_PORTS_COMMAND_LISTENER_H_
