#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/descriptor.h"
#include "common/http/http_server.h"
#include "common/listening_sockets.h"
#include "common/status_macros.h"

namespace tributary::http {
namespace {

constexpr absl::Duration kFirstBytesTimeout = absl::Seconds(10);
// After accept found no free descriptor: some will be closed by then.
constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);
// Connections whose first bytes are awaited; one more closes the oldest.
constexpr size_t kUndecidedMax = 4096;
// Tells an HTTP/2 preface from POST, PUT and PATCH.
constexpr absl::string_view kHttp2Preface = "PRI";
// Of an X11 client on a little-endian machine. Ports 6000 to 6009 are X displays too, and who looks
// for displays, as mpirun does, would wait for our answer.
constexpr absl::string_view kX11Start("l\0", 2);
constexpr int kBacklog = 1024;

absl::Status Errno(absl::string_view what, int error) {
  return absl::InternalError(absl::StrCat(what, ": ", std::strerror(error)));
}

struct Address {
  sockaddr_storage storage = {};
  socklen_t length = 0;
};

absl::StatusOr<std::vector<Address>> Resolve(const PortMux::Options& options) {
  std::vector<std::string> hosts = {options.host};
  if (options.all_interfaces) {
    hosts = {"::"};
  } else if (options.host == "localhost") {
    // Not left to the resolver: on many machines it knows only one of the two.
    hosts = {"127.0.0.1", "::1"};
  }
  std::vector<Address> addresses;
  for (const std::string& host : hosts) {
    addrinfo hints = {};
    hints.ai_flags = AI_PASSIVE;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(host.c_str(), "0", &hints, &found);
    if (error != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("host \"", host, "\" does not resolve: ", ::gai_strerror(error)));
    }
    for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
      Address address;
      address.length = info->ai_addrlen;
      std::memcpy(&address.storage, info->ai_addr, info->ai_addrlen);
      addresses.push_back(address);
    }
    ::freeaddrinfo(found);
  }
  return addresses;
}

void SetPort(uint16_t port, Address* address) {
  if (address->storage.ss_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&address->storage)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(&address->storage)->sin_port = htons(port);
  }
}

uint16_t PortOf(int fd) {
  Address address;
  address.length = sizeof(address.storage);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length);
  return ntohs(address.storage.ss_family == AF_INET6
                   ? reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port
                   : reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port);
}

std::string AddressText(int fd) {
  Address address;
  address.length = sizeof(address.storage);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length);
  std::array<char, NI_MAXHOST> host = {};
  ::getnameinfo(reinterpret_cast<const sockaddr*>(&address.storage), address.length, host.data(),
                host.size(), nullptr, 0, NI_NUMERICHOST);
  const bool v6 = address.storage.ss_family == AF_INET6;
  return absl::StrCat(v6 ? "[" : "", host.data(), v6 ? "]:" : ":", PortOf(fd));
}

// 0 or the system's error.
int ListenOn(const Address& address, bool dual_stack, Descriptor* out) {
  Descriptor fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return errno;
  const int on = 1;
  // A restart must not wait for old connections to fade. Never SO_REUSEPORT: two servers would
  // share the port without knowing.
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.storage.ss_family == AF_INET6) {
    const int v6_only = dual_stack ? 0 : 1;
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only));
  }
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    return errno;
  }
  *out = std::move(fd);
  return 0;
}

bool IsAbsent(int error) {
  return error == EADDRNOTAVAIL || error == EAFNOSUPPORT || error == EPROTONOSUPPORT;
}

absl::Status TakenError(uint16_t port) {
  const std::string holder = PortHolder(port);
  return absl::AlreadyExistsError(
      absl::StrCat("port ", port, " is taken", holder.empty() ? "" : absl::StrCat(" by ", holder)));
}

