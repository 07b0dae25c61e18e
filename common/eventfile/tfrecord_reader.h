// Cuts the growing bytes of an event file into TFRecords, and finds its way again after damage.
//
// A TFRecord is, little-endian: u64 length n; u32 masked CRC-32C of these 8 bytes; n bytes of
// payload; u32 masked CRC-32C of the payload. A file is a sequence of them, nothing else.
//
// The reader is fed with bytes, not with a file: the agent feeds what it ships, the collector what
// it receives or reads. How the bytes are split among calls of Feed never changes what comes out (a
// fuzz target holds this).
#ifndef TRIBUTARY_COMMON_EVENTFILE_TFRECORD_READER_H_
#define TRIBUTARY_COMMON_EVENTFILE_TFRECORD_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "common/eventfile/record_search.h"

namespace tributary {

inline constexpr uint64_t kRecordHeaderBytes = 12;
inline constexpr uint64_t kRecordFooterBytes = 4;

enum class DamageCause {
  kLengthCrc,    // The length fails its CRC: framing was lost over the range.
  kDataCrc,      // The payload fails its CRC: this one record is skipped.
  kZeros,        // Zeros where a header must be, given up by TakeZerosAsDamage.
  kUndecodable,  // A whole record whose payload is no Event. The reader never says this; whoever
                 // decodes does.
};
// "length_crc", "data_crc", "zeros", "undecodable".
absl::string_view DamageCauseName(DamageCause cause);

// Bytes that hold no usable record.
struct Damage {
  uint64_t offset = 0;
  uint64_t length_bytes = 0;
  DamageCause cause = DamageCause::kLengthCrc;
};

// Not thread-safe. Memory: at most `record_bytes_max` for a record that arrives in pieces; none for
// one that lies within the bytes of one Feed. While framing is lost, resync_record_bytes_max and
// one Feed. While stuck_at_zeros holds, what is fed all the same.
class TfRecordReader {
 public:
  struct Options {
    // Offset in the file of the first byte that will be fed. Must be a record boundary.
    uint64_t start_offset = 0;
    // Longest payload that is handed on whole, in bytes. Of a longer one only the first
    // `record_head_bytes` are handed on; its data CRC is checked all the same.
    uint64_t record_bytes_max = 64u << 20;
    uint64_t record_head_bytes = 64u << 10;
    // While framing is lost, a candidate header whose record is longer than this is not believed.
    // Bounds both the memory and the wait of the search.
    uint64_t resync_record_bytes_max = 64u << 20;
    // True for bytes that will never be filled in later (the collector's mirror, a file at rest):
    // zeros are damage at once, nothing waits for TakeZerosAsDamage, at_zeros is always false.
    bool zeros_are_final = false;
  };

  // A record whose length and payload hold their CRCs.
  struct Record {
    uint64_t offset = 0;         // of the header, in the file
    uint64_t payload_bytes = 0;  // as the header says
    // The payload, or its first bytes if it is longer than record_bytes_max. Valid until the next
    // call of Feed or Next.
    absl::string_view payload;
  };

  // Exactly one is set.
  struct Outcome {
    std::optional<Record> record;
    std::optional<Damage> damage;
  };

  explicit TfRecordReader(const Options& options);

  // Adds the next bytes of the file. They must stay valid until Next has returned nullopt. Next
  // must have returned nullopt since the last Feed.
  void Feed(absl::string_view bytes);

  // The next record or damage in file order; nullopt when the bytes fed so far hold no more: feed
  // on. A hole is reported once, with its full length, when the record after it is found.
  std::optional<Outcome> Next();

  // True if a network file system may not have filled in yet what must come next: wait, and read it
  // again from boundary_offset with a new reader. That is
  //   - a whole header of zeros;
  //   - an unfinished record whose payload and footer, from some offset to the present end, are all
  //     zeros, at least 16 of them;
  //   - a length or a payload that fails its CRC and ends in zeros, which go on after it (16 of
  //   them
  //     together, or as many as there are yet).
  // To be asked when Next has returned nullopt. A legal payload may have zeros too, so this says
  // nothing before the end of the file: only whoever waited there may take them for damage.
  bool at_zeros() const;

