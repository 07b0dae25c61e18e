// Small files that are replaced as a whole: a reader, and whoever starts after a crash, finds the
// old content or the new, never a mixture.
#ifndef TRIBUTARY_COMMON_ATOMIC_FILE_H_
#define TRIBUTARY_COMMON_ATOMIC_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/file.h"

namespace tributary {

// Writes `path`.tmp, syncs it, renames it over `path`, syncs the directory. After OK the new
// content is durable. After an error `path` holds the old content or the new: the new one only if
// the last step failed. One writer for each path at a time. A `path`.tmp left by a crash is
// overwritten.
absl::Status WriteFileAtomically(FileSystem* files, const std::string& path,
                                 absl::string_view content);

// The whole file. ResourceExhausted if it is larger than `size_bytes_max`; else the file's error.
absl::StatusOr<std::string> ReadWholeFile(FileSystem* files, const std::string& path,
                                          uint64_t size_bytes_max);

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_ATOMIC_FILE_H_
