// What the agent knows of the bytes of each file: where it stands in it, whether the records hold,
// what is held back, and which ranges were sent unfilled.
#ifndef TRIBUTARY_AGENT_FOLLOWER_H_
#define TRIBUTARY_AGENT_FOLLOWER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/eventfile/identity.h"
#include "common/eventfile/tailer.h"
#include "common/eventfile/tfrecord_reader.h"

namespace tributary::agent {

// Reads the files of a tailer for delivery. Every byte is handed on once and in order, damaged ones
// too; the records are only checked and counted. What is not whole yet waits a little:
//   - an incomplete record at the end of a file for `torn_wait`;
//   - zeros where a header or the rest of a body must be for `zeros_wait` since the file last
//     changed, but at most `zeros_wait_max`: a network file system may not have filled them. Zeros
//     that were handed on all the same are watched for `watch_time`: if they turn into whole
//     records, a fill is due.
// Unless the reader of a file stands inside a record, a file costs a fixed 300 bytes or so.
//
// Not thread-safe. Owned by the agent.
class Follower {
 public:
  struct Options {
    uint64_t block_bytes_max = 256u << 10;
    absl::Duration torn_wait = absl::Seconds(1);
    absl::Duration zeros_wait = absl::Seconds(5);
    absl::Duration zeros_wait_max = absl::Seconds(30);
    absl::Duration zeros_look = absl::Milliseconds(500);  // between two looks at held zeros
    absl::Duration watch_time = absl::Minutes(10);
    absl::Duration watch_look = absl::Seconds(5);  // between two looks at given-up zeros
    // What one look at zeros may read again, in bytes. Zeros further inside a record are not waited
    // for, and a given-up range is not watched beyond it.
    uint64_t look_bytes_max = 16u << 20;
  };

  // Sums since the process started. What is read again is not counted again.
  struct Totals {
    uint64_t records = 0;
    uint64_t damaged_records = 0;
    uint64_t damaged_bytes = 0;
    uint64_t unfilled_ranges = 0;
  };

  // What one Read brought. Exactly one of the kinds.
  struct Block {
    enum class Kind {
      kBytes,       // `data` from `offset` on; never empty.
      kAtEnd,       // Nothing beyond the position, for now.
      kHeld,        // Bytes that wait: read again at `until`, or when the file changes.
      kUnreadable,  // `error`; the position stays.
      kChanged      // Other bytes than those handed on: LookAgain tells which. The position stays.
    };
    Kind kind = Kind::kAtEnd;
    uint64_t offset = 0;
    std::string data;
    absl::Duration until;
    absl::Status error;
  };

  enum class Look {
    kSame,        // As far as can be told cheaply, the file goes on from what was read.
    kShorter,     // It ends before what was read or handed on.
    kReplaced,    // Another file with equal bytes at both places looked at: compare more.
    kDifferent,   // Bytes differ from those handed on.
    kUnreadable,  // Nothing could be told; see last_error.
  };

  // Both outlive the follower.
  Follower(const Options& options, Tailer* tailer, Clock* clock)
      : options_(options), tailer_(tailer), clock_(clock) {}

  // Reading goes on from `offset`, below which the collector has the file's bytes. Forgets all
  // about the file but its counts, and watches `unfilled` again. Reads the first and last bytes
  // below `offset`, to know them later: an error of that is returned, and then the file is to be
  // started again.
  absl::Status Start(TailedFileId id, uint64_t offset, const std::vector<ByteRange>& unfilled);
  // Reading goes on from `offset` <= position: what was read past it is read again. Reads nothing.
  void Rewind(TailedFileId id, uint64_t offset);
  // Offset of the next byte that Read hands on.
  uint64_t position(TailedFileId id) const;

  // The file was reported by Tailer::Poll.
  void NoteChange(TailedFileId id);
  // Compares the bytes known by heart with the file's. Only for a file that was started.
  Look LookAgain(TailedFileId id);
  const absl::Status& last_error() const { return last_error_; }

  // Reads up to `bytes_max` > 0 bytes from the position on, to the end of a record where one ends
  // within them. With `flush` nothing is held back.
  Block Read(TailedFileId id, uint64_t bytes_max, bool flush);

  // Whether the file has ranges that are watched, or filled and not acknowledged.
  bool watches(TailedFileId id) const;
  // Looks at the watched ranges, if that is due. Returns when to look again; infinite if nothing is
  // watched any more.
  absl::Duration LookAtRanges(TailedFileId id);
  // The next bytes of a range that has filled, at most `bytes_max`; nullopt if there are none that
  // were not handed on.
  std::optional<Block> NextFill(TailedFileId id, uint64_t bytes_max);
  // [offset, offset + length) is durable at the collector as filled.
  void FillDurable(TailedFileId id, uint64_t offset, uint64_t length_bytes);
  // A new session: fills that are not durable are handed on again.
  void RepeatFills(TailedFileId id);
  // Stops to watch the ranges: the collector would not have their bytes.
  void ForgetFills(TailedFileId id);
  bool fills_pending(TailedFileId id) const;

