#include "agent/ports/running_tensorboards.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "common/status_macros.h"

namespace tributary::agent {
namespace {

constexpr size_t kInfoBytesMax = 64u << 10;
// Beyond it somebody plays with the directory.
constexpr size_t kFilesMax = 1'000;

absl::StatusOr<RunningTensorboard> ReadInfo(const std::string& path, FileSystem* files) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ReadableFile> file, files->OpenReadable(path));
  ASSIGN_OR_RETURN(const FileStat stat, file->Stat());
  if (!stat.is_regular || stat.size_bytes > kInfoBytesMax) {
    return absl::InvalidArgumentError("it is no small file");
  }
  std::string text(stat.size_bytes, '\0');
  ASSIGN_OR_RETURN(const size_t length, file->ReadAt(0, absl::MakeSpan(text.data(), text.size())));
  text.resize(length);
  RunningTensorboard found;
  ASSIGN_OR_RETURN(found.info, ParseTensorboardInfo(text));
  found.owner_uid = stat.owner_uid;
  return found;
}

}  // namespace

std::string TensorboardInfoDirectory(const Environment& environment) {
  for (const char* const name : {"TMPDIR", "TEMP", "TMP"}) {
    const std::optional<std::string> directory = environment(name);
    if (directory.has_value() && !directory->empty()) {
      return JoinPath(*directory, ".tensorboard-info");
    }
  }
  return "/tmp/.tensorboard-info";
}

std::vector<RunningTensorboard> FindRunningTensorboards(const std::string& directory,
                                                        FileSystem* files, Ports* ports) {
  std::vector<RunningTensorboard> running;
  const absl::StatusOr<std::vector<DirectoryEntry>> entries = files->ListEntries(directory);
  if (!entries.ok()) return running;
  size_t looked_at = 0;
  for (const DirectoryEntry& entry : *entries) {
    const std::optional<int64_t> pid = PidInInfoName(entry.name);
    // A link could lead to a file of somebody else, whose word would then count as his.
    if (!pid.has_value() || entry.type == DirectoryEntry::Type::kSymlink) continue;
    if (++looked_at > kFilesMax) break;
    absl::StatusOr<RunningTensorboard> found = ReadInfo(JoinPath(directory, entry.name), files);
    if (!found.ok() || found->info.pid != *pid) continue;
    if (!ports->IsListenerOf(found->info.port, *pid, found->owner_uid)) continue;
    running.push_back(*std::move(found));
  }
  std::sort(running.begin(), running.end(), [](const auto& a, const auto& b) {
    return std::pair(a.info.port, a.info.pid) < std::pair(b.info.port, b.info.pid);
  });
  return running;
}

}  // namespace tributary::agent
