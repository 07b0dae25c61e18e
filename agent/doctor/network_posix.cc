#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/algorithm/container.h"
#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/doctor/network.h"
#include "common/clock.h"
#include "common/descriptor.h"

namespace tributary::agent {
namespace {

absl::Status FromErrno(int error) {
  const char* const text = std::strerror(error);
  switch (error) {
    case ECONNREFUSED:
      return absl::UnavailableError(text);
    case ETIMEDOUT:
      return absl::DeadlineExceededError(text);
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
      return absl::NotFoundError(text);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(text);
    case ECONNRESET:
    case EPIPE:
      return absl::AbortedError(text);
    default:
      return absl::InternalError(text);
  }
}

std::string NumericText(const sockaddr* address, socklen_t length) {
  std::array<char, NI_MAXHOST> host = {};
  if (::getnameinfo(address, length, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
    return "";
  }
  return host.data();
}

class PosixConnection : public Connection {
 public:
  PosixConnection(Descriptor socket, absl::Duration timeout)
      : socket_(std::move(socket)), timeout_(timeout) {}

  // OK when the socket has one of `events` or an error to tell.
  absl::Status Await(int16_t events) {
    const absl::Duration deadline = RealClock()->Monotonic() + timeout_;
    for (;;) {
      pollfd wait = {socket_.get(), events, 0};
      const absl::Duration left = deadline - RealClock()->Monotonic();
      if (left <= absl::ZeroDuration()) return absl::DeadlineExceededError("no answer in time");
      const int ready = ::poll(&wait, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
      if (ready > 0) return absl::OkStatus();
      if (ready < 0 && errno != EINTR) return FromErrno(errno);
    }
  }
  int PendingError() {
    int error = 0;
    socklen_t length = sizeof(error);
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    return error;
  }

  absl::Status Send(absl::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<size_t>(sent));
      } else if (errno == EAGAIN) {
        if (absl::Status ready = Await(POLLOUT); !ready.ok()) return ready;
      } else if (errno != EINTR) {
        return FromErrno(errno);
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Receive() override {
    std::array<char, 16 << 10> buffer;
    for (;;) {
      const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (got >= 0) return std::string(buffer.data(), static_cast<size_t>(got));
      if (errno == EAGAIN) {
        if (absl::Status ready = Await(POLLIN); !ready.ok()) return ready;
      } else if (errno != EINTR) {
        return FromErrno(errno);
      }
    }
  }

 private:
  const Descriptor socket_;
  const absl::Duration timeout_;
};

class PosixNetwork : public Network {
 public:
  absl::StatusOr<std::vector<std::string>> Resolve(const std::string& host) override {
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (error == EAI_NONAME || error == EAI_NODATA) {
      return absl::NotFoundError(::gai_strerror(error));
    }
    if (error == EAI_AGAIN) return absl::UnavailableError(::gai_strerror(error));
    if (error != 0) {
      return absl::InternalError(error == EAI_SYSTEM ? std::strerror(errno)
                                                     : ::gai_strerror(error));
    }
    const absl::Cleanup free = [found] { ::freeaddrinfo(found); };
    std::vector<std::string> addresses;
    for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
      std::string text = NumericText(info->ai_addr, info->ai_addrlen);
      if (!text.empty() && !absl::c_linear_search(addresses, text)) {
        addresses.push_back(std::move(text));
      }
    }
    if (addresses.empty()) return absl::NotFoundError("the name has no address");
    return addresses;
  }

  absl::StatusOr<std::unique_ptr<Connection>> Connect(const Endpoint& endpoint,
                                                      absl::Duration timeout) override {
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (::getaddrinfo(endpoint.ip.c_str(), absl::StrCat(endpoint.port).c_str(), &hints, &found) !=
        0) {
      return absl::InternalError(absl::StrCat(endpoint.ip, " is no address"));
    }
    const absl::Cleanup free = [found] { ::freeaddrinfo(found); };
    Descriptor socket(
        ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (socket.get() < 0) return FromErrno(errno == EAFNOSUPPORT ? ENETUNREACH : errno);
    const int fd = socket.get();
    auto connection = std::make_unique<PosixConnection>(std::move(socket), timeout);
    if (::connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
      if (errno != EINPROGRESS) return FromErrno(errno);
      if (absl::Status ready = connection->Await(POLLOUT); !ready.ok()) return ready;
      if (const int error = connection->PendingError(); error != 0) return FromErrno(error);
    }
    return connection;
  }

  std::vector<std::string> OwnAddresses() override {
    std::vector<std::string> addresses;
    ifaddrs* interfaces = nullptr;
    if (::getifaddrs(&interfaces) != 0) return addresses;
    for (const ifaddrs* entry = interfaces; entry != nullptr; entry = entry->ifa_next) {
      if (entry->ifa_addr == nullptr) continue;
      const int family = entry->ifa_addr->sa_family;
      if (family != AF_INET && family != AF_INET6) continue;
      std::string text = NumericText(
          entry->ifa_addr, family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
      if (!text.empty()) addresses.push_back(std::move(text));
    }
    ::freeifaddrs(interfaces);
    return addresses;
  }
};

}  // namespace

std::string EndpointText(const Endpoint& endpoint) {
  return absl::StrContains(endpoint.ip, ':') ? absl::StrCat("[", endpoint.ip, "]:", endpoint.port)
                                             : absl::StrCat(endpoint.ip, ":", endpoint.port);
}

bool IsLoopbackIp(absl::string_view ip) {
  return ip == "::1" || absl::StartsWith(ip, "127.") || absl::StartsWith(ip, "::ffff:127.");
}

std::unique_ptr<Network> MakePosixNetwork() { return std::make_unique<PosixNetwork>(); }

}  // namespace tributary::agent
