#include "common/eventfile/inotify_notifier.h"

#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/eventfile/discovery.h"
#include "common/file.h"

namespace tributary {
namespace {

constexpr uint32_t kMask = IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO |
                           IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
// Told of event files only: other files may be written to all the time. That one was closed is told
// of all.
constexpr uint32_t kContentMask = IN_MODIFY | IN_ATTRIB;

constexpr size_t kReadBytes = 64u << 10;
// A writer that never rests must not keep one call of Changes busy for ever.
constexpr int kReadsMax = 16;

absl::Status ErrnoStatus(int error, absl::string_view what) {
  const std::string message = absl::StrCat(what, ": ", strerrordesc_np(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
      return absl::PermissionDeniedError(message);
    default:
      return absl::InternalError(message);
  }
}

}  // namespace

bool IsNetworkFileSystem(uint64_t file_system_type) {
  constexpr std::array<uint32_t, 20> kTypes = {
      0x00006969,  // NFS
      0x0000517B,  // SMB
      0xFE534D42,  // SMB 2 and 3
      0xFF534D42,  // CIFS
      0x65735546,  // FUSE: sshfs, GlusterFS, object stores, virtiofs
      0x0BD00BD0,  // Lustre
      0x47504653,  // GPFS
      0x00C36400,  // CephFS
      0x01021997,  // 9p
      0x19830326,  // BeeGFS
      0x20030528,  // OrangeFS
      0xAAD7AAEA,  // PanFS
      0x7461636F,  // OCFS2
      0x01161970,  // GFS2
      0x5346414F,  // OpenAFS
      0x6B414653,  // kAFS
      0x73757245,  // Coda
      0x0000564C,  // NCP
      0x786F4256,  // VirtualBox shared folders
      0xBACBACBC,  // VMware shared folders
  };
  const auto type = static_cast<uint32_t>(file_system_type);
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

InotifyNotifier::InotifyNotifier() : fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (fd_ < 0) {
    unusable_ = absl::ResourceExhaustedError(
        absl::StrCat("no inotify instance (fs.inotify.max_user_instances, open files): ",
                     strerrordesc_np(errno)));
  }
}

InotifyNotifier::~InotifyNotifier() {
  if (fd_ >= 0) close(fd_);
}

absl::Status InotifyNotifier::Watch(const std::string& directory) {
  if (fd_ < 0) return unusable_;
  struct statfs type;
  if (statfs(directory.c_str(), &type) < 0) return ErrnoStatus(errno, directory);
  if (IsNetworkFileSystem(static_cast<uint64_t>(type.f_type))) {
    return absl::UnimplementedError(absl::StrCat(directory, ": network file system"));
  }
  const int watch = inotify_add_watch(fd_, directory.c_str(), kMask);
  if (watch < 0) {
    if (errno == ENOSPC) {
      return absl::ResourceExhaustedError("no more watches (fs.inotify.max_user_watches)");
    }
    return ErrnoStatus(errno, directory);
  }
  auto [known, is_new] = watch_by_directory_.try_emplace(directory, watch);
  if (!is_new && known->second == watch) return absl::OkStatus();
  if (!is_new) {
    // Another directory took the path.
    Unwatch(directory);
    watch_by_directory_[directory] = watch;
  }
  directories_by_watch_[watch].push_back(directory);
  return absl::OkStatus();
}

void InotifyNotifier::Unwatch(const std::string& directory) {
  const auto known = watch_by_directory_.find(directory);
  if (known == watch_by_directory_.end()) return;
  const int watch = known->second;
  watch_by_directory_.erase(known);
  const auto paths = directories_by_watch_.find(watch);
  if (paths == directories_by_watch_.end()) return;
  std::erase(paths->second, directory);
  if (!paths->second.empty()) return;
  directories_by_watch_.erase(paths);
  // Fails where the kernel dropped the watch first, with the directory: the same result.
  (void)inotify_rm_watch(fd_, watch);
}

std::vector<std::string> InotifyNotifier::Changes(bool* overflowed) {
  absl::flat_hash_set<std::string> paths;
  alignas(struct inotify_event) char buffer[kReadBytes];
  for (int reads = 0; fd_ >= 0 && reads < kReadsMax; ++reads) {
    const ssize_t size = read(fd_, buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    Event last;
    for (const char* at = buffer; at < buffer + size;) {
      struct inotify_event header;
      std::memcpy(&header, at, sizeof(header));
      // The name is padded with NULs to `len`.
      const char* name = at + sizeof(header);
      const Event event = {header.wd, header.mask,
                           absl::string_view(name, strnlen(name, header.len))};
      at += sizeof(header) + header.len;
      // A busy file alone in the queue: one path is enough.
      if (event.watch == last.watch && event.mask == last.mask && event.name == last.name) continue;
      last = event;
      Take(event, &paths, overflowed);
    }
  }
  return {paths.begin(), paths.end()};
}

void InotifyNotifier::Take(const Event& event, absl::flat_hash_set<std::string>* paths,
                           bool* overflowed) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) {
    *overflowed = true;
    return;
  }
  const auto watched = directories_by_watch_.find(event.watch);
  if (watched == directories_by_watch_.end()) return;
  if ((event.mask & IN_IGNORED) != 0) {
    // The kernel dropped the watch. The owner has been told by the event before this one.
    for (const std::string& directory : watched->second) watch_by_directory_.erase(directory);
    directories_by_watch_.erase(watched);
    return;
  }
  if (event.name.empty()) {
    paths->insert(watched->second.begin(), watched->second.end());
    return;
  }
  const bool only_content = (event.mask & ~(kContentMask | IN_ISDIR)) == 0;
  if (only_content && (event.mask & IN_ISDIR) == 0 && !IsEventFileName(event.name)) return;
  for (const std::string& directory : watched->second) {
    paths->insert(JoinPath(directory, event.name));
  }
}

std::unique_ptr<ChangeNotifier> MakeInotifyNotifier() {
  return std::make_unique<InotifyNotifier>();
}

}  // namespace tributary
