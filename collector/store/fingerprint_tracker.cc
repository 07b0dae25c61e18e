#include "collector/store/fingerprint_tracker.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/eventfile/crc32c.h"
#include "common/status_macros.h"

namespace tributary {

absl::StatusOr<FingerprintTracker> FingerprintTracker::Load(
    ReadableFile* file, uint64_t offset, const std::vector<ByteRange>& unfilled) {
  FingerprintTracker tracker;
  tracker.offset_ = offset;
  if (offset == 0) return tracker;
  ASSIGN_OR_RETURN(const Fingerprint fingerprint, FingerprintAt(file, offset, unfilled));
  tracker.head_crc_ = fingerprint.head_crc32c;
  tracker.tail_.resize(std::min(offset, kTailCheckBytes));
  const uint64_t begin = offset - tracker.tail_.size();
  ASSIGN_OR_RETURN(const size_t got, file->ReadAt(begin, absl::MakeSpan(tracker.tail_)));
  if (got < tracker.tail_.size()) {
    return absl::OutOfRangeError(absl::StrCat("the file ends before ", offset));
  }
  for (const ByteRange& range : unfilled) {
    const uint64_t from = std::clamp(range.offset, begin, offset);
    const uint64_t to =
        from + std::min(offset - from, range.offset + range.length_bytes -
                                           std::min(from, range.offset + range.length_bytes));
    std::fill(tracker.tail_.begin() + static_cast<ptrdiff_t>(from - begin),
              tracker.tail_.begin() + static_cast<ptrdiff_t>(to - begin), '\0');
  }
  return tracker;
}

void FingerprintTracker::Append(absl::string_view bytes) {
  if (offset_ < kHeadCheckBytes) {
    head_crc_ = ExtendCrc32c(head_crc_, bytes.substr(0, kHeadCheckBytes - offset_));
  }
  offset_ += bytes.size();
  if (bytes.size() >= kTailCheckBytes) {
    bytes.remove_prefix(bytes.size() - kTailCheckBytes);
    tail_.assign(bytes.data(), bytes.size());
    return;
  }
  const size_t sum = tail_.size() + bytes.size();
  if (sum > kTailCheckBytes) tail_.erase(0, sum - kTailCheckBytes);
  tail_.append(bytes.data(), bytes.size());
}

Fingerprint FingerprintTracker::Get() const { return {offset_, Crc32c(tail_), head_crc_}; }

}  // namespace tributary
