// Where a piece of state runs: tasks one after another, in the order they were posted. A state with
// one owner thread is a class whose methods are only called by tasks of one queue. In production
// each queue is a named thread; in the simulation the scheduler runs the tasks of all queues on one
// thread, in an order of its choice.
#ifndef TRIBUTARY_COMMON_TASK_QUEUE_H_
#define TRIBUTARY_COMMON_TASK_QUEUE_H_

#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"

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

// A queue with a thread of its own.
class ThreadTaskQueue : public TaskQueue {
 public:
  // `name` is the thread's, at most 15 bytes. `clock` must outlive this.
  ThreadTaskQueue(const std::string& name, Clock* clock);
  // Stops, if Stop was not called.
  ~ThreadTaskQueue() override;

  void Post(Task task) override ABSL_LOCKS_EXCLUDED(mu_);
  void PostAfter(absl::Duration delay, Task task) override ABSL_LOCKS_EXCLUDED(mu_);

  // Runs what was posted before, drops what waits for a delay, joins the thread. Not from a task of
  // this queue.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Delayed {
    absl::Duration due;
    uint64_t order;
    Task task;
  };
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  Clock* const clock_;
  Mutex mu_;
  CondVar changed_;
  std::deque<Task> ready_ ABSL_GUARDED_BY(mu_);
  std::vector<Delayed> delayed_ ABSL_GUARDED_BY(mu_);  // a heap by (due, order)
  uint64_t next_order_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_TASK_QUEUE_H_
