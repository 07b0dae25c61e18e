// Connected streams in memory, with buffers of a chosen size: what sockets do, without any.
#ifndef TRIBUTARY_TESTS_SUPPORT_MEMORY_SOCKETS_H_
#define TRIBUTARY_TESTS_SUPPORT_MEMORY_SOCKETS_H_

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/net/stream_socket.h"
#include "common/task_queue.h"

namespace tributary {

class MemorySockets : public net::Sockets {
 public:
  // `queue` must outlive all sockets: callbacks are posted to it.
  explicit MemorySockets(TaskQueue* queue) : queue_(queue) {}

  struct End;
  struct Direction {
    std::string bytes;
    bool ended = false;
  };
  struct Connection {
    Direction directions[2];  // [i]: what end i sends
    End* ends[2] = {nullptr, nullptr};
    bool reset = false;
    size_t capacity = 0;
  };

  struct End : public net::StreamSocket {
    End(MemorySockets* sockets, std::shared_ptr<Connection> connection, int side,
        net::SocketReady ready)
        : sockets_(sockets),
          connection_(std::move(connection)),
          side_(side),
          ready_(std::move(ready)) {
      if (connection_ == nullptr) {
        PostReady();
        return;
      }
      connection_->ends[side_] = this;
      PostReady();
    }
    ~End() override {
      *alive_ = false;
      if (connection_ == nullptr) return;
      connection_->ends[side_] = nullptr;
      connection_->directions[side_].ended = true;
      // As the system does: unread bytes turn a close into a reset.
      if (!connection_->directions[1 - side_].bytes.empty()) connection_->reset = true;
      Wake();
    }

    absl::StatusOr<std::optional<size_t>> Read(char* buffer, size_t size) override {
      Direction& in = connection_->directions[1 - side_];
      const size_t count = std::min(size, in.bytes.size());
      if (count > 0) {
        std::memcpy(buffer, in.bytes.data(), count);
        in.bytes.erase(0, count);
        Wake();
        return count;
      }
      if (connection_->reset) return absl::UnavailableError("Connection reset by peer");
      if (in.ended) return 0;
      return std::nullopt;
    }
    absl::StatusOr<std::optional<size_t>> Write(absl::string_view bytes) override {
      if (connection_->reset || connection_->ends[1 - side_] == nullptr) {
        connection_->reset = true;
        return absl::UnavailableError("Broken pipe");
      }
      Direction& out = connection_->directions[side_];
      const size_t count = std::min(
          bytes.size(), connection_->capacity - std::min(connection_->capacity, out.bytes.size()));
      if (count == 0) return std::nullopt;
      out.bytes.append(bytes.data(), count);
      Wake();
      return count;
    }
    void EndWrites() override {
      connection_->directions[side_].ended = true;
      Wake();
    }
    std::optional<absl::Status> connected() const override {
      if (stalled_) return std::nullopt;
      if (connection_ == nullptr) return absl::UnavailableError("Connection refused");
      return absl::OkStatus();
    }
    bool hung_up() const override {
      return connection_->reset || connection_->directions[1 - side_].ended;
    }
    int Release() override {
      const int descriptor = sockets_->next_descriptor_++;
      connection_->ends[side_] = nullptr;
      sockets_->released_[descriptor] = {connection_, side_};
      *alive_ = false;
      connection_ = nullptr;
      return descriptor;
    }

    // For tests, which play the other end.
    void Say(absl::string_view bytes) {
      connection_->directions[side_].bytes.append(bytes.data(), bytes.size());
      Wake();
    }
    std::string Hear(size_t count = std::string::npos) {
      std::string& in = connection_->directions[1 - side_].bytes;
      std::string heard = in.substr(0, count);
      in.erase(0, heard.size());
      Wake();
      return heard;
    }
    bool heard_end() const { return connection_->directions[1 - side_].ended; }
    bool is_reset() const { return connection_->reset; }

   private:
    friend class MemorySockets;
    void Wake() {
      if (End* const other = connection_->ends[1 - side_]) other->PostReady();
    }
    void PostReady() {
      if (ready_ == nullptr) return;
      sockets_->queue_->Post([alive = alive_, this] {
        if (!*alive) return;
        const net::SocketReady ready = ready_;
        ready();
      });
    }

    MemorySockets* const sockets_;
    std::shared_ptr<Connection> connection_;
    const int side_;
    const net::SocketReady ready_;
    const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    bool stalled_ = false;
  };

  // A connection whose one end can be adopted by the number, and whose other end the test plays.
  std::pair<int, std::unique_ptr<End>> MakePair() {
    auto connection = std::make_shared<Connection>();
    connection->capacity = capacity;
    const int descriptor = next_descriptor_++;
    released_[descriptor] = {connection, 0};
    return {descriptor, std::make_unique<End>(this, connection, 1, nullptr)};
  }
  // What was given to somebody, by its number.
  bool was_released(int descriptor) const { return released_.count(descriptor) > 0; }

  std::unique_ptr<net::StreamSocket> Adopt(int descriptor, net::SocketReady ready) override {
    auto node = released_.extract(descriptor);
    return std::make_unique<End>(this, node.mapped().first, node.mapped().second, std::move(ready));
  }
  std::unique_ptr<net::StreamSocket> ConnectLoopback(uint16_t port, bool ipv6,
                                                     net::SocketReady ready) override {
    if (stall) {
      auto end = std::make_unique<End>(this, nullptr, 0, std::move(ready));
      end->stalled_ = true;
      return end;
    }
    if (port != listening_port || ipv6 != listening_on_ipv6) {
      return std::make_unique<End>(this, nullptr, 0, std::move(ready));
    }
    auto connection = std::make_shared<Connection>();
    connection->capacity = capacity;
    accepted.push_back(std::make_unique<End>(this, connection, 1, nullptr));
    return std::make_unique<End>(this, connection, 0, std::move(ready));
  }

  size_t capacity = 1u << 16;  // of each direction of new connections, in bytes
  uint16_t listening_port = 0;
  bool listening_on_ipv6 = false;
  bool stall = false;  // connects are neither taken nor refused
  std::deque<std::unique_ptr<End>> accepted;

 private:
  TaskQueue* const queue_;
  int next_descriptor_ = 1000;
  std::map<int, std::pair<std::shared_ptr<Connection>, int>> released_;
};

}  // namespace tributary

#endif  // TRIBUTARY_TESTS_SUPPORT_MEMORY_SOCKETS_H_
