#include "agent/mounts.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace tributary::agent {
namespace {

// Types of file systems that several machines mount. A type that is missing here only means that a
// file is not known to be shared: its streams stay apart by node.
bool IsNetworkType(absl::string_view type) {
  constexpr absl::string_view kTypes[] = {
      "nfs",          "nfs4",         "cifs",         "smb3",           "smbfs",
      "lustre",       "ceph",         "fuse.ceph",    "beegfs",         "gpfs",
      "afs",          "9p",           "ocfs2",        "gfs2",           "pvfs2",
      "wekafs",       "panfs",        "virtiofs",     "fuse.glusterfs", "fuse.sshfs",
      "fuse.juicefs", "fuse.JuiceFS", "fuse.gcsfuse", "fuse.s3fs",      "fuse.mount-s3",
      "fuse.quobyte", "fuse.moosefs", "fuse.mfs"};
  return std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes);
}

// The kernel writes space, tab, newline and backslash as three octal digits.
std::string Unescape(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](size_t k) { return text[i + k] >= '0' && text[i + k] <= '7'; };
    if (text[i] == '\\' && i + 3 < text.size() && digit(1) && digit(2) && digit(3)) {
      const int value = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
      out.push_back(static_cast<char>(value));
      i += 3;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

// The part of `path` below `directory`, with leading '/' or empty; nullopt if it is not below.
std::optional<absl::string_view> Below(absl::string_view path, absl::string_view directory) {
  if (directory == "/") return path;
  if (!absl::StartsWith(path, directory)) return std::nullopt;
  path.remove_prefix(directory.size());
  if (!path.empty() && path.front() != '/') return std::nullopt;
  return path;
}

}  // namespace

MountTable::MountTable(absl::string_view mountinfo) {
  for (const absl::string_view line : absl::StrSplit(mountinfo, '\n')) {
    // id parent device root point options [optional...] - type source options
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 9 || dash - fields.begin() < 6 || fields.end() - dash < 3) continue;
    mounts_.push_back(
        {Unescape(fields[4]), Unescape(fields[3]), Unescape(dash[2]), IsNetworkType(dash[1])});
  }
}

std::optional<NetworkPlace> MountTable::Find(absl::string_view path) const {
  const Mount* best = nullptr;
  absl::string_view below;
  for (const Mount& mount : mounts_) {
    const std::optional<absl::string_view> part = Below(path, mount.point);
    // Of two mounts on one point, the later one hides the earlier.
    if (part.has_value() && (best == nullptr || mount.point.size() >= best->point.size())) {
      best = &mount;
      below = *part;
    }
  }
  if (best == nullptr || !best->network) return std::nullopt;
  return NetworkPlace{best->source,
                      best->root == "/" ? std::string(below) : absl::StrCat(best->root, below)};
}

}  // namespace tributary::agent
