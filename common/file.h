// The file seam. Only file_posix.cc and the fakes of the tests implement it; nothing else of ours
// opens a file that holds data.
//
// Paths are byte strings as the kernel takes them. Errors carry the path and the reason of the
// system, and map as
//   ENOENT, ENOTDIR          NotFound
//   EACCES, EPERM            PermissionDenied
//   EEXIST                   AlreadyExists
//   ENOSPC, EDQUOT, EFBIG    ResourceExhausted
//   EMFILE, ENFILE, EAGAIN   Unavailable
//   EROFS                    FailedPrecondition
//   ESTALE                   Aborted (open it again)
//   the rest, with EIO       Internal
// A call that is interrupted is repeated inside.
#ifndef TRIBUTARY_COMMON_FILE_H_
#define TRIBUTARY_COMMON_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace tributary {

struct FileStat {
  uint64_t size_bytes = 0;
  uint64_t device = 0;
  uint64_t inode = 0;
  absl::Time modified;
  uint32_t owner_uid = 0;
  bool is_directory = false;
  bool is_regular = false;
};

// One name in a directory. The type is of the name itself: a symbolic link is not followed.
struct DirectoryEntry {
  enum class Type { kUnknown, kRegular, kDirectory, kSymlink, kOther };
  std::string name;
  Type type = Type::kUnknown;  // kUnknown where the file system does not say: use Stat.
};

// Thread-safe: no call has a position. Closed by the destructor.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;

  // Reads up to out.size() bytes from `offset` on. Fewer only where the file ends for now; 0 at or
  // past its end.
  virtual absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> out) = 0;
  virtual absl::StatusOr<FileStat> Stat() = 0;
  // A hint: the page cache of the range will not be read again soon.
  virtual void DropCache(uint64_t offset, uint64_t length_bytes) = 0;
};

// Not thread-safe, but for Sync, which may run on another thread beside any other method. Closed by
// the destructor, which does not sync.
class WritableFile {
 public:
  virtual ~WritableFile() = default;

  // Writes all of `data` at the end. On an error a prefix of it may be there; the caller cuts it
  // off with Truncate.
  virtual absl::Status Append(absl::string_view data) = 0;
  // Writes all of `data` over [offset, offset + data.size()), which may reach past the end.
  virtual absl::Status WriteAt(uint64_t offset, absl::string_view data) = 0;
  virtual absl::Status Truncate(uint64_t size_bytes) = 0;
  // The content and the size are durable after OK (fdatasync). After an error nothing is known of
  // any byte written since the last OK, and a later OK proves nothing about them: give the file up.
  virtual absl::Status Sync() = 0;
  virtual uint64_t size_bytes() const = 0;
};

// Thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual absl::StatusOr<std::unique_ptr<ReadableFile>> OpenReadable(const std::string& path) = 0;
  // Opens for appending at its present end; makes an empty file if there is none.
  virtual absl::StatusOr<std::unique_ptr<WritableFile>> OpenWritable(const std::string& path) = 0;

  // Follows symbolic links.
  virtual absl::StatusOr<FileStat> Stat(const std::string& path) = 0;
  // Names in the directory, without "." and "..", in no order.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& directory) = 0;
  // The same with the types that the directory itself holds: no look at each entry.
  virtual absl::StatusOr<std::vector<DirectoryEntry>> ListEntries(const std::string& directory) = 0;
  // The path with every symbolic link resolved.
  virtual absl::StatusOr<std::string> RealPath(const std::string& path) = 0;

  // Makes the directory and its parents. OK if it is there.
  virtual absl::Status MakeDirectories(const std::string& directory) = 0;
  // Replaces `to`. Durable only after SyncDirectory of both parents.
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;
  // The directory's entries (names made, renamed, removed) are durable after OK.
  virtual absl::Status SyncDirectory(const std::string& directory) = 0;
  // Everything written to the file system that holds `path` is durable after OK (syncfs).
  // Unimplemented where the kernel would not report errors: then sync each file. An error of any
  // write since the former call for this path is reported, whether or not the file is still open:
  // an implementation keeps a descriptor of `path` from the first call on.
  virtual absl::Status SyncFileSystem(const std::string& path) = 0;
  // Bytes an unprivileged user may still write to the file system that holds `path`, and its size.
  // None while it is mounted read-only.
  struct Space {
    uint64_t free_bytes = 0;
    uint64_t total_bytes = 0;
  };
  virtual absl::StatusOr<Space> FreeSpace(const std::string& path) = 0;
};

// The machine's file system. Lives for ever.
FileSystem* RealFileSystem();

// The directory part of a path ("." if it has none) and the last component.
absl::string_view DirName(absl::string_view path);
absl::string_view BaseName(absl::string_view path);
// `directory`/`name` with exactly one '/'.
std::string JoinPath(absl::string_view directory, absl::string_view name);
// Without "." components and slashes that are doubled or at the end; ".." stays, as links may be
// before it. "." for an empty path.
std::string CleanPath(absl::string_view path);

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_FILE_H_
