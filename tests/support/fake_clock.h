// A clock that stands until a test moves it.
#ifndef TRIBUTARY_TESTS_SUPPORT_FAKE_CLOCK_H_
#define TRIBUTARY_TESTS_SUPPORT_FAKE_CLOCK_H_

#include "common/clock.h"
#include "common/mutex.h"

namespace tributary {

// Thread-safe. Starts at 1 000 s on the monotonic clock and 2026-01-01 on the wall clock.
class FakeClock : public Clock {
 public:
  absl::Duration Monotonic() override {
    MutexLock lock(&mu_);
    return monotonic_;
  }
  absl::Time Wall() override {
    MutexLock lock(&mu_);
    return wall_;
  }
  void Advance(absl::Duration by) {
    MutexLock lock(&mu_);
    monotonic_ += by;
    wall_ += by;
  }
  // Sets the wall clock only, as an operator or NTP would.
  void SetWall(absl::Time wall) {
    MutexLock lock(&mu_);
    wall_ = wall;
  }

 private:
  Mutex mu_;
  absl::Duration monotonic_ ABSL_GUARDED_BY(mu_) = absl::Seconds(1000);
  absl::Time wall_ ABSL_GUARDED_BY(mu_) = absl::FromUnixSeconds(1'767'225'600);
};

}  // namespace tributary

#endif  // TRIBUTARY_TESTS_SUPPORT_FAKE_CLOCK_H_
