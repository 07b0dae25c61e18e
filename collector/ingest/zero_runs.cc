#include "collector/ingest/zero_runs.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/status_macros.h"

namespace tributary {
namespace {

constexpr uint64_t kRunBytesMin = 16;
constexpr uint64_t kPartBytes = 256u << 10;

}  // namespace

absl::StatusOr<std::vector<ByteRange>> FindZeroRuns(ReadableFile* file, uint64_t begin,
                                                    uint64_t end, size_t runs_max) {
  std::vector<ByteRange> runs;
  uint64_t run_begin = begin;  // of the zeros that reach the offset looked at
  const auto end_run = [&](uint64_t offset) {
    if (offset - run_begin >= kRunBytesMin) runs.push_back({run_begin, offset - run_begin});
  };
  std::string part;
  for (uint64_t offset = begin; offset < end; offset += part.size()) {
    part.resize(std::min(end - offset, kPartBytes));
    ASSIGN_OR_RETURN(const size_t read, file->ReadAt(offset, absl::MakeSpan(part)));
    if (read < part.size()) {
      return absl::OutOfRangeError(absl::StrCat("ends at ", offset + read, ", not at ", end));
    }
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

}  // namespace tributary
