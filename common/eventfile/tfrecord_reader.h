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
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

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
// one that lies within the bytes of one Feed.
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

  // True if the reader stands at a record boundary, or inside its unfinished record, and what must
  // come next begins with zeros: a whole header of zeros, or a payload-and-footer whose bytes from
  // some offset to the present end are all zero with at least 16 of them. A network file system may
  // not have filled the range yet: wait, and read it again.
  bool at_zeros() const;

  // Zeros are what the file really holds: treat them as damage from here on, search for the next
  // record. Call Next after.
  void TakeZerosAsDamage();

  // False while a damaged length is being skipped, and no later record was found yet.
  bool framing_holds() const;

  // Offset just past the last whole record (or past damage with framing found again): a reader made
  // there, fed from there, goes on as this one would.
  uint64_t boundary_offset() const;

  // Offset of the next byte to be fed.
  uint64_t fed_offset() const;

  // What lies between boundary_offset and fed_offset, if framing is lost: the hole so far. For
  // reports on a file that ends in damage.
  std::optional<Damage> pending_damage() const;

 private:
  // The implementer groups the members as constant / state.
  const Options options_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_EVENTFILE_TFRECORD_READER_H_
