// The fingerprint of a growing file, kept while it grows so that a commit reads nothing back.
#ifndef TRIBUTARY_COLLECTOR_STORE_FINGERPRINT_TRACKER_H_
#define TRIBUTARY_COLLECTOR_STORE_FINGERPRINT_TRACKER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/eventfile/identity.h"
#include "common/file.h"

namespace tributary {

// Not thread-safe. At most 4 KiB.
class FingerprintTracker {
 public:
  // Of an empty file.
  FingerprintTracker() = default;
  // Of the first `offset` bytes of `file`, with `unfilled` ranges taken as zeros. OutOfRange if it
  // is shorter; otherwise the file's own error.
  static absl::StatusOr<FingerprintTracker> Load(ReadableFile* file, uint64_t offset,
                                                 const std::vector<ByteRange>& unfilled);

  void Append(absl::string_view bytes);
  // At the number of bytes appended so far.
  Fingerprint Get() const;

 private:
  uint64_t offset_ = 0;
  uint32_t head_crc_ = 0;
  std::string tail_;  // the last min(offset_, 4096) bytes
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_STORE_FINGERPRINT_TRACKER_H_
