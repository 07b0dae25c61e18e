#include "common/task_queue.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace tributary {
namespace {

// The heap's front is the earliest due; equal times keep the order of posting.
constexpr auto kLater = [](const auto& a, const auto& b) {
  return std::pair(a.due, a.order) > std::pair(b.due, b.order);
};

}  // namespace

ThreadTaskQueue::ThreadTaskQueue(const std::string& name, Clock* clock) : clock_(clock) {
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

ThreadTaskQueue::~ThreadTaskQueue() { Stop(); }

void ThreadTaskQueue::Post(Task task) {
  MutexLock lock(&mu_);
  if (stopping_) return;
  ready_.push_back(std::move(task));
  changed_.Signal();
}

void ThreadTaskQueue::PostAfter(absl::Duration delay, Task task) {
  const absl::Duration due = clock_->Monotonic() + delay;
  MutexLock lock(&mu_);
  if (stopping_) return;
  delayed_.push_back({due, next_order_++, std::move(task)});
  std::push_heap(delayed_.begin(), delayed_.end(), kLater);
  changed_.Signal();
}

void ThreadTaskQueue::Stop() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

void ThreadTaskQueue::Run() {
  std::deque<Task> batch;
  for (;;) {
    batch.clear();
    {
      MutexLock lock(&mu_);
      for (;;) {
        const absl::Duration now = clock_->Monotonic();
        while (!delayed_.empty() && delayed_.front().due <= now) {
          std::pop_heap(delayed_.begin(), delayed_.end(), kLater);
          ready_.push_back(std::move(delayed_.back().task));
          delayed_.pop_back();
        }
        if (!ready_.empty()) break;
        if (stopping_) return;
        if (delayed_.empty()) {
          changed_.Wait(&mu_);
        } else {
          changed_.WaitFor(&mu_, delayed_.front().due - now);
        }
      }
      batch.swap(ready_);
    }
    for (Task& task : batch) task();
  }
}

}  // namespace tributary
