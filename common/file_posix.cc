// The machine's files. The only source that knows errno of file calls.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/mutex.h"
#include "common/status_macros.h"

namespace tributary {
namespace {

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::StatusCode::kNotFound;
    case EACCES:
    case EPERM:
      return absl::StatusCode::kPermissionDenied;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::StatusCode::kResourceExhausted;
    case EMFILE:
    case ENFILE:
    case EAGAIN:
      return absl::StatusCode::kUnavailable;
    case EROFS:
      return absl::StatusCode::kFailedPrecondition;
    case ESTALE:
      return absl::StatusCode::kAborted;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::Status ErrnoStatus(int error, absl::string_view path) {
  char buffer[256];
  // The GNU variant: returns the text, which need not be in the buffer.
  const char* reason = strerror_r(error, buffer, sizeof(buffer));
  return absl::Status(CodeOf(error), absl::StrCat(path, ": ", reason));
}

// Repeats a call that a signal interrupted.
template <typename Call>
auto Uninterrupted(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// A path with a NUL in it would name another file.
absl::Status CheckPath(const std::string& path) {
  if (path.find('\0') == std::string::npos) return absl::OkStatus();
  return absl::InternalError("path with a NUL byte: Invalid argument");
}

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    // Not repeated after EINTR: Linux has closed the descriptor all the same.
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

absl::StatusOr<Descriptor> Open(const std::string& path, int flags) {
  RETURN_IF_ERROR(CheckPath(path));
  const int fd =
      Uninterrupted([&] { return open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, 0644); });
  if (fd < 0) return ErrnoStatus(errno, path);
  return Descriptor(fd);
}

FileStat FromSystem(const struct stat& from) {
  return {.size_bytes = static_cast<uint64_t>(from.st_size),
          .device = from.st_dev,
          .inode = from.st_ino,
          .modified = absl::TimeFromTimespec(from.st_mtim),
          .owner_uid = from.st_uid,
          .is_directory = S_ISDIR(from.st_mode),
          .is_regular = S_ISREG(from.st_mode)};
}

absl::StatusOr<FileStat> StatDescriptor(int fd, const std::string& path) {
  struct stat result;
  if (Uninterrupted([&] { return fstat(fd, &result); }) < 0) return ErrnoStatus(errno, path);
  return FromSystem(result);
}

class PosixReadableFile : public ReadableFile {
 public:
  PosixReadableFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> out) override {
    size_t done = 0;
    while (done < out.size()) {
      const ssize_t result = Uninterrupted([&] {
        return pread(fd_.get(), out.data() + done, out.size() - done,
                     static_cast<off_t>(offset + done));
      });
      if (result < 0) {
        // What was read before the error is good; the error comes again with the next call.
        if (done > 0) return done;
        return ErrnoStatus(errno, path_);
      }
      if (result == 0) break;
      done += static_cast<size_t>(result);
    }
    return done;
  }
  absl::StatusOr<FileStat> Stat() override { return StatDescriptor(fd_.get(), path_); }
  void DropCache(uint64_t offset, uint64_t length_bytes) override {
    // Only a hint: where it fails the pages stay, and nothing else.
    (void)posix_fadvise(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(length_bytes),
                        POSIX_FADV_DONTNEED);
  }

 private:
  const Descriptor fd_;
  const std::string path_;
};

class PosixWritableFile : public WritableFile {
 public:
  PosixWritableFile(Descriptor fd, std::string path, uint64_t size_bytes)
      : fd_(std::move(fd)), path_(std::move(path)), size_bytes_(size_bytes) {}

  absl::Status Append(absl::string_view data) override { return WriteAt(size_bytes_, data); }
  absl::Status WriteAt(uint64_t offset, absl::string_view data) override {
    while (!data.empty()) {
      const ssize_t result = Uninterrupted(
          [&] { return pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset)); });
      if (result < 0) return ErrnoStatus(errno, path_);
      if (result == 0) return ErrnoStatus(EIO, path_);
      data.remove_prefix(static_cast<size_t>(result));
      offset += static_cast<uint64_t>(result);
      size_bytes_ = std::max(size_bytes_, offset);
    }
    return absl::OkStatus();
  }
  absl::Status Truncate(uint64_t size_bytes) override {
    if (Uninterrupted([&] { return ftruncate(fd_.get(), static_cast<off_t>(size_bytes)); }) < 0) {
      return ErrnoStatus(errno, path_);
    }
    size_bytes_ = size_bytes;
    return absl::OkStatus();
  }
  absl::Status Sync() override {
    if (Uninterrupted([&] { return fdatasync(fd_.get()); }) < 0) return ErrnoStatus(errno, path_);
    return absl::OkStatus();
  }
  uint64_t size_bytes() const override { return size_bytes_; }

 private:
  const Descriptor fd_;
  const std::string path_;
  uint64_t size_bytes_;
};

