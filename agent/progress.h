// What the agent knows of its own work: for metrics, the admin page, `status` and the drain report.
// Plain values, safe to hand to another thread.
#ifndef TRIBUTARY_AGENT_PROGRESS_H_
#define TRIBUTARY_AGENT_PROGRESS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace tributary::agent {

enum class SessionState {
  kWaiting,     // Not connected; the next try is due at some time.
  kConnecting,  // Connect was called.
  kGreeting,    // Hello was sent, Welcome has not come.
  kStreaming,   // Files are opened and delivered.
  kClosing,     // Close was called, OnClosed has not come.
  kFinished,    // Nothing will be sent any more; outcome() tells why.
};
// "waiting", "connecting", "greeting", "streaming", "closing", "finished".
absl::string_view SessionStateName(SessionState state);

struct Progress {
  SessionState state = SessionState::kWaiting;
  // The node's name as the collector gave it, and the store; empty before the first Welcome.
  std::string node;
  std::string store_id;
  // The last thing that went wrong with the session, for people; empty since the last Welcome.
  std::string last_error;
  // Where following is degraded; see Tailer::status.
  std::string tailer_status;

  // Of side files too, unless said otherwise.
  uint64_t files = 0;                 // that exist
  uint64_t files_open = 0;            // that the collector has accepted in this session
  uint64_t files_behind = 0;          // with bytes that are not durable
  uint64_t files_unreadable = 0;      // whose last look or read failed
  uint64_t directories_unlisted = 0;  // that are there and cannot be listed
  std::string directory_error;        // of one of them, for people: its path and the reason
  uint64_t files_left_out =
      0;                       // side files that are too large, or that the collector does not take
  uint64_t bytes_on_disk = 0;  // sizes of the files that exist
  uint64_t bytes_received = 0;  // of these, visible at the collector
  uint64_t bytes_durable = 0;   // of these, safe at the collector
  // How long the oldest byte that is not received has been on disk, as far as this process saw it;
  // zero if none is missing.
  absl::Duration lag;
  uint64_t credit_bytes = 0;     // that may be sent now
  uint64_t in_flight_bytes = 0;  // sent and not received

  // Since the process started.
  uint64_t sent_bytes_total = 0;  // payload, repeats included
  uint64_t chunks_sent_total = 0;
  uint64_t records_read_total = 0;  // with both CRCs good
  uint64_t damaged_records_total = 0;
  uint64_t damaged_bytes_total = 0;
  uint64_t unfilled_ranges_total = 0;
  uint64_t fills_sent_total = 0;
  uint64_t asset_versions_sent_total = 0;  // of side files, whole
  uint64_t new_generations_total = 0;
  uint64_t connects_total = 0;
  uint64_t refusals_total = 0;
};

// A file whose bytes are not all durable, or a directory of which it is not known what is in it.
struct FileLeft {
  std::string logdir_name;
  std::string relative_path;
  uint64_t size_bytes = 0;
  uint64_t durable_bytes = 0;
  // "not opened yet", "gone", "unreadable: …", "refused: …", "waiting for the collector".
  // Of a directory its path and the reason.
  std::string why;
  bool is_directory = false;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_PROGRESS_H_
