// The socket seam: connected byte streams that never block, and where they come from. The machine's
// are in socket_loop.h, pairs in memory in tests.
#ifndef TRIBUTARY_COMMON_NET_STREAM_SOCKET_H_
#define TRIBUTARY_COMMON_NET_STREAM_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tributary::net {

// Belongs to one queue. Its end closes the connection; what was written is still sent, unless bytes
// of the peer were left unread, which resets it.
class StreamSocket {
 public:
  virtual ~StreamSocket() = default;

  // How many bytes were read, at most `size` (> 0); 0 if the peer has ended its side; nullopt if
  // there are none now: the callback tells when to try again. An error means that the connection is
  // broken, or could not be made.
  virtual absl::StatusOr<std::optional<size_t>> Read(char* buffer, size_t size) = 0;
  // How many bytes of `bytes` (not empty) were taken; nullopt if none can be now. Errors as Read.
  virtual absl::StatusOr<std::optional<size_t>> Write(absl::string_view bytes) = 0;
  // The peer reads an end after what was written.
  virtual void EndWrites() = 0;
  // OK if the connection stands, or stood; else why it could not be made. nullopt: not known yet.
  virtual std::optional<absl::Status> connected() const = 0;
  // Whether the peer has ended its side or the connection is broken, also while there are bytes
  // that were not read.
  virtual bool hung_up() const = 0;
  // The connection is no longer this object's and no callback runs any more: its descriptor.
  virtual int Release() = 0;
};

// Something may have changed: try again what could not be done. Runs on the queue, never inside a
// call to the socket, and not after the socket's end.
using SocketReady = std::function<void()>;

class Sockets {
 public:
  virtual ~Sockets() = default;
  // Takes a connected socket over.
  virtual std::unique_ptr<StreamSocket> Adopt(int descriptor, SocketReady ready) = 0;
  // Begins to connect to 127.0.0.1 or, with `ipv6`, to ::1. Until it stands there is nothing to
  // read or to write; reading or writing tells why it failed.
  virtual std::unique_ptr<StreamSocket> ConnectLoopback(uint16_t port, bool ipv6,
                                                        SocketReady ready) = 0;
};

}  // namespace tributary::net

#endif  // TRIBUTARY_COMMON_NET_STREAM_SOCKET_H_
