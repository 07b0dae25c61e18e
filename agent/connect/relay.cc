#include "agent/connect/relay.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace tributary::agent {
namespace {

// Rounds of one Move in each direction.
constexpr int kRoundsMax = 8;

}  // namespace

Relay::Relay(Descriptor left, Descriptor right, size_t buffer_bytes)
    : buffer_bytes_(buffer_bytes), left_(std::move(left)), right_(std::move(right)) {}

Relay::Moved Relay::Fill(int from, Pipe* pipe) {
  // What waits goes first: then one write takes all of it.
  if (pipe->read_all || !pipe->empty()) return Moved::kNothing;
  if (pipe->buffer == nullptr) pipe->buffer = std::make_unique<char[]>(buffer_bytes_);
  const ssize_t got = ::recv(from, pipe->buffer.get(), buffer_bytes_, 0);
  if (got < 0) return errno == EAGAIN ? Moved::kNothing : Moved::kError;
  pipe->begin = 0;
  pipe->end = static_cast<size_t>(got);
  pipe->read_all = got == 0;
  return Moved::kSomething;
}

Relay::Moved Relay::Drain(int to, Pipe* pipe) {
  if (!pipe->empty()) {
    const ssize_t sent =
        ::send(to, pipe->buffer.get() + pipe->begin, pipe->end - pipe->begin, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN ? Moved::kNothing : Moved::kError;
    pipe->begin += static_cast<size_t>(sent);
    return Moved::kSomething;
  }
  if (!pipe->read_all || pipe->ended) return Moved::kNothing;
  pipe->ended = true;
  return ::shutdown(to, SHUT_WR) == 0 ? Moved::kSomething : Moved::kError;
}

Relay::State Relay::MoveOne(int from, int to, Pipe* pipe) {
  for (int round = 0; round < kRoundsMax; ++round) {
    const Moved filled = Fill(from, pipe);
    const Moved drained = filled == Moved::kError ? Moved::kError : Drain(to, pipe);
    if (drained == Moved::kError) return State::kBroken;
    if (filled == Moved::kNothing && drained == Moved::kNothing) {
      if (pipe->empty()) pipe->buffer.reset();
      return State::kWaits;
    }
  }
  return State::kBusy;
}

Relay::State Relay::Move() {
  const State rightward = MoveOne(left(), right(), &rightward_);
  if (rightward == State::kBroken) return rightward;
  const State leftward = MoveOne(right(), left(), &leftward_);
  if (leftward == State::kBroken) return leftward;
  if (rightward_.ended && leftward_.ended) return State::kDone;
  return rightward == State::kBusy ? rightward : leftward;
}

void Relay::Abort() {
  const linger reset = {1, 0};
  for (Descriptor* const side : {&left_, &right_}) {
    ::setsockopt(side->get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    const Descriptor closed = std::move(*side);
  }
}

}  // namespace tributary::agent
