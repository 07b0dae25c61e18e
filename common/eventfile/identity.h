// Whether a source still has the bytes that were sent: equal or different, never "new inode" or
// "shorter".
#ifndef TRIBUTARY_COMMON_EVENTFILE_IDENTITY_H_
#define TRIBUTARY_COMMON_EVENTFILE_IDENTITY_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/file.h"

namespace tributary {

inline constexpr uint64_t kTailCheckBytes = 4096;
inline constexpr uint64_t kHeadCheckBytes = 1024;

// A range of a file that was sent as zeros and never filled; taken as zeros in every comparison.
struct ByteRange {
  uint64_t offset = 0;
  uint64_t length_bytes = 0;
};

// CRC-32C over [max(0, offset - 4096), offset) and over [0, min(offset, 1024)).
struct Fingerprint {
  uint64_t offset = 0;
  uint32_t tail_crc32c = 0;
  uint32_t head_crc32c = 0;
  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

// The fingerprint of `file` at `offset`, with `unfilled` ranges read as zeros. OutOfRange if the
// file ends before `offset`; otherwise the file's own error.
absl::StatusOr<Fingerprint> FingerprintAt(ReadableFile* file, uint64_t offset,
                                          const std::vector<ByteRange>& unfilled);

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_EVENTFILE_IDENTITY_H_
