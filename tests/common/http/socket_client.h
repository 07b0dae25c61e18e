// A client made of system calls, for requests that no library would send.
#ifndef TRIBUTARY_TESTS_COMMON_HTTP_SOCKET_CLIENT_H_
#define TRIBUTARY_TESTS_COMMON_HTTP_SOCKET_CLIENT_H_

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "common/check.h"
#include "gtest/gtest.h"

namespace tributary::http {

// Blocking; every read ends when the peer answers or closes.
class SocketClient {
 public:
  explicit SocketClient(int fd) : fd_(fd) {}
  SocketClient(SocketClient&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~SocketClient() {
    if (fd_ >= 0) ::close(fd_);
  }

  // Connects to 127.0.0.1.
  static SocketClient Connect(uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int result = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    CHECK(result == 0, "cannot connect to port ", port);
    return SocketClient(fd);
  }

  void Send(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the peer closed: what it answered is what counts
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  void EndSending() { ::shutdown(fd_, SHUT_WR); }

  // Until the peer closes.
  std::string ReadAll() {
    std::string all = std::move(pending_);
    pending_.clear();
    while (Fill()) {
      all += pending_;
      pending_.clear();
    }
    return all;
  }
  // One answer: head and as many bytes as its Content-Length says, unless `head_only`.
  // Waits until a response has begun to come, and reads no more than a part of it.
  void AwaitResponse() { ASSERT_TRUE(Fill()); }
  std::string ReadResponse(bool head_only = false) {
    size_t end;
    while ((end = pending_.find("\r\n\r\n")) == std::string::npos) {
      if (!Fill()) return std::exchange(pending_, "");
    }
    size_t length = end + 4;
    const size_t header = pending_.find("Content-Length: ");
    if (!head_only && header < end) length += std::stoul(pending_.substr(header + 16));
    while (pending_.size() < length) {
      if (!Fill()) return std::exchange(pending_, "");
    }
    std::string response = pending_.substr(0, length);
    pending_.erase(0, length);
    return response;
  }

  int descriptor() const { return fd_; }

 private:
  bool Fill() {
    std::array<char, 65536> bytes;
    const ssize_t count = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (count <= 0) return false;
    pending_.append(bytes.data(), static_cast<size_t>(count));
    return true;
  }

  int fd_;
  std::string pending_;
};

}  // namespace tributary::http

#endif  // TRIBUTARY_TESTS_COMMON_HTTP_SOCKET_CLIENT_H_
