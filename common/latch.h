// Something that happens once and is waited for, with a limit where one is wanted: std::latch has
// none.
#ifndef TRIBUTARY_COMMON_LATCH_H_
#define TRIBUTARY_COMMON_LATCH_H_

#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"

namespace tributary {

// Thread-safe. May be destroyed as soon as a wait has returned and no other thread waits.
class Latch {
 public:
  void Set() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    set_ = true;
    changed_.SignalAll();
  }
  void Wait() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    while (!set_) changed_.Wait(&mu_);
  }
  // False if `limit` passed before.
  bool WaitFor(Clock* clock, absl::Duration limit) ABSL_LOCKS_EXCLUDED(mu_) {
    const absl::Duration deadline = clock->Monotonic() + limit;
    MutexLock lock(&mu_);
    while (!set_) {
      const absl::Duration left = deadline - clock->Monotonic();
      if (left <= absl::ZeroDuration()) return false;
      changed_.WaitFor(&mu_, left);
    }
    return true;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  bool set_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_LATCH_H_
