#include "agent/connect/forwarder.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "agent/connect/relay.h"
#include "common/check.h"
#include "common/descriptor.h"
#include "common/mutex.h"
#include "common/thread_task_queue.h"

namespace tributary::agent {
namespace {

constexpr uint64_t kWakeId = 0;
constexpr absl::Duration kConnectCheck = absl::Milliseconds(100);

struct Address {
  sockaddr_storage storage = {};
  socklen_t length = 0;
};

absl::StatusOr<std::vector<Address>> Resolve(const std::string& host, uint16_t port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("the name cannot be resolved: ", ::gai_strerror(error)));
  }
  std::vector<Address> addresses;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    Address address;
    address.length = info->ai_addrlen;
    std::memcpy(&address.storage, info->ai_addr, info->ai_addrlen);
    addresses.push_back(address);
  }
  ::freeaddrinfo(found);
  return addresses;
}

void SetOption(int socket, int level, int name, int value) {
  ::setsockopt(socket, level, name, &value, sizeof(value));
}

// A peer that is gone is noticed in silence. Not by TCP_USER_TIMEOUT, which would also end a
// connection whose reader only takes its time.
void KeepAlive(int socket, absl::Duration dead_after) {
  const int seconds = std::max(2, static_cast<int>(absl::ToInt64Seconds(dead_after)));
  SetOption(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPIDLE, seconds / 2);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, seconds / 8));
  SetOption(socket, IPPROTO_TCP, TCP_KEEPCNT, 4);
}

