#include "agent/event_loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "common/check.h"

namespace tributary::agent {
namespace {

void Drain(int descriptor) {
  uint64_t count = 0;
  // Empty is as good.
  while (read(descriptor, &count, sizeof(count)) < 0 && errno == EINTR) {
  }
}

}  // namespace

EventLoop::EventLoop(Clock* clock)
    : clock_(clock),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      timer_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  CHECK(wake_ >= 0 && timer_ >= 0 && epoll_ >= 0, "No descriptors for the event loop, errno ",
        errno);
  for (const int descriptor : {wake_, timer_}) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0, "errno ", errno);
  }
}

EventLoop::~EventLoop() {
  Stop();
  close(epoll_);
  close(timer_);
  close(wake_);
}

void EventLoop::WakeLocked() {
  const uint64_t one = 1;
  // A full counter wakes as well as one more would.
  while (write(wake_, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

void EventLoop::Post(Task task) {
  MutexLock lock(&mu_);
  if (stopping_) return;
  if (posted_.Add(std::move(task))) WakeLocked();
}

void EventLoop::PostAfter(absl::Duration delay, Task task) {
  const absl::Duration due = clock_->Monotonic() + delay;
  MutexLock lock(&mu_);
  if (stopping_) return;
  posted_.AddAt(due, std::move(task));
  WakeLocked();
}

void EventLoop::Start(Options options) {
  options_ = std::move(options);
  if (options_.descriptor >= 0) {
    epoll_event event = {};
    // By edge: a tick that leaves something unread must not make the loop spin.
    event.events = EPOLLIN | EPOLLET;
    event.data.fd = options_.descriptor;
    CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, options_.descriptor, &event) == 0, "errno ", errno);
  }
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), options_.name.substr(0, 15).c_str());
}

void EventLoop::Stop() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    WakeLocked();
  }
  if (thread_.joinable()) thread_.join();
}

bool EventLoop::Take(std::deque<Task>* batch, absl::Duration* next) {
  const absl::Duration now = clock_->Monotonic();
  MutexLock lock(&mu_);
  *next = posted_.Take(now, batch);
  // The wake-up of Stop may have been heard together with that of the last task: there is no other.
  if (stopping_) *next = now;
  return !stopping_ || !batch->empty();
}

bool EventLoop::Wait(absl::Duration due) {
  const absl::Duration wait = due - clock_->Monotonic();
  int timeout_ms = -1;
  if (wait <= absl::ZeroDuration()) {
    timeout_ms = 0;
  } else if (wait != absl::InfiniteDuration()) {
    itimerspec spec = {};
    spec.it_value = absl::ToTimespec(std::min(wait, absl::Hours(24)));
    CHECK(timerfd_settime(timer_, 0, &spec, nullptr) == 0, "errno ", errno);
  }
  epoll_event events[4];
  const int count = epoll_wait(epoll_, events, 4, timeout_ms);
  bool woken = false;
  for (int i = 0; i < count; ++i) {
    if (events[i].data.fd == options_.descriptor) {
      woken = true;
    } else {
      Drain(events[i].data.fd);
    }
  }
  return woken;
}

void EventLoop::Run() {
  std::deque<Task> batch;
  bool woken = true;
  for (;;) {
    absl::Duration due;
    if (!Take(&batch, &due)) return;
    for (Task& task : batch) task();
    if (options_.tick) due = std::min(due, options_.tick(woken));
    woken = Wait(due);
  }
}

}  // namespace tributary::agent