// Listens on all addresses with one port. Addresses that this machine does not have are left out.
absl::StatusOr<std::vector<Descriptor>> ListenOnAll(std::vector<Address> addresses,
                                                    const PortMux::Options& options) {
  constexpr int kTries = 20;  // for port 0: what is free on one address may be taken on the other
  for (int attempt = 0; attempt < kTries; ++attempt) {
    std::vector<Descriptor> listeners;
    uint16_t port = options.port;
    int error = 0;
    for (Address& address : addresses) {
      SetPort(port, &address);
      Descriptor listener;
      const int result = ListenOn(address, options.all_interfaces, &listener);
      if (result == 0) {
        port = PortOf(listener.get());
        listeners.push_back(std::move(listener));
      } else if (!IsAbsent(result) || (error == 0 && listeners.empty())) {
        error = result;
        if (!IsAbsent(result)) break;
      }
    }
    if (error == 0 || (IsAbsent(error) && !listeners.empty())) return listeners;
    if (error == EADDRINUSE && options.port != 0) return TakenError(options.port);
    if (error == EACCES || error == EPERM) {
      return absl::PermissionDeniedError(
          absl::StrCat("may not listen on port ", port, ": ", std::strerror(error)));
    }
    if (error != EADDRINUSE) {
      return Errno(absl::StrCat("cannot listen on ", options.host, " port ", port), error);
    }
  }
  return absl::AlreadyExistsError("found no port that is free on every address");
}

}  // namespace

// One epoll loop. A connection waits edge-triggered, as bytes that are only peeked at stay readable
// and a level-triggered wait would spin; each new segment is a new edge.
struct PortMux::Impl {
  struct Undecided {
    Descriptor socket;
    absl::Duration deadline;
  };

  // Constant after Listen.
  std::vector<Descriptor> listeners;
  Descriptor epoll;
  Descriptor wake;
  uint16_t port = 0;
  std::vector<std::string> addresses;
  std::function<void(int)> on_grpc;
  std::function<void(int)> on_http;

  // Owned by the thread "accept".
  std::list<Undecided> undecided;  // by deadline
  std::unordered_map<int, std::list<Undecided>::iterator> undecided_by_fd;
  std::optional<absl::Duration> accept_again;  // while accepting is paused

  std::atomic<bool> stopping = false;
  std::thread thread;

  bool Watch(int fd, uint32_t events) const {
    epoll_event event = {};
    event.events = events;
    event.data.fd = fd;
    return ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  }

  bool IsListener(int fd) const {
    return std::any_of(listeners.begin(), listeners.end(),
                       [fd](const Descriptor& listener) { return listener.get() == fd; });
  }

  void Loop() {
    while (!stopping) {
      std::array<epoll_event, 64> events;
      const int count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()),
                                     WaitMilliseconds());
      CHECK(count >= 0 || errno == EINTR, "epoll_wait: ", std::strerror(errno));
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<size_t>(i)].data.fd;
        if (IsListener(fd)) {
          Accept(fd);
        } else if (fd != wake.get()) {
          Decide(fd);
        }
      }
      ExpireAndResume();
    }
    undecided_by_fd.clear();
    undecided.clear();
  }

  int WaitMilliseconds() const {
    absl::Duration until = absl::InfiniteDuration();
    if (!undecided.empty()) until = undecided.front().deadline;
    if (accept_again.has_value()) until = std::min(until, *accept_again);
    if (until == absl::InfiniteDuration()) return -1;
    const absl::Duration wait = until - RealClock()->Monotonic();
    return static_cast<int>(std::clamp<int64_t>(absl::ToInt64Milliseconds(wait) + 1, 0, 60'000));
  }

  void ExpireAndResume() {
    const absl::Duration now = RealClock()->Monotonic();
    while (!undecided.empty() && undecided.front().deadline <= now) Forget(undecided.begin());
    if (accept_again.has_value() && *accept_again <= now) {
      accept_again.reset();
      for (const Descriptor& listener : listeners) Watch(listener.get(), EPOLLIN);
    }
  }

  void PauseAccepting() {
    if (accept_again.has_value()) return;
    accept_again = RealClock()->Monotonic() + kAcceptPause;
    for (const Descriptor& listener : listeners) {
      ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, listener.get(), nullptr);
    }
  }

  void Accept(int listener) {
    constexpr int kAtOnce = 64;  // then the others have their turn
    for (int i = 0; i < kAtOnce; ++i) {
      Descriptor socket(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (socket.get() < 0) {
        const int error = errno;
        if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
          PauseAccepting();
          return;
        }
        if (error == EAGAIN) return;
        continue;  // a connection that ended before it was taken (ECONNABORTED and the like)
      }
      const int on = 1;
      ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      Add(std::move(socket));
    }
  }

  void Add(Descriptor socket) {
    if (undecided.size() >= kUndecidedMax) Forget(undecided.begin());
    const int fd = socket.get();
    if (!Watch(fd, EPOLLIN | EPOLLRDHUP | EPOLLET)) return;
    undecided.push_back({std::move(socket), RealClock()->Monotonic() + kFirstBytesTimeout});
    undecided_by_fd[fd] = std::prev(undecided.end());
    Decide(fd);
  }

  // Closes the connection.
  void Forget(std::list<Undecided>::iterator connection) {
    undecided_by_fd.erase(connection->socket.get());
    undecided.erase(connection);
  }

  void Decide(int fd) {
    const auto found = undecided_by_fd.find(fd);
    if (found == undecided_by_fd.end()) return;  // an event of a connection already gone
    std::array<char, kHttp2Preface.size()> bytes;
    const ssize_t count = ::recv(fd, bytes.data(), bytes.size(), MSG_PEEK);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
      Forget(found->second);
      return;
    }
    const absl::string_view start(bytes.data(), static_cast<size_t>(count));
    if (absl::StartsWith(start, kX11Start)) {
      Forget(found->second);
      return;
    }
    const bool may_be_grpc = absl::StartsWith(kHttp2Preface, start) && on_grpc != nullptr;
    // A peer that closed its side after "PR" would never cause another edge; its deadline ends it.
    if (may_be_grpc && start.size() < kHttp2Preface.size()) return;
    ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, fd, nullptr);
    const int socket = found->second->socket.Release();
    undecided.erase(found->second);
    undecided_by_fd.erase(found);
    (may_be_grpc ? on_grpc : on_http)(socket);
  }
};

