// Puts the bytes of its streams away: into the mirror, then into the index. The only place of
// ingest that does file I/O on the way of a record, so that a slow disk holds up shards and nothing
// else.
//
// A stream is indexed in step with its mirror, or its index is behind (after a start, a seal or a
// fill): then it catches up from the mirror file in parts, and bytes that arrive meanwhile go to
// the mirror only. `visible` is what both have; viewers see it and agents are told it. After fills,
// once for all between two notes, viewers see the former index until the new one has caught up.
//
// Of a record that arrives in pieces little is kept in memory: its index waits until all of it is
// in the mirror, and then reads it as a whole. What is in the mirror counts as visible meanwhile,
// as nothing of it could be seen.
//
// Zeros where a record must be are damage at once: the agent waited for them to be filled before it
// sent them, and if they are filled after all, a fill tells. They are noted as unfilled, so that
// the comparisons of both sides take them for zeros. Zeros at the end of an unfinished record may
// be its own: they are only noted, once they stood for a while.
//
// After a refusal that only a comparison of bytes can solve (gap, conflict, other generation) what
// is still on its way for the stream is dropped without a word until the agent opens it again.
//
// Not thread-safe: everything runs on the shard's queue, except what says otherwise.
#ifndef TRIBUTARY_COLLECTOR_INGEST_SHARD_H_
#define TRIBUTARY_COLLECTOR_INGEST_SHARD_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "collector/index/index.h"
#include "collector/ingest/metrics.h"
#include "collector/store/store.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/task_queue.h"
#include "common/types.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary {

// How far one stream got.
struct StreamProgress {
  StreamId stream;
  Generation generation;
  uint64_t received = 0;  // in the mirror
  uint64_t visible = 0;   // in mirror and index
  uint64_t rewinds = 0;   // of the stream; the others are at least as new
};

// One slice of a chunk. `number` is the agent's name for the stream; the shard hands it back.
struct ShardSlice {
  std::shared_ptr<MirrorStream> stream;
  uint32_t number = 0;
  Generation generation;
  uint64_t offset = 0;
  std::string data;
};

struct SliceRefusal {
  uint32_t number = 0;
  StreamId stream;
  ingest::v1::RefusalReason reason = ingest::v1::REFUSAL_REASON_UNSPECIFIED;
  std::string detail;
  std::optional<uint64_t> wanted_offset;
};

struct AppendResult {
  uint64_t bytes = 0;          // of all slices, taken or not
  uint64_t refused_bytes = 0;  // of those that were refused, or dropped behind a refusal
  uint64_t slices = 0;
  std::vector<StreamProgress> progress;
  std::vector<SliceRefusal> refusals;
  bool store_full = false;
};

// What is offered to an agent that opens a stream, or why nothing is.
struct StreamOffer {
  absl::Status status;
  Fingerprint fingerprint;
  StreamProgress progress;
  uint64_t durable = 0;
  std::vector<ByteRange> unfilled;
  bool overwritten = false;
  // Of the stream's index; null for a file that is mirrored only. Thread-safe to read.
  std::shared_ptr<FileIndex> index;
};

struct FillOrder {
  std::shared_ptr<MirrorStream> stream;
  uint32_t number = 0;
  uint64_t session = 0;
  Generation generation;
  uint64_t offset = 0;
  std::string data;
};

// A fill that is in the mirror and waits for a commit.
struct PendingFill {
  StreamId stream;
  uint32_t number = 0;
  uint64_t session = 0;
  Generation generation;
  ByteRange range;
};

struct ShardNotes {
  std::vector<CommitNote> notes;
  std::vector<PendingFill> fills;
};

// Told on the shard's queue; the implementer posts on.
class ShardEvents {
 public:
  virtual ~ShardEvents() = default;
  // The shard has bytes that are not durable.
  virtual void OnDirty() = 0;
  // A stream became visible further without an Append: its index caught up.
  virtual void OnProgress(StreamProgress progress) = 0;
};

class Shard {
 public:
  struct Options {
    int number = 0;
    // How much of a mirror is indexed at once while catching up, in bytes.
    uint64_t catch_up_part_bytes = 1u << 20;
    // Of an unfinished record of one stream, in memory.
    uint64_t held_bytes_max = 64u << 10;
    // How long an unfinished record may end in zeros before they are noted as unfilled.
    absl::Duration zeros_wait = absl::Seconds(5);
    // Pause after a mirror could not be read.
    absl::Duration retry_after = absl::Seconds(1);
  };
  // All outlive the shard.
  struct Dependencies {
    Store* store;
    Index* index;
    FileSystem* files;
    Clock* clock;
    TaskQueue* queue;  // the shard's own
    ShardEvents* events;
    IngestMetrics* metrics;
    Logger* log;
  };

