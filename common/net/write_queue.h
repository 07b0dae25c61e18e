// Bytes that wait until a socket takes them.
#ifndef TRIBUTARY_COMMON_NET_WRITE_QUEUE_H_
#define TRIBUTARY_COMMON_NET_WRITE_QUEUE_H_

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/net/stream_socket.h"
#include "common/status_macros.h"

namespace tributary::net {

// In order. Each piece carries a weight, which is told once the piece was taken as a whole: how
// much of what came in is handed on with it.
class WriteQueue {
 public:
  bool empty() const { return pieces_.empty(); }

  // An empty piece with a weight is told of in its turn, too.
  void Push(std::string bytes, uint64_t weight) {
    if (bytes.empty() && weight == 0) return;
    pieces_.push_back({std::move(bytes), weight});
  }

  // Writes as much as the socket takes. The weight of what was taken; errors are the socket's.
  absl::StatusOr<uint64_t> WriteTo(StreamSocket* socket) {
    uint64_t weight = 0;
    while (!pieces_.empty()) {
      const absl::string_view rest = absl::string_view(pieces_.front().bytes).substr(at_);
      if (!rest.empty()) {
        ASSIGN_OR_RETURN(const std::optional<size_t> taken, socket->Write(rest));
        if (!taken.has_value()) break;
        at_ += *taken;
        if (*taken < rest.size()) continue;
      }
      weight += pieces_.front().weight;
      pieces_.pop_front();
      at_ = 0;
    }
    return weight;
  }

  // Drops everything. The weight of what was dropped.
  uint64_t Clear() {
    uint64_t weight = 0;
    for (const Piece& piece : pieces_) weight += piece.weight;
    pieces_.clear();
    at_ = 0;
    return weight;
  }

 private:
  struct Piece {
    std::string bytes;
    uint64_t weight;
  };
  std::deque<Piece> pieces_;
  size_t at_ = 0;  // of the first piece
};

}  // namespace tributary::net

#endif  // TRIBUTARY_COMMON_NET_WRITE_QUEUE_H_