  // True if at_zeros() is no matter of bytes to come: a header of zeros, or damage that ends in
  // zeros and goes on in zeros. What is fed all the same is held in memory, and nothing comes out
  // before TakeZerosAsDamage: feed no more.
  bool stuck_at_zeros() const { return state_ == State::kZeros; }

  // Zeros are what the file really holds: treat them as damage from here on, search for the next
  // record. Call Next after. Does nothing unless at_zeros().
  void TakeZerosAsDamage();

  // False while a damaged length is being skipped, and no later record was found yet.
  bool framing_holds() const;

  // Offset just past the last whole record (or past damage with framing found again): a reader made
  // there, fed from there, goes on as this one would.
  uint64_t boundary_offset() const;

  // Offset of the next byte to be fed.
  uint64_t fed_offset() const;

  // Where the record ends that begins at boundary_offset, if it is unfinished and held until it is
  // whole; else 0. A new reader that is fed from there when all of it is there holds nothing. To be
  // asked when Next has returned nullopt.
  uint64_t awaited_end() const;

  // Memory held for bytes that were fed.
  uint64_t held_bytes() const {
    return carry_.capacity() + (long_ != nullptr ? long_->head.capacity() : 0);
  }

  // What lies between boundary_offset and fed_offset, if framing is lost: the hole so far. For
  // reports on a file that ends in damage.
  std::optional<Damage> pending_damage() const;

 private:
  enum class State {
    kAtRecord,    // The next unconsumed byte begins a record.
    kInLong,      // Within a record longer than record_bytes_max; long_ is set.
    kMaybeZeros,  // As kAtRecord; this record is damaged and ends in zeros: it needs more bytes to
                  // tell damage from an unfilled range.
    kZeros,       // An unfilled range begins in this record. Only TakeZerosAsDamage leads out.
    kLost,        // search_ is set.
  };

  // A record that is consumed while it arrives.
  struct Long {
    uint64_t payload_bytes = 0;
    uint64_t done_bytes = 0;  // of the payload
    uint32_t crc = 0;         // of those
    uint64_t zeros = 0;       // at the end of those; counted up to 16
    std::string head;
  };

  enum class Zeros { kNo, kMaybe, kYes };

  // The next `wanted` unconsumed bytes in one piece, or all there are if that is fewer.
  absl::string_view Peek(uint64_t wanted);
  void Consume(uint64_t bytes);
  // Moves up to `bytes` from in_ to carry_.
  void Carry(uint64_t bytes);
  size_t carried_bytes() const { return carry_.size() - carry_begin_; }

  // One function for each state. True if they go on: a state to look at again, or `out` is set.
  bool AtRecord(Outcome* out);
  bool InLong(Outcome* out);
  bool Lost(Outcome* out);

  void Lose(DamageCause cause);
  bool DamagedData(uint64_t record_bytes, Outcome* out);
  // Whether the damaged `unit_bytes` from here end in zeros that go on after them.
  Zeros ZerosAfter(uint64_t unit_bytes);
  // Zeros at the end of a long record of whose footer `footer` is there; counted up to 16.
  uint64_t LongZeros(absl::string_view footer) const;

  // Constant.
  const Options options_;

  // What is known and not consumed: carry_ from carry_begin_ on, then in_. offset_ is where it
  // begins in the file, and boundary_ <= offset_ what boundary_offset() says.
  std::string carry_;
  size_t carry_begin_ = 0;
  absl::string_view in_;
  uint64_t offset_;
  uint64_t boundary_;

  State state_ = State::kAtRecord;
  bool zeros_taken_ = false;  // The present record's zeros are damage.
  std::unique_ptr<Long> long_;
  std::unique_ptr<RecordSearch> search_;
  DamageCause lost_cause_ = DamageCause::kLengthCrc;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_EVENTFILE_TFRECORD_READER_H_
