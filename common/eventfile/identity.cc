#include "common/eventfile/identity.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/eventfile/crc32c.h"
#include "common/status_macros.h"

namespace tributary {
namespace {

// The CRC of [offset, offset + length) of `file`, which must have these bytes.
absl::StatusOr<uint32_t> RangeCrc(ReadableFile* file, const ByteRange& range,
                                  const std::vector<ByteRange>& unfilled) {
  std::string bytes(range.length_bytes, '\0');
  ASSIGN_OR_RETURN(const size_t got, file->ReadAt(range.offset, absl::MakeSpan(bytes)));
  if (got < bytes.size()) {
    return absl::OutOfRangeError(absl::StrCat("the file ends at offset ", range.offset + got,
                                              ", before ", range.offset + range.length_bytes));
  }
  const uint64_t end = range.offset + range.length_bytes;
  for (const ByteRange& zeros : unfilled) {
    const uint64_t zeros_begin = std::max(zeros.offset, range.offset);
    // The lengths come from the other side: their sum may wrap.
    const uint64_t zeros_end = zeros.length_bytes < end - std::min(zeros.offset, end)
                                   ? zeros.offset + zeros.length_bytes
                                   : end;
    if (zeros_begin >= zeros_end) continue;
    std::fill(bytes.begin() + static_cast<ptrdiff_t>(zeros_begin - range.offset),
              bytes.begin() + static_cast<ptrdiff_t>(zeros_end - range.offset), '\0');
  }
  return Crc32c(bytes);
}

}  // namespace

absl::StatusOr<Fingerprint> FingerprintAt(ReadableFile* file, uint64_t offset,
                                          const std::vector<ByteRange>& unfilled) {
  const uint64_t tail_bytes = std::min(offset, kTailCheckBytes);
  Fingerprint fingerprint;
  fingerprint.offset = offset;
  ASSIGN_OR_RETURN(fingerprint.tail_crc32c,
                   RangeCrc(file, {offset - tail_bytes, tail_bytes}, unfilled));
  ASSIGN_OR_RETURN(fingerprint.head_crc32c,
                   RangeCrc(file, {0, std::min(offset, kHeadCheckBytes)}, unfilled));
  return fingerprint;
}

}  // namespace tributary
