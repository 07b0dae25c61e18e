// A few threads that do what is posted, for work that may take long and has no owner.
#ifndef TRIBUTARY_COMMON_WORKER_POOL_H_
#define TRIBUTARY_COMMON_WORKER_POOL_H_

#include <cstddef>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "common/mutex.h"
#include "common/task_queue.h"

namespace tributary {

// Thread-safe. Tasks start in the order they were posted and run side by side.
class WorkerPool {
 public:
  // `threads` (at least 1) named "<name>-00" and so on; `name` has at most 12 bytes. At most
  // `waiting_max` tasks wait.
  WorkerPool(const std::string& name, int threads, size_t waiting_max);
  // Stops, if Stop was not called.
  ~WorkerPool();

  // False, and `task` is dropped, if too many wait or the pool was stopped. Never blocks, never
  // runs the task inside the call.
  [[nodiscard]] bool Post(Task task) ABSL_LOCKS_EXCLUDED(mu_);

  // Runs what was posted before and joins the threads. Not from a task.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  const size_t waiting_max_;
  Mutex mu_;
  CondVar changed_;
  std::deque<Task> waiting_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_WORKER_POOL_H_
