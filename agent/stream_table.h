// One entry for each file that was ever found: how its stream stands with the collector.
#ifndef TRIBUTARY_AGENT_STREAM_TABLE_H_
#define TRIBUTARY_AGENT_STREAM_TABLE_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/eventfile/tailer.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary::agent {

enum class StreamState : uint8_t {
  kUnopened,  // To be opened, in this session or the next.
  kOpening,   // In the batch of opens that is not answered.
  kLive,      // Its bytes may be sent.
  kBlocked,   // As kLive, but a read failed: read again at the time of its retry.
  kShorter,   // The file is shorter than what the collector has, with equal bytes.
  kRenewing,  // NewGeneration was sent, its offer has not come.
  kDeferred,  // Refused, or not to be named: opened again at the time of its retry.
  kGone,      // The file does not exist at present.
};
// "unopened", "opening", …
absl::string_view StreamStateName(StreamState state);

struct Stream {
  static constexpr uint64_t kNone = ~uint64_t{0};

  StreamState state = StreamState::kUnopened;
  ingest::v1::SourceState reported = ingest::v1::SOURCE_STATE_LIVE;
  // The next offer is compared with the file, whatever is known.
  bool compare = true;
  // The collector has bytes equal to the file's, or had: the watermarks mean something.
  bool accepted = false;
  // A side file: sent in versions. Constant.
  bool asset = false;
  // It was said that it is too large.
  bool told_too_large = false;
  // The collector has not answered its open in this session: its logdir's listing is not complete.
  bool unanswered = false;
  // Counts as open in this session.
  bool open = false;
  // NewGeneration was sent in this session and its offer has not come. Until then the stream is not
  // opened again, whatever its state: that offer could not be told from an answer to the open.
  bool renewal_asked = false;
  bool in_open_queue = false;
  bool in_fill_queue = false;
  // The file was reported, and not looked at, since its stream was live.
  bool changed = false;
  // A timer for its unfilled ranges is set.
  bool watch_timer = false;
  // Waiting will hardly help: a drain does not wait for it.
  bool hopeless = false;

  uint64_t generation = 0;
  uint64_t received = 0;
  uint64_t durable = 0;
  // Sent and not received, as counted in the table's sum.
  uint64_t in_flight = 0;
  // Where the last open asked for checksums.
  uint64_t ask_offset = kNone;
  // A drain is to make the bytes below it durable; kNone without a drain.
  uint64_t drain_to = kNone;
  // The drain waits for it still.
  bool waited_for = false;
  // Since when bytes on disk are not received; infinite past if none are missing.
  absl::Duration behind_since = -absl::InfiniteDuration();
};

// Not thread-safe. Owned by the delivery.
class StreamTable {
 public:
  // A stream that waits after something went wrong with it.
  struct Retry {
    int tries = 0;
    absl::Duration due;
    std::string why;
  };

  explicit StreamTable(size_t roots) : unanswered_(roots, 0) {}

  size_t size() const { return streams_.size(); }
  bool Has(uint32_t id) const { return id < streams_.size(); }
  Stream& at(uint32_t id) { return streams_[id]; }
  const Stream& at(uint32_t id) const { return streams_[id]; }
  // Makes entries up to `id`.
  void Ensure(uint32_t id) {
    if (!Has(id)) streams_.resize(size_t{id} + 1);
  }

  void SetInFlight(Stream* stream, uint64_t bytes) {
    in_flight_bytes_ += bytes - stream->in_flight;
    stream->in_flight = bytes;
  }
  uint64_t in_flight_bytes() const { return in_flight_bytes_; }

  void SetUnanswered(Stream* stream, int root, bool unanswered);
  uint64_t unanswered(int root) const { return unanswered_[static_cast<size_t>(root)]; }

  void SetOpen(Stream* stream, bool open) {
    if (stream->open != open) open_streams_ += open ? 1 : -1;
    stream->open = open;
  }
  int64_t open_streams() const { return open_streams_; }

  // How many streams a drain waits for.
  void WaitFor(Stream* stream, uint64_t drain_to);
  void WaitNoMore(Stream* stream);
  uint64_t waited_for() const { return waited_for_; }

  Retry& retry(uint32_t id) { return retries_[id]; }
  const Retry* FindRetry(uint32_t id) const {
    const auto found = retries_.find(id);
    return found == retries_.end() ? nullptr : &found->second;
  }
  void ClearRetry(uint32_t id) { retries_.erase(id); }

 private:
  std::deque<Stream> streams_;  // by TailedFileId, which is the stream's number too
  absl::flat_hash_map<uint32_t, Retry> retries_;
  std::vector<uint64_t> unanswered_;  // by root
  uint64_t in_flight_bytes_ = 0;
  int64_t open_streams_ = 0;
  uint64_t waited_for_ = 0;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_STREAM_TABLE_H_
