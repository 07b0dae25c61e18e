// How far long work is, for somebody who waits for it.
#ifndef TRIBUTARY_COMMON_PROGRESS_LINE_H_
#define TRIBUTARY_COMMON_PROGRESS_LINE_H_

#include <cstdint>
#include <ostream>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace tributary {

// On a terminal one line that is written over, else a line every few seconds, and none before the
// first of them. Used by one thread.
class ProgressLine {
 public:
  // Both outlive this.
  ProgressLine(std::ostream* out, bool terminal, Clock* clock);
  // Leaves a terminal's cursor at the start of a line.
  ~ProgressLine() { End(); }

  // Both show the text if it is time to. The second one adds ", 200 MiB/s, 11 s left" once that is
  // known: the rate is measured from its first call on.
  void Show(absl::string_view text);
  void Show(absl::string_view text, uint64_t bytes_done, uint64_t bytes_total);
  void End();

 private:
  std::ostream* const out_;
  const bool terminal_;
  Clock* const clock_;
  absl::Duration next_;
  absl::Duration rate_start_ = absl::InfiniteDuration();
  uint64_t rate_start_bytes_ = 0;
  bool line_open_ = false;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_PROGRESS_LINE_H_
