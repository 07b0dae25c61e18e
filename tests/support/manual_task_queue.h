// A task queue whose tasks run when a test says so, on the test's thread.
#ifndef TRIBUTARY_TESTS_SUPPORT_MANUAL_TASK_QUEUE_H_
#define TRIBUTARY_TESTS_SUPPORT_MANUAL_TASK_QUEUE_H_

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "common/task_queue.h"

namespace tributary {

// Not thread-safe: everything on one thread.
class ManualTaskQueue : public TaskQueue {
 public:
  // `clock` must outlive this.
  explicit ManualTaskQueue(Clock* clock) : clock_(clock) {}

  void Post(Task task) override { ready_.push_back(std::move(task)); }
  void PostAfter(absl::Duration delay, Task task) override {
    delayed_.push_back({clock_->Monotonic() + delay, next_order_++, std::move(task)});
  }

  // Runs the oldest task that is due. False if none is.
  bool RunOne() {
    const absl::Duration now = clock_->Monotonic();
    auto earliest =
        std::min_element(delayed_.begin(), delayed_.end(), [](const auto& a, const auto& b) {
          return std::pair(a.due, a.order) < std::pair(b.due, b.order);
        });
    if (earliest != delayed_.end() && earliest->due <= now) {
      ready_.push_back(std::move(earliest->task));
      delayed_.erase(earliest);
    }
    if (ready_.empty()) return false;
    Task task = std::move(ready_.front());
    ready_.pop_front();
    task();
    return true;
  }
  // Runs all that is due, and what that posts.
  void RunAll() {
    while (RunOne()) {
    }
  }
  bool has_ready() const { return !ready_.empty(); }
  // When the next delayed task is due; InfiniteDuration if there is none.
  absl::Duration next_due() const {
    absl::Duration due = absl::InfiniteDuration();
    for (const Delayed& delayed : delayed_) due = std::min(due, delayed.due);
    return due;
  }
  // Drops everything, as a crash does.
  void Clear() {
    ready_.clear();
    delayed_.clear();
  }

 private:
  struct Delayed {
    absl::Duration due;
    uint64_t order;
    Task task;
  };
  Clock* const clock_;
  std::deque<Task> ready_;
  std::vector<Delayed> delayed_;
  uint64_t next_order_ = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_TESTS_SUPPORT_MANUAL_TASK_QUEUE_H_
