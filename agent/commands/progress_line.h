// How far a delivery is, for somebody who waits for it.
#ifndef TRIBUTARY_AGENT_COMMANDS_PROGRESS_LINE_H_
#define TRIBUTARY_AGENT_COMMANDS_PROGRESS_LINE_H_

#include <ostream>
#include <string>

#include "absl/time/time.h"
#include "agent/progress.h"
#include "common/clock.h"

namespace tributary::agent {

// "1.2 GiB of 3.4 GiB durable, 12 of 40 files, 123456 records, 200 MiB/s, 11 s left".
// `bytes_per_second` 0: not known yet.
std::string ProgressText(const Progress& progress, double bytes_per_second);

// On a terminal one line that is written over, else a line every few seconds, and none before the
// first of them. Used by one thread.
class ProgressLine {
 public:
  // Both outlive this.
  ProgressLine(std::ostream* out, bool terminal, Clock* clock);
  // Leaves a terminal's cursor at the start of a line.
  ~ProgressLine() { End(); }

  void Show(const Progress& progress);
  void End();

 private:
  std::ostream* const out_;
  const bool terminal_;
  Clock* const clock_;
  absl::Duration next_;
  // Where the rate is measured from: the first time that anything was durable.
  absl::Duration rate_start_ = absl::InfiniteDuration();
  uint64_t rate_start_bytes_ = 0;
  bool line_open_ = false;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_PROGRESS_LINE_H_
