// Wakes whoever follows files when the notifier has something to tell.
#ifndef TRIBUTARY_COLLECTOR_INGEST_CHANGE_WAKER_H_
#define TRIBUTARY_COLLECTOR_INGEST_CHANGE_WAKER_H_

#include <functional>
#include <thread>

#include "common/mutex.h"

namespace tributary {

// A thread that waits for a descriptor to be readable. After each wake it waits until it is armed
// again, so that a descriptor which stays readable until somebody has read it wakes once.
class ChangeWaker {
 public:
  // `wake` is called with this, on the thread, maybe before the constructor returned; it must not
  // block. `descriptor` must stay open until this is destroyed; -1 makes a waker that never wakes.
  ChangeWaker(int descriptor, std::function<void(ChangeWaker*)> wake);
  // Stops and joins the thread.
  ~ChangeWaker();

  // Thread-safe: what was to be read has been read.
  void Arm() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // False if it is to stop.
  bool WaitUntilArmed() ABSL_LOCKS_EXCLUDED(mu_);

  const int descriptor_;
  const std::function<void(ChangeWaker*)> wake_;
  int stop_descriptor_ = -1;

  Mutex mu_;
  CondVar changed_;
  bool armed_ ABSL_GUARDED_BY(mu_) = true;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_CHANGE_WAKER_H_
