// Manners of a guest on a training node.
#ifndef TRIBUTARY_AGENT_GUEST_H_
#define TRIBUTARY_AGENT_GUEST_H_

#include "absl/status/status.h"

namespace tributary::agent {

// Puts the calling thread, and the threads it starts from now on, behind the training: nice 10 (or
// higher, if it was) and the idle I/O class. An error says what the system refused; the rest is
// done all the same.
absl::Status BecomeGuest();

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_GUEST_H_
