#include "common/progress_line.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/text.h"

namespace tributary {
namespace {

constexpr absl::Duration kPlainEvery = absl::Seconds(5);
constexpr absl::Duration kTerminalEvery = absl::Milliseconds(200);
// A shorter time says little about the rate.
constexpr absl::Duration kRateAfter = absl::Seconds(1);

}  // namespace

ProgressLine::ProgressLine(std::ostream* out, bool terminal, Clock* clock)
    : out_(out),
      terminal_(terminal),
      clock_(clock),
      next_(clock->Monotonic() + (terminal ? kTerminalEvery : kPlainEvery)) {}

void ProgressLine::Show(absl::string_view text) {
  const absl::Duration now = clock_->Monotonic();
  if (now < next_) return;
  next_ = now + (terminal_ ? kTerminalEvery : kPlainEvery);
  // Back to the start of the line, and what is left of the former text is erased.
  *out_ << (terminal_ ? "\r" : "") << text << (terminal_ ? "\x1b[K" : "\n");
  out_->flush();
  line_open_ = terminal_;
}

void ProgressLine::Show(absl::string_view text, uint64_t bytes_done, uint64_t bytes_total) {
  const absl::Duration now = clock_->Monotonic();
  if (rate_start_ == absl::InfiniteDuration()) {
    rate_start_ = now;
    rate_start_bytes_ = bytes_done;
  }
  if (now - rate_start_ < kRateAfter || bytes_done <= rate_start_bytes_) return Show(text);
  const double rate = static_cast<double>(bytes_done - rate_start_bytes_) /
                      absl::ToDoubleSeconds(now - rate_start_);
  std::string line = absl::StrCat(text, ", ", HumanBytes(static_cast<uint64_t>(rate)), "/s");
  if (bytes_done < bytes_total) {
    const double left = static_cast<double>(bytes_total - bytes_done);
    absl::StrAppend(&line, ", ", HumanDuration(absl::Seconds(left / rate)), " left");
  }
  Show(line);
}

void ProgressLine::End() {
  if (!line_open_) return;
  *out_ << "\n";
  out_->flush();
  line_open_ = false;
}

}  // namespace tributary
