#include "collector/store/durable_copy.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/check.h"
#include "common/eventfile/crc32c.h"
#include "common/status_macros.h"

namespace tributary {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;

// Calls `take` with the bytes of `range`, piece by piece.
template <typename Take>
absl::Status ForEachPiece(FileSystem* files, const std::string& path, const ByteRange& range,
                          Take take) {
  ASSIGN_OR_RETURN(const auto file, files->OpenReadable(path));
  std::string piece;
  for (uint64_t done = 0; done < range.length_bytes; done += piece.size()) {
    piece.resize(std::min<uint64_t>(kPieceBytes, range.length_bytes - done));
    ASSIGN_OR_RETURN(const size_t got, file->ReadAt(range.offset + done, absl::MakeSpan(piece)));
    if (got < piece.size()) {
      return absl::DataLossError(absl::StrCat(path, " ends at ", range.offset + done + got,
                                              ", before ", range.offset + range.length_bytes));
    }
    RETURN_IF_ERROR(take(absl::string_view(piece)));
  }
  return absl::OkStatus();
}

absl::Status CopyAndCheck(FileSystem* files, const std::string& from, const ByteRange& range,
                          const std::string& to, SyncCopy sync) {
  ASSIGN_OR_RETURN(const auto copy, files->OpenWritable(to));
  uint32_t written_crc = 0;
  RETURN_IF_ERROR(ForEachPiece(files, from, range, [&](absl::string_view piece) {
    written_crc = ExtendCrc32c(written_crc, piece);
    return copy->Append(piece);
  }));
  if (sync == SyncCopy::kYes) RETURN_IF_ERROR(copy->Sync());
  uint32_t read_crc = 0;
  RETURN_IF_ERROR(ForEachPiece(files, to, {0, range.length_bytes}, [&](absl::string_view piece) {
    read_crc = ExtendCrc32c(read_crc, piece);
    return absl::OkStatus();
  }));
  if (read_crc != written_crc) {
    return absl::DataLossError(absl::StrCat("the copy ", to, " does not read as it was written"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CopyRange(FileSystem* files, const std::string& from, const ByteRange& range,
                       const std::string& to, SyncCopy sync) {
  const absl::Status removed = files->Remove(to);
  if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
  const absl::Status copied = CopyAndCheck(files, from, range, to, sync);
  // On a full disk half a copy would take the room that the next try needs.
  if (!copied.ok()) (void)files->Remove(to);
  return copied;
}

absl::Status SyncDirectoryChain(FileSystem* files, std::string directory, const std::string& top) {
  for (;;) {
    RETURN_IF_ERROR(files->SyncDirectory(directory));
    if (directory == top) return absl::OkStatus();
    directory = std::string(DirName(directory));
    CHECK(directory.size() >= top.size(), "left ", top, " at ", directory);
  }
}

absl::Status SealMirror(FileSystem* files, const std::string& data_dir, const MirrorFile& stream) {
  const MarkRow mark = stream.mark();
  const std::string directory = stream.superseded_dir();
  const std::string copy = JoinPath(directory, "sealing");
  RETURN_IF_ERROR(files->MakeDirectories(directory));
  if (mark.fingerprint.offset > 0) {
    RETURN_IF_ERROR(
        CopyRange(files, stream.mirror_path(), {0, mark.fingerprint.offset}, copy, SyncCopy::kYes));
    ASSIGN_OR_RETURN(const auto file, files->OpenReadable(copy));
    ASSIGN_OR_RETURN(const Fingerprint fingerprint,
                     FingerprintAt(file.get(), mark.fingerprint.offset, mark.unfilled));
    if (fingerprint != mark.fingerprint) {
      return absl::DataLossError(absl::StrCat(
          stream.mirror_path(), " has lost durable bytes before ", mark.fingerprint.offset));
    }
  } else {
    // Nothing is durable yet; an empty file takes the place.
    const absl::Status removed = files->Remove(copy);
    if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
    RETURN_IF_ERROR(files->MakeDirectories(std::string(DirName(stream.mirror_path()))));
    ASSIGN_OR_RETURN(const auto file, files->OpenWritable(copy));
    RETURN_IF_ERROR(file->Sync());
  }
  RETURN_IF_ERROR(files->Rename(copy, stream.mirror_path()));
  RETURN_IF_ERROR(SyncDirectoryChain(files, std::string(DirName(stream.mirror_path())), data_dir));
  return SyncDirectoryChain(files, directory, data_dir);
}

absl::StatusOr<std::string> FreeName(FileSystem* files, const std::string& directory,
                                     const std::string& name) {
  std::string path = JoinPath(directory, name);
  for (int n = 2;; ++n) {
    const absl::Status there = files->Stat(path).status();
    if (absl::IsNotFound(there)) return path;
    RETURN_IF_ERROR(there);
    path = JoinPath(directory, absl::StrCat(name, "~", n));
  }
}

}  // namespace tributary