  Shard(const Options& options, const Dependencies& dependencies);

  // A stream that recovery kept: indexed from its mirror. Returns its index at once (null for a
  // file that is mirrored only).
  std::shared_ptr<FileIndex> Adopt(const std::shared_ptr<MirrorStream>& stream);

  // What to offer for the stream, at `ask_offset` if it is set. Ends the dropping after a refusal.
  StreamOffer Offer(const std::shared_ptr<MirrorStream>& stream,
                    std::optional<uint64_t> ask_offset);

  AppendResult Append(std::vector<ShardSlice> slices);
  // nullopt: taken, a FillAck may be sent that is not durable yet.
  std::optional<SliceRefusal> Fill(const FillOrder& order);

  // From Suspend to Resume the store changes the stream on the commit queue: nothing here touches
  // it. The offer tells what the stream is then.
  void Suspend(const std::shared_ptr<MirrorStream>& stream);
  StreamOffer Resume(const std::shared_ptr<MirrorStream>& stream);

  // What there is to make durable, for the commit cycle.
  ShardNotes Note();
  // The store sealed the stream: it went back to its durable bytes. The index follows; what is on
  // its way is dropped until the agent opens the stream again, unless it did so meanwhile.
  StreamProgress Rewind(const std::shared_ptr<MirrorStream>& stream);

  // Streams whose index is behind because of the start. Thread-safe.
  int64_t streams_loading() const { return loading_.load(std::memory_order_relaxed); }

 private:
  struct State {
    std::shared_ptr<MirrorStream> stream;
    std::shared_ptr<FileIndex> index;  // null: mirrored only
    bool dropping = false;             // until it is opened again
    bool suspended = false;
    bool catching_up = false;
    bool loading = false;  // counted in loading_
    bool zeros_watched = false;
    // The index waits until the mirror reaches it; 0 if it does not wait.
    uint64_t awaited_end = 0;
    // The lowest offset of fills that the index knows nothing of.
    std::optional<uint64_t> filled_from;
    bool anew = false;  // viewers see the former index
    // Of a hole that was given up and is not left yet: where it begins, and to where its zeros are
    // noted.
    std::optional<uint64_t> hole_begin;
    uint64_t hole_noted_to = 0;
    uint64_t rewinds = 0;          // of the stream, when the index began
    uint64_t rewinds_offered = 0;  // and when it was last offered
    absl::Duration fed_at;
  };

  // The stream's state, made where there is none, its index begun anew if the stream went back.
  State* Find(const std::shared_ptr<MirrorStream>& stream);
  StreamProgress ProgressOf(const State& state) const;
  // nullopt: taken. Sets *advanced if the mirror grew.
  std::optional<SliceRefusal> AppendSlice(State* state, const ShardSlice& slice, bool* advanced);
  SliceRefusal RefuseBy(const absl::Status& status, const State& state, uint32_t number);
  void Feed(State* state, absl::string_view bytes);
  void Restart(State* state);
  // The index is to know of the fills.
  void TakeFills(State* state);
  // Begins anew with the unfinished record, when all of it is there.
  void AwaitRecord(State* state);
  static bool Awaits(const State& state);
  void StartCatchUp(State* state);
  void CatchUp(StreamId id);
  void EndLoading(State* state);
  // The next part of the mirror that the index lacks; empty if it lacks nothing.
  absl::StatusOr<std::string> ReadBehind(const State& state) const;
  void LookAtZeros(State* state);
  void WatchZeros(State* state);
  void ZerosStood(StreamId id);
  void TakeZeros(State* state);
  // What there is of the hole that was given up.
  void NoteHole(State* state);
  // The zeros in [begin, end) of the mirror are unfilled, as far as is not noted yet; or only those
  // that reach `end`.
  void NoteUnfilled(State* state, uint64_t begin, uint64_t end, bool at_end_only = false);

  const Options options_;
  const Dependencies deps_;
  absl::flat_hash_map<StreamId, std::unique_ptr<State>> streams_;
  std::vector<PendingFill> fills_;
  std::atomic<int64_t> loading_{0};
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_SHARD_H_
