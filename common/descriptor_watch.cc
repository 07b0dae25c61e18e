#include "common/descriptor_watch.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "common/check.h"

namespace tributary {

DescriptorWatch::DescriptorWatch(const std::string& thread_name, int descriptor,
                                 std::function<void()> changed)
    : changed_(std::move(changed)),
      stop_(eventfd(0, EFD_CLOEXEC)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  CHECK(stop_ >= 0 && epoll_ >= 0, "eventfd or epoll: errno ", errno);
  epoll_event stop = {.events = EPOLLIN, .data = {.fd = stop_}};
  epoll_event watched = {.events = EPOLLIN | EPOLLET, .data = {.fd = descriptor}};
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, stop_, &stop) == 0, "epoll_ctl: errno ", errno);
  if (descriptor >= 0) {
    CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &watched) == 0, "epoll_ctl: errno ", errno);
  }
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), thread_name.substr(0, 15).c_str());
}

DescriptorWatch::~DescriptorWatch() {
  const uint64_t one = 1;
  CHECK(write(stop_, &one, sizeof(one)) == sizeof(one), "eventfd: errno ", errno);
  thread_.join();
  close(epoll_);
  close(stop_);
}

void DescriptorWatch::Run() {
  for (;;) {
    epoll_event event = {};
    const int ready = epoll_wait(epoll_, &event, 1, -1);
    if (ready < 0 && errno == EINTR) continue;
    CHECK(ready == 1, "epoll_wait gave ", ready, ", errno ", errno);
    if (event.data.fd == stop_) return;
    changed_();
  }
}

}  // namespace tributary
