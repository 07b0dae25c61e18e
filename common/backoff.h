// Retry delays as a value: doubling with full jitter, capped, reset on success.
#ifndef TRIBUTARY_COMMON_BACKOFF_H_
#define TRIBUTARY_COMMON_BACKOFF_H_

#include "absl/time/time.h"
#include "common/random.h"

namespace tributary {

// Not thread-safe.
class Backoff {
 public:
  struct Options {
    absl::Duration first = absl::Milliseconds(100);
    absl::Duration cap = absl::Seconds(15);
  };
  // `random` must outlive this.
  Backoff(const Options& options, Random* random) : options_(options), random_(random) {}

  // The delay before the next try: uniform in [d/2, d], d = first, then doubled by each call up to
  // cap.
  absl::Duration Next();
  void Reset() { tries_ = 0; }
  int tries() const { return tries_; }

 private:
  const Options options_;
  Random* const random_;
  int tries_ = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_BACKOFF_H_
