#include "common/thread_task_queue.h"

#include <pthread.h>

#include <deque>
#include <utility>

namespace tributary {
ThreadTaskQueue::ThreadTaskQueue(const std::string& name, Clock* clock) : clock_(clock) {
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

ThreadTaskQueue::~ThreadTaskQueue() { Stop(); }

void ThreadTaskQueue::Post(Task task) {
  MutexLock lock(&mu_);
  if (stopping_) return;
  posted_.Add(std::move(task));
  changed_.Signal();
}

void ThreadTaskQueue::PostAfter(absl::Duration delay, Task task) {
  const absl::Duration due = clock_->Monotonic() + delay;
  MutexLock lock(&mu_);
  if (stopping_) return;
  posted_.AddAt(due, std::move(task));
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
    {
      MutexLock lock(&mu_);
      for (;;) {
        const absl::Duration now = clock_->Monotonic();
        const absl::Duration next = posted_.Take(now, &batch);
        if (!batch.empty()) break;
        if (stopping_) return;
        if (next == absl::InfiniteDuration()) {
          changed_.Wait(&mu_);
        } else {
          changed_.WaitFor(&mu_, next - now);
        }
      }
    }
    for (Task& task : batch) task();
  }
}

}  // namespace tributary
