#include "common/clock.h"

#include <ctime>

namespace tributary {
namespace {

class SystemClock : public Clock {
 public:
  absl::Duration Monotonic() override { return Read(CLOCK_MONOTONIC); }
  absl::Time Wall() override { return absl::UnixEpoch() + Read(CLOCK_REALTIME); }

 private:
  static absl::Duration Read(clockid_t id) {
    timespec now{};
    clock_gettime(id, &now);
    return absl::DurationFromTimespec(now);
  }
};

}  // namespace

Clock* RealClock() {
  static SystemClock clock;
  return &clock;
}

}  // namespace tributary