PortMux::PortMux(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

absl::StatusOr<std::unique_ptr<PortMux>> PortMux::Listen(const Options& options,
                                                         std::function<void(int)> on_grpc,
                                                         std::function<void(int)> on_http) {
  CHECK(on_http != nullptr, "PortMux needs somebody who answers HTTP");
  ASSIGN_OR_RETURN(std::vector<Address> addresses, Resolve(options));
  absl::StatusOr<std::vector<Descriptor>> listeners = ListenOnAll(std::move(addresses), options);
  if (!listeners.ok() && options.all_interfaces && !absl::IsAlreadyExists(listeners.status())) {
    // A kernel without IPv6.
    Options v4 = options;
    v4.host = "0.0.0.0";
    v4.all_interfaces = false;
    ASSIGN_OR_RETURN(addresses, Resolve(v4));
    listeners = ListenOnAll(std::move(addresses), v4);
  }
  if (!listeners.ok()) return listeners.status();

  auto impl = std::make_unique<Impl>();
  impl->listeners = *std::move(listeners);
  impl->port = PortOf(impl->listeners.front().get());
  for (const Descriptor& listener : impl->listeners) {
    impl->addresses.push_back(AddressText(listener.get()));
  }
  impl->on_grpc = std::move(on_grpc);
  impl->on_http = std::move(on_http);
  impl->epoll = Descriptor(::epoll_create1(EPOLL_CLOEXEC));
  impl->wake = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  bool watched = impl->epoll.get() >= 0 && impl->wake.get() >= 0;
  watched = watched && impl->Watch(impl->wake.get(), EPOLLIN);
  for (const Descriptor& listener : impl->listeners) {
    watched = watched && impl->Watch(listener.get(), EPOLLIN);
  }
  if (!watched) return Errno("cannot wait for connections", errno);
  impl->thread = std::thread([state = impl.get()] {
    ::pthread_setname_np(::pthread_self(), "accept");
    state->Loop();
  });
  return std::unique_ptr<PortMux>(new PortMux(std::move(impl)));
}

PortMux::~PortMux() { Stop(); }

uint16_t PortMux::port() const { return impl_->port; }

const std::vector<std::string>& PortMux::addresses() const { return impl_->addresses; }

void PortMux::Stop() {
  if (!impl_->thread.joinable()) return;
  impl_->stopping = true;
  const uint64_t one = 1;
  const ssize_t written = ::write(impl_->wake.get(), &one, sizeof(one));
  CHECK(written == sizeof(one), "an eventfd did not take a number");
  impl_->thread.join();
  impl_->listeners.clear();
}

}  // namespace tributary::http
