#include "collector/ingest/change_waker.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "common/check.h"

namespace tributary {

ChangeWaker::ChangeWaker(int descriptor, std::function<void(ChangeWaker*)> wake)
    : descriptor_(descriptor), wake_(std::move(wake)) {
  if (descriptor_ < 0) return;
  stop_descriptor_ = eventfd(0, EFD_CLOEXEC);
  // Without one (out of descriptors) nothing wakes; sweeps still find every change.
  if (stop_descriptor_ < 0) return;
  thread_ = std::thread([this] { Run(); });
}

ChangeWaker::~ChangeWaker() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    changed_.SignalAll();
  }
  const uint64_t one = 1;
  // An eventfd takes a 1 unless it is full, and then it is readable anyway.
  const ssize_t written = write(stop_descriptor_, &one, sizeof(one));
  CHECK(written == sizeof(one) || errno == EAGAIN, "eventfd refused a write: ", errno);
  thread_.join();
  close(stop_descriptor_);
}

void ChangeWaker::Arm() {
  MutexLock lock(&mu_);
  armed_ = true;
  changed_.SignalAll();
}

bool ChangeWaker::WaitUntilArmed() {
  MutexLock lock(&mu_);
  while (!armed_ && !stopping_) changed_.Wait(&mu_);
  armed_ = false;
  return !stopping_;
}

void ChangeWaker::Run() {
  pthread_setname_np(pthread_self(), "change-waker");
  while (WaitUntilArmed()) {
    pollfd waits[] = {{descriptor_, POLLIN, 0}, {stop_descriptor_, POLLIN, 0}};
    int ready = 0;
    do {
      ready = poll(waits, 2, -1);
    } while (ready < 0 && errno == EINTR);
    if (ready < 0 || waits[1].revents != 0) return;
    wake_(this);
  }
}

}  // namespace tributary
