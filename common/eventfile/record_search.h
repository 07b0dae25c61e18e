// Finds the first believable TFRecord in bytes whose framing is lost.
//
// Believable: the length holds its CRC, the whole record is there, and the payload holds its CRC.
// Chance makes such an offset of random bytes once in 2^64; the search is only wrong where a
// payload itself contains a whole TFRecord.
//
// Work is linear in the bytes searched, even if somebody crafts a valid header every few bytes that
// each claim a long record: the CRC of a long payload is computed from CRCs of the searched bytes
// at regular offsets, which all candidates share.
#ifndef TRIBUTARY_COMMON_EVENTFILE_RECORD_SEARCH_H_
#define TRIBUTARY_COMMON_EVENTFILE_RECORD_SEARCH_H_

#include <cstdint>
#include <deque>

#include "absl/strings/string_view.h"

namespace tributary {

// Not thread-safe. One search, from losing the framing to finding it; owned by a TfRecordReader.
class RecordSearch {
 public:
  // Candidates with a longer payload than `record_bytes_max` are not believed.
  explicit RecordSearch(uint64_t record_bytes_max) : record_bytes_max_(record_bytes_max) {}

  struct Result {
    // Bytes at the start of the window that are no record's start: the next window begins after
    // them, and so does the record if one was found.
    uint64_t skipped_bytes = 0;
    bool found = false;
  };

  // Searches `window`, which begins at `offset` in the file and must reach the end of the bytes
  // known. Windows follow each other: each begins where the last result says.
  Result Search(uint64_t offset, absl::string_view window);

 private:
  // Whether the `length` bytes at `begin` of the window have the masked CRC `masked_crc`.
  bool CrcHolds(uint64_t offset, absl::string_view window, uint64_t begin, uint64_t length,
                uint32_t masked_crc);

  const uint64_t record_bytes_max_;

  // [k] is the CRC of the bytes from marks_begin_ to marks_begin_ + k * (distance of marks). Empty
  // until a long candidate was checked, which but for crafted files is the record looked for.
  std::deque<uint32_t> marks_;
  uint64_t marks_begin_ = 0;  // in the file
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_EVENTFILE_RECORD_SEARCH_H_
