#include "agent/commands/progress_line.h"

#include "absl/strings/str_cat.h"
#include "agent/commands/text.h"

namespace tributary::agent {
namespace {

constexpr absl::Duration kPlainEvery = absl::Seconds(5);
constexpr absl::Duration kTerminalEvery = absl::Milliseconds(200);
// A shorter time says little about the rate.
constexpr absl::Duration kRateAfter = absl::Seconds(1);

}  // namespace

std::string ProgressText(const Progress& progress, double bytes_per_second) {
  if (progress.state != SessionState::kStreaming && progress.state != SessionState::kFinished) {
    return absl::StrCat("no connection to the collector yet",
                        progress.last_error.empty() ? "" : absl::StrCat(": ", progress.last_error));
  }
  std::string text = absl::StrCat(
      HumanBytes(progress.bytes_durable), " of ", HumanBytes(progress.bytes_on_disk), " durable, ",
      progress.files - progress.files_behind, " of ", Counted(progress.files, "file"));
  if (progress.records_read_total > 0) {
    absl::StrAppend(&text, ", ", Counted(progress.records_read_total, "record"));
  }
  if (bytes_per_second >= 1) {
    absl::StrAppend(&text, ", ", HumanBytes(static_cast<uint64_t>(bytes_per_second)), "/s");
    const uint64_t left = progress.bytes_on_disk - progress.bytes_durable;
    if (progress.bytes_durable < progress.bytes_on_disk) {
      absl::StrAppend(&text, ", ",
                      HumanDuration(absl::Seconds(static_cast<double>(left) / bytes_per_second)),
                      " left");
    }
  }
  return text;
}

ProgressLine::ProgressLine(std::ostream* out, bool terminal, Clock* clock)
    : out_(out),
      terminal_(terminal),
      clock_(clock),
      next_(clock->Monotonic() + (terminal ? kTerminalEvery : kPlainEvery)) {}

void ProgressLine::Show(const Progress& progress) {
  const absl::Duration now = clock_->Monotonic();
  if (rate_start_ == absl::InfiniteDuration() && progress.state == SessionState::kStreaming) {
    rate_start_ = now;
    rate_start_bytes_ = progress.bytes_durable;
  }
  if (now < next_) return;
  next_ = now + (terminal_ ? kTerminalEvery : kPlainEvery);
  double rate = 0;
  if (now - rate_start_ >= kRateAfter && progress.bytes_durable > rate_start_bytes_) {
    rate = static_cast<double>(progress.bytes_durable - rate_start_bytes_) /
           absl::ToDoubleSeconds(now - rate_start_);
  }
  const std::string text = ProgressText(progress, rate);
  // Back to the start of the line, and what is left of the former text is erased.
  *out_ << (terminal_ ? "\r" : "") << text << (terminal_ ? "\x1b[K" : "\n");
  out_->flush();
  line_open_ = terminal_;
}

void ProgressLine::End() {
  if (!line_open_) return;
  *out_ << "\n";
  out_->flush();
  line_open_ = false;
}

}  // namespace tributary::agent