  const Totals& totals() const { return totals_; }

 private:
  static constexpr uint64_t kMemoryBytes = 64;
  static constexpr uint64_t kNone = ~uint64_t{0};

  // Zeros that were handed on and may yet be filled.
  struct Unfilled {
    // A boundary of records at or before `offset`, and before what a look can read: the range may
    // begin inside a record.
    uint64_t record_offset = 0;
    uint64_t offset = 0;
    uint64_t length_bytes = 0;
    absl::Duration watch_until;
    absl::Duration next_look;
    bool filled = false;
    uint64_t sent_to = 0;     // fill handed on below this offset
    uint64_t durable_to = 0;  // and durable below this one
    uint64_t end() const { return offset + length_bytes; }
  };

  struct File {
    uint64_t position = 0;
    // The bytes [0, head_bytes) and [memory_end - tail_bytes, memory_end) as handed on.
    uint64_t memory_end = 0;
    uint8_t head_bytes = 0;
    uint8_t tail_bytes = 0;
    char head[kMemoryBytes];
    char tail[kMemoryBytes];
    uint64_t device = 0;
    uint64_t inode = 0;
    // Records and damage below it were counted.
    uint64_t counted_to = 0;
    // The reader began where nothing tells that a record does.
    bool unproved = false;
    // Where the record ends in which the position is; 0 if that is not known.
    uint64_t record_end = 0;
    // Without a reader: where the record begins in which the position is, kNone if it is in none.
    uint64_t replay_from = kNone;
    absl::Duration changed;
    // Since when bytes at the position wait; infinite past if none do.
    absl::Duration held_since = -absl::InfiniteDuration();
    // Only while the position is inside a record, or framing is lost; else a new one would do.
    std::unique_ptr<TfRecordReader> reader;
    std::unique_ptr<std::vector<Unfilled>> unfilled;
  };

  // What the reader made of a block that was fed.
  struct Scan {
    uint64_t ship_bytes = 0;  // of the block, from its start
    bool zeros = false;       // the bytes after these are zeros to wait for
    bool torn = false;        // or an incomplete record at the end of the file
  };
  // Which bytes have waited long enough.
  struct Patience {
    bool zeros_over = false;
    bool torn_over = false;
  };

  File& file(TailedFileId id);
  // Makes the file's reader stand at its position.
  absl::Status EnsureReader(TailedFileId id, File* f);
  // Feeds `block`, which starts at the file's position, counts what comes out, and decides how much
  // of it goes. Afterwards the reader, if there is one, stands behind what goes.
  Scan ScanBlock(File* f, absl::string_view block, bool at_end, Patience patience);
  // The part of ScanBlock that is done once zeros are ruled out.
  Scan CutBlock(File* f, absl::string_view block, bool at_end, Patience patience);
  // Whether the reader, which is at_zeros, waits for nothing that could still follow `block`; and
  // where the header or record that ends in zeros ends.
  struct Zeros {
    bool final = false;
    uint64_t unit_end = 0;
  };
  Zeros ZerosOf(const File& f, absl::string_view block) const;
  // Takes and counts what the reader has.
  void TakeOutcomes(File* f);
  void CountDamage(File* f, const Damage& damage);
  // Remembers that the zeros around `unit_end`, in the record at `record_offset`, are handed on.
  void WatchZeros(File* f, absl::string_view block, uint64_t record_offset, uint64_t unit_end);
  void Advance(File* f, absl::string_view shipped);
  // [offset, offset + out.size()) with unfilled ranges as zeros, OutOfRange if it is not all there.
  // Reads at the position, into all of `data`, and makes sure that the file has the bytes it is
  // known by still: what was rewritten since the last look must not be handed on behind them.
  // Returns false if other bytes are there now. Cuts `data` to what there was.
  absl::StatusOr<bool> ReadAtPosition(TailedFileId id, const File& f, std::string* data);
  // Puts zeros where `bytes`, read at `offset`, lie in unfilled ranges.
  static void Mask(const File& f, uint64_t offset, absl::Span<char> bytes);
  absl::Status ReadMasked(TailedFileId id, const File& f, uint64_t offset, absl::Span<char> out);
  absl::Status Memorise(TailedFileId id, File* f);
  // Moves range->record_offset closer to the range.
  bool RangeIsFilled(TailedFileId id, Unfilled* range, bool* all_zeros);

  const Options options_;
  Tailer* const tailer_;
  Clock* const clock_;
  std::deque<File> files_;
  Totals totals_;
  absl::Status last_error_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_FOLLOWER_H_