// syncfs reports failed writes since Linux 5.8.
bool KernelReportsSyncErrors() {
  struct utsname name;
  int major = 0;
  int minor = 0;
  if (uname(&name) < 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2) return false;
  return major > 5 || (major == 5 && minor >= 8);
}

// Local file systems known to pass failed writes on to syncfs. Not overlayfs, whose own superblock
// never sees them, nor anything that reaches a server.
bool ReportsSyncErrors(int fd) {
  constexpr std::array<uint64_t, 6> kMagics = {
      0xEF53,      // ext2, ext3, ext4
      0x58465342,  // XFS
      0x9123683E,  // Btrfs
      0xF2F52010,  // F2FS
      0xCA451A4E,  // bcachefs
      0x01021994,  // tmpfs
  };
  struct statfs result;
  if (Uninterrupted([&] { return fstatfs(fd, &result); }) < 0) return false;
  const auto magic = static_cast<uint64_t>(static_cast<uint32_t>(result.f_type));
  return std::find(kMagics.begin(), kMagics.end(), magic) != kMagics.end();
}

DirectoryEntry::Type TypeOf(unsigned char type) {
  switch (type) {
    case DT_UNKNOWN:
      return DirectoryEntry::Type::kUnknown;
    case DT_REG:
      return DirectoryEntry::Type::kRegular;
    case DT_DIR:
      return DirectoryEntry::Type::kDirectory;
    case DT_LNK:
      return DirectoryEntry::Type::kSymlink;
    default:
      return DirectoryEntry::Type::kOther;
  }
}

