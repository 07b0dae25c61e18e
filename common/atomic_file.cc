#include "common/atomic_file.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tributary {
namespace {

absl::Status WriteAndSync(FileSystem* files, const std::string& path, absl::string_view content) {
  ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> file, files->OpenWritable(path));
  RETURN_IF_ERROR(file->Truncate(0));
  RETURN_IF_ERROR(file->Append(content));
  return file->Sync();
}

}  // namespace

absl::Status WriteFileAtomically(FileSystem* files, const std::string& path,
                                 absl::string_view content) {
  const std::string temporary = absl::StrCat(path, ".tmp");
  absl::Status status = WriteAndSync(files, temporary, content);
  // The bytes are durable before the name is: the rename can never show a torn file.
  if (status.ok()) status = files->Rename(temporary, path);
  if (!status.ok()) {
    // Best effort: gives the space back. What stays is overwritten by the next try.
    files->Remove(temporary).IgnoreError();
    return status;
  }
  return files->SyncDirectory(std::string(DirName(path)));
}

absl::StatusOr<std::string> ReadWholeFile(FileSystem* files, const std::string& path,
                                          uint64_t size_bytes_max) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ReadableFile> file, files->OpenReadable(path));
  // By reading to the end, not by the size that the file claims: files of /proc say 0, and hand out
  // a page at a time.
  constexpr uint64_t kStepBytes = 64u << 10;
  std::string content;
  while (true) {
    const uint64_t offset = content.size();
    content.resize(offset + kStepBytes);
    ASSIGN_OR_RETURN(const size_t size,
                     file->ReadAt(offset, absl::MakeSpan(content).subspan(offset)));
    content.resize(offset + size);
    if (content.size() > size_bytes_max) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, ": larger than ", size_bytes_max, " bytes"));
    }
    if (size == 0) return content;
  }
}

}  // namespace tributary
