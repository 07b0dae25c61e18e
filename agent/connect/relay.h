// Bytes between two sockets.
#ifndef TRIBUTARY_AGENT_CONNECT_RELAY_H_
#define TRIBUTARY_AGENT_CONNECT_RELAY_H_

#include <cstddef>
#include <memory>

#include "common/descriptor.h"

namespace tributary::agent {

// Copies both ways between two connected, non-blocking sockets. A side that has nothing more to say
// is told to the other (half close) while that one goes on. What the reader does not take is not
// read from the writer: at most `buffer_bytes` of each direction wait here, and memory is held only
// while some do.
//
// Not thread-safe. Owns both sockets.
class Relay {
 public:
  enum class State {
    kWaits,   // for either socket to become readable or writable again (an edge)
    kBusy,    // there is more to move now; others have their turn first
    kDone,    // both directions have ended in order
    kBroken,  // one side broke: Abort tells it to both
  };

  Relay(Descriptor left, Descriptor right, size_t buffer_bytes);

  State Move();

  int left() const { return left_.get(); }
  int right() const { return right_.get(); }

  // Closes both so that neither takes what it has for the whole (reset instead of end).
  void Abort();

 private:
  // One direction. `begin` to `end` of `buffer` is read and not written.
  struct Pipe {
    std::unique_ptr<char[]> buffer;
    size_t begin = 0;
    size_t end = 0;
    bool read_all = false;  // the reader's side ended
    bool ended = false;     // and that was told to the other
    bool empty() const { return begin == end; }
  };
  enum class Moved { kNothing, kSomething, kError };
  Moved Fill(int from, Pipe* pipe);
  static Moved Drain(int to, Pipe* pipe);
  // kWaits, kBusy or kBroken.
  State MoveOne(int from, int to, Pipe* pipe);

  const size_t buffer_bytes_;
  Descriptor left_;
  Descriptor right_;
  Pipe rightward_;
  Pipe leftward_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_CONNECT_RELAY_H_