void Reset(Descriptor socket) {
  const linger reset = {1, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

}  // namespace

class Forwarder::Loop {
 public:
  Loop(const Options& options, Clock* clock, Logger* log)
      : options_(options),
        clock_(clock),
        log_(log),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        resolver_("resolve", clock) {
    CHECK(epoll_.get() >= 0 && wake_.get() >= 0, "no descriptors: ", std::strerror(errno));
    const absl::Status watched = Watch(wake_.get(), kWakeId, EPOLLIN);
    CHECK(watched.ok(), watched.message());
    thread_ = std::thread([this] {
      ::pthread_setname_np(::pthread_self(), "forward");
      Run();
    });
  }

  ~Loop() {
    // First what may still tell something, then who hears it.
    resolver_.Stop();
    Tell([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { stopping_ = true; });
    thread_.join();
  }

  void Adopt(Descriptor socket) {
    Tell([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { adopted_.push_back(std::move(socket)); });
  }

 private:
  // A connection that came in: first without, then with its own to the other end.
  struct Link {
    Descriptor client;
    Descriptor upstream;      // while it connects
    size_t next_address = 0;  // of addresses_
    absl::Duration deadline;  // of the present attempt
    std::unique_ptr<Relay> relay;
    bool ready = false;  // is in ready_
  };
  using Links = std::unordered_map<uint64_t, Link>;

  template <typename Change>
  void Tell(Change change) ABSL_LOCKS_EXCLUDED(mu_) {
    {
      MutexLock lock(&mu_);
      change();
    }
    const uint64_t one = 1;
    // A full counter wakes as well as one more would.
    while (::write(wake_.get(), &one, sizeof(one)) < 0 && errno == EINTR) {
    }
  }

  // UNAVAILABLE if the system can watch no more.
  absl::Status Watch(int fd, uint64_t id, uint32_t events) const {
    epoll_event event = {};
    event.events = events;
    event.data.u64 = id;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat("epoll_ctl: ", std::strerror(errno)));
  }

  void Run() {
    while (TakeNews()) {
      std::array<epoll_event, 64> events;
      const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                     WaitMilliseconds());
      CHECK(count >= 0 || errno == EINTR, "epoll_wait: ", std::strerror(errno));
      for (int i = 0; i < count; ++i) {
        // Copied: the system packs them, so that no reference may be taken to a number within.
        const uint32_t happened = events[static_cast<size_t>(i)].events;
        const uint64_t id = events[static_cast<size_t>(i)].data.u64;
        const auto link = links_.find(id);
        if (link != links_.end()) OnEvent(link, happened);
      }
      for (size_t turn = ready_.size(); turn > 0; --turn) {
        const auto link = links_.find(ready_.front());
        ready_.pop_front();
        if (link == links_.end()) continue;
        link->second.ready = false;
        Move(link);
      }
      if (connecting_ > 0) EndLateAttempts();
    }
    for (auto& [id, link] : links_) End(&link);
  }

  int WaitMilliseconds() const {
    if (!ready_.empty()) return 0;
    return connecting_ > 0 ? static_cast<int>(absl::ToInt64Milliseconds(kConnectCheck)) : -1;
  }

  // False when it is to end.
  bool TakeNews() ABSL_LOCKS_EXCLUDED(mu_) {
    uint64_t ignored = 0;
    const ssize_t bytes = ::read(wake_.get(), &ignored, sizeof(ignored));
    (void)bytes;  // nothing to read is no news
    std::vector<Descriptor> adopted;
    std::optional<absl::StatusOr<std::vector<Address>>> resolved;
    {
      MutexLock lock(&mu_);
      if (stopping_) return false;
      adopted.swap(adopted_);
      resolved.swap(resolved_);
    }
    if (resolved.has_value()) TakeAddresses(*std::move(resolved));
    for (Descriptor& socket : adopted) Begin(std::move(socket));
    return true;
  }

  void Begin(Descriptor socket) {
    if (links_.size() >= options_.connections_max) {
      log_->Warn("connection refused: there are too many",
                 {{"connections_max", options_.connections_max}});
      Reset(std::move(socket));
      return;
    }
    KeepAlive(socket.get(), options_.dead_after);
    const uint64_t id = ++last_id_;
    links_[id].client = std::move(socket);
    ++connecting_;
    const bool known =
        !addresses_.empty() && clock_->Monotonic() - resolved_at_ < options_.addresses_age_max;
    if (known) {
      Connect(links_.find(id), absl::OkStatus());
    } else {
      waiting_.push_back(id);
      AskForAddresses();
    }
  }

  void AskForAddresses() {
    if (resolving_) return;
    resolving_ = true;
    resolver_.Post([this] {
      auto addresses = Resolve(options_.host, options_.port);
      Tell([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { resolved_ = std::move(addresses); });
    });
  }

  void TakeAddresses(absl::StatusOr<std::vector<Address>> addresses) {
    resolving_ = false;
    resolved_at_ = clock_->Monotonic();
    // Old ones are better than none.
    if (addresses.ok()) addresses_ = *std::move(addresses);
    std::vector<uint64_t> waiting;
    waiting.swap(waiting_);
    for (const uint64_t id : waiting) Connect(links_.find(id), addresses.status());
  }

  // Tries the next address; `last` tells why the one before failed.
  void Connect(Links::iterator it, absl::Status last) {
    Link& link = it->second;
    while (link.next_address < addresses_.size()) {
      const Address& address = addresses_[link.next_address++];
      Descriptor socket(
          ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      const int result =
          socket.get() < 0
              ? -1
              : ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage),
                          address.length);
      if (result != 0 && errno != EINPROGRESS) {
        last = absl::UnavailableError(std::strerror(errno));
        continue;
      }
      last = Watch(socket.get(), it->first, EPOLLIN | EPOLLOUT | EPOLLET);
      if (!last.ok()) continue;
      link.deadline =
          clock_->Monotonic() + options_.connect_timeout / static_cast<int64_t>(addresses_.size());
      link.upstream = std::move(socket);
      return;
    }
    log_->Warn("no connection to the other end", {{"address", Target()}, {"reason", last}});
    // The next one asks for its addresses anew.
    resolved_at_ = absl::ZeroDuration() - options_.addresses_age_max;
    --connecting_;
    Reset(std::move(link.client));
    links_.erase(it);
  }

  void OnEvent(Links::iterator it, uint32_t events) {
    Link& link = it->second;
    if (link.relay != nullptr) {
      if ((events & EPOLLERR) != 0) {
        Break(it);
      } else {
        Move(it);
      }
      return;
    }
    int error = 0;
    socklen_t length = sizeof(error);
    ::getsockopt(link.upstream.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) {
      link.upstream = Descriptor();
      Connect(it, absl::UnavailableError(std::strerror(error)));
    } else if ((events & EPOLLOUT) != 0) {
      Join(it);
    }
  }

  // Both ends are there.
  void Join(Links::iterator it) {
    Link& link = it->second;
    --connecting_;
    KeepAlive(link.upstream.get(), options_.dead_after);
    SetOption(link.upstream.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    link.relay = std::make_unique<Relay>(std::move(link.client), std::move(link.upstream),
                                         options_.buffer_bytes);
    const absl::Status watched = Watch(link.relay->left(), it->first, EPOLLIN | EPOLLOUT | EPOLLET);
    if (!watched.ok()) {
      log_->Warn("connection ended", {{"address", Target()}, {"reason", watched}});
      Break(it);
      return;
    }
    Move(it);
  }

  void Move(Links::iterator it) {
    Link& link = it->second;
    switch (link.relay->Move()) {
      case Relay::State::kWaits:
        return;
      case Relay::State::kBusy:
        if (!std::exchange(link.ready, true)) ready_.push_back(it->first);
        return;
      case Relay::State::kDone:
        links_.erase(it);
        return;
      case Relay::State::kBroken:
        Break(it);
        return;
    }
  }

  void Break(Links::iterator it) {
    End(&it->second);
    links_.erase(it);
  }

  static void End(Link* link) {
    if (link->relay != nullptr) {
      link->relay->Abort();
    } else {
      Reset(std::move(link->client));
    }
  }

  void EndLateAttempts() {
    const absl::Duration now = clock_->Monotonic();
    std::vector<uint64_t> late;
    for (const auto& [id, link] : links_) {
      if (link.relay == nullptr && link.upstream.get() >= 0 && link.deadline <= now) {
        late.push_back(id);
      }
    }
    for (const uint64_t id : late) {
      const auto it = links_.find(id);
      it->second.upstream = Descriptor();
      Connect(it, absl::DeadlineExceededError("no answer in time"));
    }
  }

  std::string Target() const { return absl::StrCat(options_.host, ":", options_.port); }

  // Constant after construction.
  const Options options_;
  Clock* const clock_;
  Logger* const log_;
  const Descriptor epoll_;
  const Descriptor wake_;

  Mutex mu_;
  std::vector<Descriptor> adopted_ ABSL_GUARDED_BY(mu_);
  std::optional<absl::StatusOr<std::vector<Address>>> resolved_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  // Owned by the thread "forward".
  Links links_;
  uint64_t last_id_ = kWakeId;
  size_t connecting_ = 0;          // links without a relay
  std::deque<uint64_t> ready_;     // have more to move
  std::vector<uint64_t> waiting_;  // for addresses
  std::vector<Address> addresses_;
  absl::Duration resolved_at_;
  bool resolving_ = false;

  // Synchronised by itself.
  ThreadTaskQueue resolver_;
  std::thread thread_;
};

Forwarder::Forwarder(const Options& options, Clock* clock, Logger* log)
    : loop_(std::make_unique<Loop>(options, clock, log)) {}

Forwarder::~Forwarder() = default;

void Forwarder::Adopt(int socket) { loop_->Adopt(Descriptor(socket)); }

}  // namespace tributary::agent
