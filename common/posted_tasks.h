// Tasks that were posted to a queue and have not begun: what queues with threads of their own
// share. They differ in how their threads wait.
#ifndef TRIBUTARY_COMMON_POSTED_TASKS_H_
#define TRIBUTARY_COMMON_POSTED_TASKS_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/time/time.h"
#include "common/task_queue.h"

namespace tributary {

// Not thread-safe: guarded by the queue's mutex. Times are of the monotonic clock.
class PostedTasks {
 public:
  // Returns true if no other task waits to run at once: the thread may be asleep.
  bool Add(Task task);
  void AddAt(absl::Duration due, Task task);

  // Sets *batch to what is to run at `now`: first what was added by Add, then what is due, by due
  // time; equal times keep the order in which they were added. Returns when the next one is due, or
  // InfiniteDuration.
  absl::Duration Take(absl::Duration now, std::deque<Task>* batch);

 private:
  struct Delayed {
    absl::Duration due;
    uint64_t order;
    Task task;
  };
  static bool IsLater(const Delayed& a, const Delayed& b);

  std::deque<Task> ready_;
  std::vector<Delayed> delayed_;  // a heap: the front is the earliest
  uint64_t next_order_ = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_POSTED_TASKS_H_
