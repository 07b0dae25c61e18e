// Finds the zeros in bytes that hold no record.
#ifndef TRIBUTARY_COLLECTOR_INGEST_ZERO_RUNS_H_
#define TRIBUTARY_COLLECTOR_INGEST_ZERO_RUNS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/eventfile/identity.h"
#include "common/file.h"

namespace tributary {

inline constexpr uint64_t kZeroRunBytesMin = 16;

// The first `runs_max` runs of at least 16 zeros in [begin, end) of `file`, in order. Reads in
// parts of 256 KiB. The file's own error; OutOfRange if it ends before `end`.
absl::StatusOr<std::vector<ByteRange>> FindZeroRuns(ReadableFile* file, uint64_t begin,
                                                    uint64_t end, size_t runs_max);
// The one that reaches `end`, or none.
absl::StatusOr<std::vector<ByteRange>> FindZerosAtEnd(ReadableFile* file, uint64_t begin,
                                                      uint64_t end);

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_ZERO_RUNS_H_
