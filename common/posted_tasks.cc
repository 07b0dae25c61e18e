#include "common/posted_tasks.h"

#include <algorithm>
#include <utility>

namespace tributary {

bool PostedTasks::IsLater(const Delayed& a, const Delayed& b) {
  return std::pair(a.due, a.order) > std::pair(b.due, b.order);
}

bool PostedTasks::Add(Task task) {
  ready_.push_back(std::move(task));
  return ready_.size() == 1;
}

void PostedTasks::AddAt(absl::Duration due, Task task) {
  delayed_.push_back({due, next_order_++, std::move(task)});
  std::push_heap(delayed_.begin(), delayed_.end(), IsLater);
}

absl::Duration PostedTasks::Take(absl::Duration now, std::deque<Task>* batch) {
  while (!delayed_.empty() && delayed_.front().due <= now) {
    std::pop_heap(delayed_.begin(), delayed_.end(), IsLater);
    ready_.push_back(std::move(delayed_.back().task));
    delayed_.pop_back();
  }
  batch->clear();
  batch->swap(ready_);
  return delayed_.empty() ? absl::InfiniteDuration() : delayed_.front().due;
}

}  // namespace tributary
