#include "common/eventfile/discovery.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"

namespace tributary {

bool IsEventFileName(absl::string_view base_name) {
  return absl::StrContains(base_name, "tfevents") &&
         !absl::EndsWith(base_name, ".sagemaker-uploaded");
}

Discovery::Discovery(const Options& options, FileSystem* files, ChangeNotifier* notifier)
    : options_(options), file_system_(files), notifier_(notifier) {
  for (size_t i = 0; i < options_.roots.size(); ++i) {
    Directory root;
    root.path = options_.roots[i];
    root.root = static_cast<int>(i);
    root.boundary = static_cast<DirectoryId>(i);
    directory_by_path_.emplace(root.path, static_cast<DirectoryId>(i));
    directories_.push_back(std::move(root));
    sweep_clean_.push_back(false);
  }
}

void Discovery::StartSweep() {
  sweep_.clear();
  watches_exhausted_ = absl::OkStatus();
  for (size_t i = 0; i < sweep_clean_.size(); ++i) {
    sweep_clean_[i] = true;
    sweep_.push_back(static_cast<DirectoryId>(i));
  }
}

void Discovery::Step(News* news) {
  // New directories first: in a sweep of a large tree they must not wait for its end.
  const bool of_sweep = fresh_.empty();
  std::deque<DirectoryId>& queue = of_sweep ? sweep_ : fresh_;
  if (queue.empty()) return;
  const DirectoryId id = queue.front();
  queue.pop_front();
  List(id, news);
  if (!of_sweep || !directories_[id].present) return;
  for (const auto& [name, below] : directories_[id].directories) {
    if (directories_[below].present) sweep_.push_back(below);
  }
}

void Discovery::Changed(const std::string& path, News* news) {
  const auto itself = directory_by_path_.find(path);
  if (itself != directory_by_path_.end()) List(itself->second, news);
  const auto parent = directory_by_path_.find(DirName(path));
  if (parent == directory_by_path_.end()) return;
  const std::string name(BaseName(path));
  const Directory& directory = directories_[parent->second];
  const auto known = directory.files.find(name);
  if (known == directory.files.end()) {
    if (!directory.directories.contains(name) || itself == directory_by_path_.end()) {
      TakeUnknown(parent->second, name, news);
    }
  } else if (files_[known->second].listed) {
    news->seen.push_back(known->second);
  } else {
    TakeUnknown(parent->second, name, news);
  }
}

void Discovery::List(DirectoryId id, News* news) {
  const absl::Status listed = ListEntries(id, news);
  news->listed.push_back(id);
  if (listed.ok()) {
    directories_[id].error = absl::OkStatus();
    unlisted_.erase(id);
    return;
  }
  Fail(id, listed, news);
  if (absl::IsNotFound(listed)) Vanish(id, news);
}

absl::Status Discovery::ListEntries(DirectoryId id, News* news) {
  ASSIGN_OR_RETURN(const FileStat stat, file_system_->Stat(directories_[id].path));
  if (!stat.is_directory) {
    return absl::NotFoundError(absl::StrCat(directories_[id].path, ": not a directory"));
  }
  ASSIGN_OR_RETURN(const bool followed, IsFollowed(id, stat));
  if (!followed) {
    Vanish(id, news);
    return absl::OkStatus();
  }
  directories_[id].present = true;
  directories_[id].device = stat.device;
  directories_[id].inode = stat.inode;
  directories_[id].modified = stat.modified;
  // Watched before it is listed: what appears meanwhile is in the list, in the events, or in both.
  WatchDirectory(id);
  const std::optional<std::string>* const next = NextName(id);
  if (next != nullptr && next->has_value()) return ListOne(id, **next, news);
  ASSIGN_OR_RETURN(const std::vector<DirectoryEntry> entries,
                   file_system_->ListEntries(directories_[id].path));
  names_in_listing_.clear();
  for (const DirectoryEntry& entry : entries) {
    names_in_listing_.insert(entry.name);
    TakeEntry(id, entry, news);
  }
  VanishUnseen(id, news);
  return absl::OkStatus();
}

// Looks for the one name of interest: a home directory may be large, or may be entered and not
// read.
absl::Status Discovery::ListOne(DirectoryId id, const std::string& name, News* news) {
  names_in_listing_.clear();
  const absl::StatusOr<FileStat> stat = file_system_->Stat(JoinPath(directories_[id].path, name));
  if (stat.ok() && stat->is_directory) {
    names_in_listing_.insert(name);
    TakeDirectory(id, name, /*link=*/true);
  } else if (!stat.ok() && !absl::IsNotFound(stat.status())) {
    return stat.status();
  }
  VanishUnseen(id, news);
  return absl::OkStatus();
}

const std::optional<std::string>* Discovery::NextName(DirectoryId id) const {
  const Directory& directory = directories_[id];
  const auto root = static_cast<size_t>(directory.root);
  if (root >= options_.patterns.size()) return nullptr;
  const PathPattern& pattern = options_.patterns[root];
  const auto depth = static_cast<size_t>(directory.depth);
  return depth < pattern.size() ? &pattern[depth] : nullptr;
}

absl::StatusOr<bool> Discovery::IsFollowed(DirectoryId id, const FileStat& stat) {
  Directory& directory = directories_[id];
  if (is_root(id) || directory.link) {
    ASSIGN_OR_RETURN(std::string real, file_system_->RealPath(directory.path));
    const DirectoryId above = directory.boundary == id ? directory.parent : directory.boundary;
    if (!is_root(id) && !IsBelow(real, above)) return false;
    if (directory.boundary == id) directory.real_path = std::move(real);
  } else if (directory.boundary == id) {
    directory.real_path =
        JoinPath(directories_[directory.parent].real_path, BaseName(directory.path));
  }
  // Its own ancestor: a link or a bind mount that leads upwards.
  for (DirectoryId at = directory.parent; at != kNoDirectory; at = directories_[at].parent) {
    if (directories_[at].device == stat.device && directories_[at].inode == stat.inode)
      return false;
  }
  return true;
}

void Discovery::WatchDirectory(DirectoryId id) {
  if (notifier_ == nullptr) return;
  Directory& directory = directories_[id];
  if (!directory.watched && !watches_exhausted_.ok()) return;
  const absl::Status status = notifier_->Watch(directory.path);
  directory.watched = status.ok();
  if (absl::IsResourceExhausted(status)) watches_exhausted_ = status;
}

void Discovery::TakeEntry(DirectoryId id, const DirectoryEntry& entry, News* news) {
  // Whatever led to a boundary, it counts from there.
  const bool link = directories_[id].boundary != id && directories_[id].link;
  switch (entry.type) {
    case DirectoryEntry::Type::kRegular:
      if (Wants(id, entry.name)) TakeFile(id, entry.name, link, news);
      break;
    case DirectoryEntry::Type::kDirectory:
      TakeDirectory(id, entry.name, link);
      break;
    case DirectoryEntry::Type::kSymlink:
    case DirectoryEntry::Type::kUnknown:
      TakeUnknown(id, entry.name, news);
      break;
    case DirectoryEntry::Type::kOther:
      break;
  }
}

bool Discovery::Wants(DirectoryId directory, absl::string_view name) const {
  if (NextName(directory) != nullptr) return false;
  if (IsEventFileName(name)) return true;
  if (options_.side_files == nullptr) return false;
  const Directory& place = directories_[directory];
  return options_.side_files->Wants(place.root, JoinPath(place.relative_path, name));
}

// A name of which it is not known what it is, or whether a link leads to it.
void Discovery::TakeUnknown(DirectoryId id, const std::string& name, News* news) {
  const absl::StatusOr<FileStat> stat = file_system_->Stat(JoinPath(directories_[id].path, name));
  // A dangling link, or gone again by now: the next listing will tell.
  if (!stat.ok()) return;
  if (stat->is_directory) {
    TakeDirectory(id, name, /*link=*/true);
  } else if (stat->is_regular && Wants(id, name)) {
    TakeFile(id, name, /*link=*/true, news);
  }
}

void Discovery::TakeFile(DirectoryId id, const std::string& name, bool link, News* news) {
  Directory& directory = directories_[id];
  const auto known = directory.files.find(name);
  if (known != directory.files.end()) {
    File& file = files_[known->second];
    (file.listed ? news->seen : news->appeared).push_back(known->second);
    file.listed = true;
    file.link = link;
    return;
  }
  if (files_.size() >= options_.files_max) {
    files_exceeded_ = true;
    return;
  }
  const auto file_id = static_cast<TailedFileId>(files_.size());
  files_.push_back({.directory = id, .name = name, .listed = true, .link = link});
  directory.files.emplace(files_.back().name, file_id);
  news->appeared.push_back(file_id);
}

DirectoryId Discovery::TakeDirectory(DirectoryId parent, const std::string& name, bool link) {
  // At the top of a volume, root's alone: it would look like a loss for ever.
  if (name == "lost+found") return kNoDirectory;
  const std::optional<std::string>* const next = NextName(parent);
  if (next != nullptr && (next->has_value() ? name != **next : absl::StartsWith(name, "."))) {
    return kNoDirectory;
  }
  const auto known = directories_[parent].directories.find(name);
  if (known != directories_[parent].directories.end()) {
    const DirectoryId id = known->second;
    directories_[id].link = link;
    if (!directories_[id].present) fresh_.push_back(id);
    return id;
  }
  if (directories_[parent].depth >= options_.depth_max ||
      directories_.size() >= options_.directories_max) {
    directories_exceeded_ = true;
    return kNoDirectory;
  }
  const auto id = static_cast<DirectoryId>(directories_.size());
  Directory directory;
  directory.path = JoinPath(directories_[parent].path, name);
  directory.relative_path = JoinPath(directories_[parent].relative_path, name);
  directory.root = directories_[parent].root;
  directory.depth = directories_[parent].depth + 1;
  directory.parent = parent;
  directory.link = link;
  // Where the parent is on the way, this is or may become a match.
  directory.boundary = next != nullptr ? id : directories_[parent].boundary;
  directory_by_path_.emplace(directory.path, id);
  directories_.push_back(std::move(directory));
  directories_[parent].directories.emplace(name, id);
  fresh_.push_back(id);
  return id;
}

void Discovery::VanishUnseen(DirectoryId id, News* news) {
  for (const auto& [name, file] : directories_[id].files) {
    if (names_in_listing_.contains(name) || !files_[file].listed) continue;
    files_[file].listed = false;
    news->vanished.push_back(file);
  }
  for (const auto& [name, below] : directories_[id].directories) {
    if (!names_in_listing_.contains(name)) VanishIfKnown(below, news);
  }
}

void Discovery::Fail(DirectoryId id, const absl::Status& status, News* news) {
  const bool another = directories_[id].error.code() != status.code();
  directories_[id].error = status;
  if (!absl::IsNotFound(status) && (unlisted_.insert(id).second || another)) {
    news->failed.push_back(id);
  }
  sweep_clean_[static_cast<size_t>(directories_[id].root)] = false;
}

void Discovery::Vanish(DirectoryId id, News* news) {
  Directory& directory = directories_[id];
  if (directory.watched) notifier_->Unwatch(directory.path);
  directory.watched = false;
  directory.present = false;
  unlisted_.erase(id);
  for (const auto& [name, file] : directory.files) {
    if (!files_[file].listed) continue;
    files_[file].listed = false;
    news->vanished.push_back(file);
  }
  for (const auto& [name, below] : directory.directories) {
    VanishIfKnown(below, news);
  }
}

void Discovery::VanishIfKnown(DirectoryId id, News* news) {
  if (directories_[id].present || unlisted_.contains(id)) Vanish(id, news);
}

std::string Discovery::path(TailedFileId id) const {
  return JoinPath(directories_[files_[id].directory].path, files_[id].name);
}

std::string Discovery::relative_path(TailedFileId id) const {
  return JoinPath(directories_[files_[id].directory].relative_path, files_[id].name);
}

bool Discovery::through_link(TailedFileId id) const { return files_[id].link; }

absl::StatusOr<bool> Discovery::IsInside(TailedFileId id, const FileStat& stat) {
  ASSIGN_OR_RETURN(const std::string real, file_system_->RealPath(path(id)));
  ASSIGN_OR_RETURN(const FileStat there, file_system_->Stat(real));
  if (there.device != stat.device || there.inode != stat.inode) {
    return absl::AbortedError(absl::StrCat(path(id), ": leads to another file by now"));
  }
  return IsBelow(real, directories_[directory(id)].boundary);
}

bool Discovery::IsBelow(absl::string_view real_path, DirectoryId boundary) const {
  const std::string& above = directories_[boundary].real_path;
  if (above == "/") return true;
  return absl::StartsWith(real_path, above) && real_path.size() > above.size() &&
         real_path[above.size()] == '/';
}

std::string Discovery::status() const {
  std::vector<std::string> parts;
  if (!watches_exhausted_.ok()) {
    parts.push_back(absl::StrCat("inotify: ", watches_exhausted_.message(), ", sweeping"));
  }
  if (directories_exceeded_) {
    parts.push_back(absl::StrCat("directories deeper than ", options_.depth_max, " or beyond ",
                                 options_.directories_max, " are left out"));
  }
  if (files_exceeded_) {
    parts.push_back(absl::StrCat("files beyond ", options_.files_max, " are left out"));
  }
  return absl::StrJoin(parts, "; ");
}

}  // namespace tributary
