// Where a piece of state runs: tasks one after another, in the order they were posted. A state with
// one owner thread is a class whose methods are only called by tasks of one queue. In production
// each queue is a named thread; in the simulation the scheduler runs the tasks of all queues on one
// thread, in an order of its choice.
#ifndef TRIBUTARY_COMMON_TASK_QUEUE_H_
#define TRIBUTARY_COMMON_TASK_QUEUE_H_

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"

namespace tributary {

using Task = absl::AnyInvocable<void()>;

class TaskQueue {
 public:
  virtual ~TaskQueue() = default;

  // Thread-safe, never blocks, never runs the task inside the call. A task posted after the queue
  // was stopped is dropped.
  virtual void Post(Task task) = 0;
  // Like Post, not before `delay` has passed. Does not hold up tasks posted later.
  virtual void PostAfter(absl::Duration delay, Task task) = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_TASK_QUEUE_H_
