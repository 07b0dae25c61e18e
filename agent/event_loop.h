// The thread that the agent lives on: runs tasks, wakes on a descriptor, and steps the agent when
// it is due. From the kernel's event to the step there is one wake-up and nothing else.
#ifndef TRIBUTARY_AGENT_EVENT_LOOP_H_
#define TRIBUTARY_AGENT_EVENT_LOOP_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/posted_tasks.h"
#include "common/task_queue.h"

namespace tributary::agent {

// A task queue with a thread of its own, started by Start, ended by Stop or the destructor.
class EventLoop : public TaskQueue {
 public:
  struct Options {
    // The thread's, at most 15 bytes.
    std::string name;
    // Wakes the loop when it becomes readable; -1 for none. Told on each new event, not as long as
    // something is left to read. Not owned.
    int descriptor = -1;
    // Runs after each wake-up and each round of tasks; `woken` tells that the descriptor has news.
    // Returns when it must run again at the latest, on the monotonic clock.
    // May be null.
    std::function<absl::Duration(bool woken)> tick = nullptr;
  };

  // `clock` must outlive this. Tasks may be posted before Start.
  explicit EventLoop(Clock* clock);
  ~EventLoop() override;

  void Post(Task task) override ABSL_LOCKS_EXCLUDED(mu_);
  void PostAfter(absl::Duration delay, Task task) override ABSL_LOCKS_EXCLUDED(mu_);

  // Once.
  void Start(Options options);
  // Runs what was posted before, drops what waits for a delay, joins the thread. Not from a task of
  // this queue.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // Moves what is due into `batch`; sets *next to when the next delayed task is. False when
  // stopped and nothing is left.
  bool Take(std::deque<Task>* batch, absl::Duration* next) ABSL_LOCKS_EXCLUDED(mu_);
  // Sleeps until `due`, a task is posted, or the descriptor has news, which it returns.
  bool Wait(absl::Duration due);
  void WakeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Clock* const clock_;
  const int wake_;   // an eventfd
  const int timer_;  // a timerfd
  const int epoll_;
  Options options_;

  Mutex mu_;
  PostedTasks posted_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_EVENT_LOOP_H_
