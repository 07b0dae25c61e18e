// A task queue with a thread of its own.
#ifndef TRIBUTARY_COMMON_THREAD_TASK_QUEUE_H_
#define TRIBUTARY_COMMON_THREAD_TASK_QUEUE_H_

#include <string>
#include <thread>

#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/posted_tasks.h"
#include "common/task_queue.h"

namespace tributary {

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
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  Clock* const clock_;
  Mutex mu_;
  CondVar changed_;
  PostedTasks posted_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_THREAD_TASK_QUEUE_H_
