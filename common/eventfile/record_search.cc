#include "common/eventfile/record_search.h"

#include <algorithm>

#include "common/eventfile/crc32c.h"
#include "common/eventfile/tfrecord_reader.h"
#include "common/little_endian.h"

namespace tributary {
namespace {

// Distance of the offsets with a known CRC. Payloads of up to two distances are read directly.
constexpr uint64_t kMarkBytes = 1024;

}  // namespace

RecordSearch::Result RecordSearch::Search(uint64_t offset, absl::string_view window) {
  uint64_t at = 0;
  while (window.size() - at >= kRecordHeaderBytes) {
    const char* header = window.data() + at;
    const uint64_t length = LoadLittleEndian<uint64_t>(header);
    if (length > record_bytes_max_) {
      ++at;
      continue;
    }
    const uint32_t length_crc = LoadLittleEndian<uint32_t>(header + 8);
    if (length == 0 && length_crc == 0) {
      // A header of zeros is none. A real one may begin in the last 11 zeros of the run.
      const size_t run_end = std::min(window.find_first_not_of('\0', at), window.size());
      at = run_end - (kRecordHeaderBytes - 1);
      continue;
    }
    if (MaskCrc32c(Crc32c(absl::string_view(header, 8))) != length_crc) {
      ++at;
      continue;
    }
    const uint64_t after_header = window.size() - at - kRecordHeaderBytes;
    if (after_header < kRecordFooterBytes || after_header - kRecordFooterBytes < length) {
      return {at, false};  // Not all of it is here yet.
    }
    const uint64_t payload = at + kRecordHeaderBytes;
    const uint32_t data_crc = LoadLittleEndian<uint32_t>(window.data() + payload + length);
    if (CrcHolds(offset, window, payload, length, data_crc)) return {at, true};
    ++at;
  }
  return {at, false};
}

bool RecordSearch::CrcHolds(uint64_t offset, absl::string_view window, uint64_t begin,
                            uint64_t length, uint32_t masked_crc) {
  if (length <= 2 * kMarkBytes) {
    return MaskCrc32c(Crc32c(window.substr(begin, length))) == masked_crc;
  }
  // Marks before the window are of no more use: candidates only move forward.
  while (!marks_.empty() && marks_begin_ < offset) {
    // The other marks still count from the former beginning. No matter: only the CRC between two
    // marks is used, and what lies before both drops out of it.
    marks_.pop_front();
    marks_begin_ += kMarkBytes;
  }
  if (marks_.empty()) {
    marks_begin_ = (offset + begin + kMarkBytes - 1) / kMarkBytes * kMarkBytes;
    marks_.push_back(0);
  }
  const uint64_t first = offset + begin;
  const uint64_t last = first + length;
  while (marks_begin_ + marks_.size() * kMarkBytes <= last) {
    const uint64_t from = marks_begin_ + (marks_.size() - 1) * kMarkBytes - offset;
    marks_.push_back(ExtendCrc32c(marks_.back(), window.substr(from, kMarkBytes)));
  }
  // The payload is: bytes up to a mark, whole distances, bytes after a mark. The first mark is less
  // than one distance after `first` (it was rounded up from this or an earlier candidate, or from
  // `offset`), and the payload is longer than two distances, so low <= high.
  const uint64_t low =
      first <= marks_begin_ ? 0 : (first - marks_begin_ + kMarkBytes - 1) / kMarkBytes;
  const uint64_t high = (last - marks_begin_) / kMarkBytes;
  const uint64_t low_offset = marks_begin_ + low * kMarkBytes;
  const uint64_t high_offset = marks_begin_ + high * kMarkBytes;
  const uint32_t between = marks_[high] ^ ConcatCrc32c(marks_[low], 0, high_offset - low_offset);
  uint32_t crc = Crc32c(window.substr(begin, low_offset - first));
  crc = ConcatCrc32c(crc, between, high_offset - low_offset);
  crc = ExtendCrc32c(crc, window.substr(high_offset - offset, last - high_offset));
  return MaskCrc32c(crc) == masked_crc;
}

}  // namespace tributary
