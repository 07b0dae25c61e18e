#include "collector/ingest/mirror_source.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/status_macros.h"

namespace tributary {

absl::StatusOr<std::string> MirrorSource::Read(uint64_t offset, uint64_t length_bytes) {
  ASSIGN_OR_RETURN(std::unique_ptr<ReadableFile> file, files_->OpenReadable(path_));
  ASSIGN_OR_RETURN(const FileStat stat, file->Stat());
  // Asked before memory is taken: the length comes from a record's header.
  if (offset > stat.size_bytes || length_bytes > stat.size_bytes - offset) {
    return absl::OutOfRangeError(absl::StrCat(path_, " has ", stat.size_bytes, " bytes, not ",
                                              length_bytes, " from ", offset, " on"));
  }
  std::string bytes(length_bytes, '\0');
  ASSIGN_OR_RETURN(const size_t read, file->ReadAt(offset, absl::MakeSpan(bytes)));
  if (read != length_bytes) {
    return absl::OutOfRangeError(absl::StrCat(path_, " ends at ", offset + read));
  }
  return bytes;
}

}  // namespace tributary
