// The clock seam: nothing else reads the time.
#ifndef TRIBUTARY_COMMON_CLOCK_H_
#define TRIBUTARY_COMMON_CLOCK_H_

#include "absl/time/time.h"

namespace tributary {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Time since some fixed point that is never set back: for time-outs, ages and rates. Comparable
  // within one process.
  virtual absl::Duration Monotonic() = 0;

  // The wall clock: for what people see and what is written down. May jump either way.
  virtual absl::Time Wall() = 0;
};

// The machine's clocks. Lives for ever.
Clock* RealClock();

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_CLOCK_H_