class PosixFileSystem : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<ReadableFile>> OpenReadable(const std::string& path) override {
    // O_NONBLOCK: a FIFO that took the place of a file must not block the one thread that reads.
    ASSIGN_OR_RETURN(Descriptor fd, Open(path, O_RDONLY | O_NONBLOCK));
    return std::make_unique<PosixReadableFile>(std::move(fd), path);
  }

  absl::StatusOr<std::unique_ptr<WritableFile>> OpenWritable(const std::string& path) override {
    ASSIGN_OR_RETURN(Descriptor fd, Open(path, O_WRONLY | O_CREAT));
    ASSIGN_OR_RETURN(const FileStat stat, StatDescriptor(fd.get(), path));
    return std::make_unique<PosixWritableFile>(std::move(fd), path, stat.size_bytes);
  }

  absl::StatusOr<FileStat> Stat(const std::string& path) override {
    RETURN_IF_ERROR(CheckPath(path));
    struct stat result;
    if (Uninterrupted([&] { return stat(path.c_str(), &result); }) < 0) {
      return ErrnoStatus(errno, path);
    }
    return FromSystem(result);
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    ASSIGN_OR_RETURN(std::vector<DirectoryEntry> entries, ListEntries(directory));
    std::vector<std::string> names;
    names.reserve(entries.size());
    for (DirectoryEntry& entry : entries) names.push_back(std::move(entry.name));
    return names;
  }

  absl::StatusOr<std::vector<DirectoryEntry>> ListEntries(const std::string& directory) override {
    RETURN_IF_ERROR(CheckPath(directory));
    // opendir sets O_CLOEXEC.
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(directory.c_str()), closedir);
    if (stream == nullptr) return ErrnoStatus(errno, directory);
    std::vector<DirectoryEntry> entries;
    while (true) {
      errno = 0;
      const struct dirent* entry = readdir(stream.get());
      if (entry == nullptr) {
        if (errno != 0) return ErrnoStatus(errno, directory);
        return entries;
      }
      const absl::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      entries.push_back({std::string(name), TypeOf(entry->d_type)});
    }
  }

  absl::StatusOr<std::string> RealPath(const std::string& path) override {
    RETURN_IF_ERROR(CheckPath(path));
    const std::unique_ptr<char, void (*)(void*)> real(realpath(path.c_str(), nullptr), std::free);
    if (real == nullptr) return ErrnoStatus(errno, path);
    return std::string(real.get());
  }

  absl::Status MakeDirectories(const std::string& directory) override {
    RETURN_IF_ERROR(CheckPath(directory));
    if (mkdir(directory.c_str(), 0755) == 0) return absl::OkStatus();
    int error = errno;
    const std::string parent(DirName(directory));
    if (error == ENOENT && parent != directory && parent != ".") {
      RETURN_IF_ERROR(MakeDirectories(parent));
      if (mkdir(directory.c_str(), 0755) == 0) return absl::OkStatus();
      error = errno;
    }
    // Whatever mkdir said (a read-only file system says so first), a directory that is there is OK.
    const absl::StatusOr<FileStat> stat = Stat(directory);
    if (stat.ok() && stat->is_directory) return absl::OkStatus();
    return ErrnoStatus(error, directory);
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    RETURN_IF_ERROR(CheckPath(from));
    RETURN_IF_ERROR(CheckPath(to));
    if (Uninterrupted([&] { return rename(from.c_str(), to.c_str()); }) < 0) {
      return ErrnoStatus(errno, absl::StrCat(from, " -> ", to));
    }
    return absl::OkStatus();
  }

  absl::Status Remove(const std::string& path) override {
    RETURN_IF_ERROR(CheckPath(path));
    if (Uninterrupted([&] { return std::remove(path.c_str()); }) < 0) {
      return ErrnoStatus(errno, path);
    }
    return absl::OkStatus();
  }

  absl::Status SyncDirectory(const std::string& directory) override {
    ASSIGN_OR_RETURN(const Descriptor fd, Open(directory, O_RDONLY | O_DIRECTORY));
    if (Uninterrupted([&] { return fsync(fd.get()); }) < 0) return ErrnoStatus(errno, directory);
    return absl::OkStatus();
  }

  absl::Status SyncFileSystem(const std::string& path) override {
    ASSIGN_OR_RETURN(const int fd, SyncDescriptor(path));
    if (Uninterrupted([&] { return syncfs(fd); }) < 0) return ErrnoStatus(errno, path);
    return absl::OkStatus();
  }

  absl::StatusOr<Space> FreeSpace(const std::string& path) override {
    RETURN_IF_ERROR(CheckPath(path));
    struct statvfs result;
    if (Uninterrupted([&] { return statvfs(path.c_str(), &result); }) < 0) {
      return ErrnoStatus(errno, path);
    }
    const bool read_only = (result.f_flag & ST_RDONLY) != 0;
    return Space{.free_bytes = read_only ? 0 : uint64_t{result.f_bavail} * result.f_frsize,
                 .total_bytes = uint64_t{result.f_blocks} * result.f_frsize};
  }

 private:
  struct SyncPoint {
    Descriptor fd;
    uint64_t device = 0;
  };

  // A descriptor on the file system of `path` that stays open: a failed write is reported once to
  // each descriptor that was open then, but to a new one only if nobody was told before.
  absl::StatusOr<int> SyncDescriptor(const std::string& path) {
    ASSIGN_OR_RETURN(const FileStat stat, Stat(path));
    MutexLock lock(&mu_);
    auto [found, is_new] = sync_points_.try_emplace(path);
    if (is_new || found->second.device != stat.device) {
      absl::StatusOr<Descriptor> fd = Open(path, O_RDONLY | O_NONBLOCK);
      if (fd.ok() && (!KernelReportsSyncErrors() || !ReportsSyncErrors(fd->get()))) {
        fd = absl::UnimplementedError(absl::StrCat(path, ": syncfs reports no failed writes here"));
      }
      if (!fd.ok()) {
        sync_points_.erase(found);
        return fd.status();
      }
      found->second.fd = *std::move(fd);
      found->second.device = stat.device;
    }
    // Stays valid: a sync point is replaced only when its file system was, which nobody syncs.
    return found->second.fd.get();
  }

  Mutex mu_;
  absl::flat_hash_map<std::string, SyncPoint> sync_points_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

FileSystem* RealFileSystem() {
  static FileSystem* const kFiles = new PosixFileSystem;
  return kFiles;
}

}  // namespace tributary
