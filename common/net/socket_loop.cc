#include "common/net/socket_loop.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/check.h"

namespace tributary::net {
namespace {

absl::Status SocketError(int error) { return absl::UnavailableError(std::strerror(error)); }

}  // namespace

// Edge-triggered: whoever is told tries to read and to write until neither goes on.
class SocketLoop::Socket : public StreamSocket {
 public:
  // `error` is the errno of a connection that could not even be begun, else 0.
  Socket(SocketLoop* loop, int descriptor, int error, bool connecting, SocketReady ready)
      : loop_(loop),
        descriptor_(descriptor),
        error_(error),
        connecting_(connecting),
        ready_(std::move(ready)),
        id_(loop->Watch(descriptor, this, &error_)) {
    if (error_ == 0) return;
    loop_->Post([loop, id = id_] {
      const auto found = loop->sockets_.find(id);
      if (found != loop->sockets_.end()) found->second->OnEvents(0);
    });
  }
  ~Socket() override {
    const int descriptor = Release();
    if (descriptor >= 0) close(descriptor);
  }

  absl::StatusOr<std::optional<size_t>> Read(char* buffer, size_t size) override {
    if (error_ != 0) return SocketError(error_);
    if (connecting_) return std::nullopt;
    const absl::StatusOr<std::optional<size_t>> count =
        Result([&] { return recv(descriptor_, buffer, size, 0); });
    // Read before the event that tells of it.
    if (!count.ok() || (count->has_value() && **count == 0)) hung_up_ = true;
    return count;
  }
  absl::StatusOr<std::optional<size_t>> Write(absl::string_view bytes) override {
    if (error_ != 0) return SocketError(error_);
    if (connecting_) return std::nullopt;
    return Result([&] { return send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL); });
  }
  void EndWrites() override { shutdown(descriptor_, SHUT_WR); }
  std::optional<absl::Status> connected() const override {
    if (connecting_) return std::nullopt;
    return error_ == 0 ? absl::OkStatus() : SocketError(error_);
  }
  bool hung_up() const override { return hung_up_; }
  int Release() override {
    loop_->Unwatch(descriptor_, id_);
    return std::exchange(descriptor_, -1);
  }

  void OnEvents(uint32_t events) {
    if (connecting_ && events != 0) {
      connecting_ = false;
      socklen_t length = sizeof(error_);
      getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error_, &length);
    }
    // An error of a connection that stood is told by recv, behind the bytes that came before it.
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) hung_up_ = true;
    // The callback may destroy this.
    const SocketReady ready = ready_;
    ready();
  }

 private:
  template <typename Call>
  static absl::StatusOr<std::optional<size_t>> Result(Call call) {
    for (;;) {
      const ssize_t count = call();
      if (count >= 0) return static_cast<size_t>(count);
      if (errno == EAGAIN) return std::nullopt;
      if (errno != EINTR) return SocketError(errno);
    }
  }

  SocketLoop* const loop_;
  int descriptor_;
  int error_;
  bool connecting_;
  bool hung_up_ = false;
  const SocketReady ready_;
  const uint64_t id_;
};

SocketLoop::SocketLoop(const std::string& name, Clock* clock)
    : clock_(clock),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  CHECK(wake_ >= 0 && epoll_ >= 0, "no descriptors for ", name, ", errno ", errno);
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = 0;
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) == 0, "errno ", errno);
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

SocketLoop::~SocketLoop() {
  Stop();
  CHECK(sockets_.empty(), sockets_.size(), " sockets outlive their loop");
  close(epoll_);
  close(wake_);
}

void SocketLoop::WakeLocked() {
  const uint64_t one = 1;
  // A full counter wakes as well as one more would.
  while (write(wake_, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

void SocketLoop::Post(Task task) {
  MutexLock lock(&mu_);
  if (stopping_) return;
  if (posted_.Add(std::move(task))) WakeLocked();
}

void SocketLoop::PostAfter(absl::Duration delay, Task task) {
  const absl::Duration due = clock_->Monotonic() + delay;
  MutexLock lock(&mu_);
  if (stopping_) return;
  posted_.AddAt(due, std::move(task));
  WakeLocked();
}

void SocketLoop::Stop() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    WakeLocked();
  }
  if (thread_.joinable()) thread_.join();
}

std::unique_ptr<StreamSocket> SocketLoop::Adopt(int descriptor, SocketReady ready) {
  const int flags = fcntl(descriptor, F_GETFL);
  fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
  return std::make_unique<Socket>(this, descriptor, 0, false, std::move(ready));
}

std::unique_ptr<StreamSocket> SocketLoop::ConnectLoopback(uint16_t port, bool ipv6,
                                                          SocketReady ready) {
  const int descriptor =
      socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int error = descriptor < 0 ? errno : 0;
  bool connecting = false;
  if (descriptor >= 0) {
    const int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    sockaddr_in v4 = {};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v4.sin_port = htons(port);
    sockaddr_in6 v6 = {};
    v6.sin6_family = AF_INET6;
    v6.sin6_addr = in6addr_loopback;
    v6.sin6_port = htons(port);
    const int result = ipv6 ? connect(descriptor, reinterpret_cast<sockaddr*>(&v6), sizeof(v6))
                            : connect(descriptor, reinterpret_cast<sockaddr*>(&v4), sizeof(v4));
    if (result != 0) {
      connecting = errno == EINPROGRESS;
      if (!connecting) error = errno;
    }
  }
  return std::make_unique<Socket>(this, descriptor, error, connecting, std::move(ready));
}

uint64_t SocketLoop::Watch(int descriptor, Socket* socket, int* error) {
  const uint64_t id = next_id_++;
  sockets_[id] = socket;
  if (descriptor < 0) return id;
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = id;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) *error = errno;
  return id;
}

void SocketLoop::Unwatch(int descriptor, uint64_t id) {
  sockets_.erase(id);
  if (descriptor >= 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
}

bool SocketLoop::Take(std::deque<Task>* batch, absl::Duration* next) {
  const absl::Duration now = clock_->Monotonic();
  MutexLock lock(&mu_);
  *next = posted_.Take(now, batch);
  // The wake-up of Stop may have been heard together with that of the last task: there is no other.
  if (stopping_) *next = now;
  return !stopping_ || !batch->empty();
}

void SocketLoop::WaitForSockets(absl::Duration due) {
  int timeout_ms = -1;
  if (due != absl::InfiniteDuration()) {
    const absl::Duration wait =
        std::clamp(due - clock_->Monotonic(), absl::ZeroDuration(), absl::Hours(1));
    timeout_ms =
        static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1))));
  }
  std::array<epoll_event, 64> events;
  const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
  CHECK(count >= 0 || errno == EINTR, "epoll_wait: errno ", errno);
  for (int i = 0; i < count; ++i) {
    // Copied: the system packs them, so that no reference may be taken to a number within.
    const uint32_t happened = events[static_cast<size_t>(i)].events;
    const uint64_t id = events[static_cast<size_t>(i)].data.u64;
    if (id == 0) {
      uint64_t drained = 0;
      while (read(wake_, &drained, sizeof(drained)) < 0 && errno == EINTR) {
      }
      continue;
    }
    // Looked up only now: an earlier one of these may have ended it.
    const auto found = sockets_.find(id);
    if (found != sockets_.end()) found->second->OnEvents(happened);
  }
}

void SocketLoop::Run() {
  std::deque<Task> batch;
  for (;;) {
    absl::Duration due;
    if (!Take(&batch, &due)) return;
    for (Task& task : batch) task();
    WaitForSockets(due);
  }
}

}  // namespace tributary::net
