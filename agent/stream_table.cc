#include "agent/stream_table.h"

namespace tributary::agent {

absl::string_view StreamStateName(StreamState state) {
  switch (state) {
    case StreamState::kUnopened:
      return "unopened";
    case StreamState::kOpening:
      return "opening";
    case StreamState::kLive:
      return "live";
    case StreamState::kBlocked:
      return "blocked";
    case StreamState::kShorter:
      return "shorter";
    case StreamState::kRenewing:
      return "renewing";
    case StreamState::kDeferred:
      return "deferred";
    case StreamState::kGone:
      return "gone";
  }
  return "unknown";
}

void StreamTable::SetUnanswered(Stream* stream, int root, bool unanswered) {
  if (stream->unanswered == unanswered) return;
  stream->unanswered = unanswered;
  uint64_t& count = unanswered_[static_cast<size_t>(root)];
  count = unanswered ? count + 1 : count - 1;
}

void StreamTable::WaitFor(Stream* stream, uint64_t drain_to) {
  if (!stream->waited_for) ++waited_for_;
  stream->waited_for = true;
  stream->drain_to = drain_to;
}

void StreamTable::WaitNoMore(Stream* stream) {
  if (!stream->waited_for) return;
  stream->waited_for = false;
  --waited_for_;
}

}  // namespace tributary::agent
