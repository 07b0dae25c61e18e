#include "collector/ingest/zero_runs.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/status_macros.h"

namespace tributary {
namespace {

constexpr uint64_t kPartBytes = 256u << 10;

absl::StatusOr<std::string> ReadPart(ReadableFile* file, uint64_t offset, uint64_t length_bytes) {
  std::string part(length_bytes, '\0');
  ASSIGN_OR_RETURN(const size_t read, file->ReadAt(offset, absl::MakeSpan(part)));
  if (read == part.size()) return part;
  return absl::OutOfRangeError(
      absl::StrCat("ends at ", offset + read, ", not at ", offset + length_bytes));
}

}  // namespace

absl::StatusOr<std::vector<ByteRange>> FindZeroRuns(ReadableFile* file, uint64_t begin,
                                                    uint64_t end, size_t runs_max) {
  std::vector<ByteRange> runs;
  uint64_t run_begin = begin;  // of the zeros that reach the offset looked at
  const auto end_run = [&](uint64_t offset) {
    if (offset - run_begin >= kZeroRunBytesMin) runs.push_back({run_begin, offset - run_begin});
  };
  std::string part;
  for (uint64_t offset = begin; offset < end; offset += part.size()) {
    ASSIGN_OR_RETURN(part, ReadPart(file, offset, std::min(end - offset, kPartBytes)));
    for (size_t at = part.find_first_not_of('\0'); at != std::string::npos;
         at = part.find_first_not_of('\0', at + 1)) {
      end_run(offset + at);
      if (runs.size() >= runs_max) return runs;
      run_begin = offset + at + 1;
    }
  }
  end_run(end);
  return runs;
}

absl::StatusOr<std::vector<ByteRange>> FindZerosAtEnd(ReadableFile* file, uint64_t begin,
                                                      uint64_t end) {
  uint64_t zeros_begin = end;
  while (zeros_begin > begin) {
    const uint64_t length = std::min(zeros_begin - begin, kPartBytes);
    ASSIGN_OR_RETURN(const std::string part, ReadPart(file, zeros_begin - length, length));
    const size_t last = part.find_last_not_of('\0');
    zeros_begin -= last == std::string::npos ? length : length - last - 1;
    if (last != std::string::npos) break;
  }
  if (end - zeros_begin < kZeroRunBytesMin) return std::vector<ByteRange>();
  return std::vector<ByteRange>{{zeros_begin, end - zeros_begin}};
}

}  // namespace tributary
