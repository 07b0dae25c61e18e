#include "tests/support/fake_file_system.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/check.h"
#include "common/status_macros.h"
#include "tests/support/fake_file_system_inode.h"

namespace tributary {
namespace {

constexpr int kSymlinksMax = 40;

absl::Status NotFound(const std::string& path) {
  return absl::NotFoundError(absl::StrCat(path, ": No such file or directory"));
}
absl::Status NotADirectory(const std::string& path) {
  return absl::NotFoundError(absl::StrCat(path, ": Not a directory"));
}
absl::Status MachineCrashed(const std::string& path) {
  return absl::InternalError(absl::StrCat(path, ": opened before the machine crashed"));
}

void CheckOk(const absl::Status& status) { CHECK(status.ok(), status.ToString()); }

}  // namespace

class FakeFileSystem::Readable : public ReadableFile {
 public:
  Readable(FakeFileSystem* files, InodePtr inode, std::string path, uint64_t epoch)
      : files_(files),
        inode_(std::move(inode)),
        path_(std::move(path)),
        epoch_(epoch),
        stale_count_(inode_->stale_count) {}
  ~Readable() override { files_->CloseHandle(inode_, epoch_); }

  absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> out) override {
    RETURN_IF_ERROR(files_->Admit(Call::kRead, path_));
    MutexLock lock(&files_->mu_);
    RETURN_IF_ERROR(Usable());
    if (offset >= inode_->content.size()) return 0;
    const size_t size = std::min(out.size(), inode_->content.size() - offset);
    std::memcpy(out.data(), inode_->content.data() + offset, size);
    return size;
  }
  absl::StatusOr<FileStat> Stat() override {
    RETURN_IF_ERROR(files_->Admit(Call::kStat, path_));
    MutexLock lock(&files_->mu_);
    RETURN_IF_ERROR(Usable());
    return files_->StatLocked(*inode_);
  }
  void DropCache(uint64_t, uint64_t) override {}

 private:
  absl::Status Usable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(files_->mu_) {
    if (epoch_ != files_->epoch_) return MachineCrashed(path_);
    if (stale_count_ != inode_->stale_count) {
      return absl::AbortedError(absl::StrCat(path_, ": Stale file handle"));
    }
    return absl::OkStatus();
  }

  FakeFileSystem* const files_;
  const InodePtr inode_;
  const std::string path_;
  const uint64_t epoch_;
  const int stale_count_;
};

class FakeFileSystem::Writable : public WritableFile {
 public:
  Writable(FakeFileSystem* files, InodePtr inode, std::string path, uint64_t epoch)
      : files_(files),
        inode_(std::move(inode)),
        path_(std::move(path)),
        epoch_(epoch),
        size_bytes_(inode_->content.size()) {}
  ~Writable() override { files_->CloseHandle(inode_, epoch_); }

  absl::Status Append(absl::string_view data) override { return Write(size_bytes_, data); }
  absl::Status WriteAt(uint64_t offset, absl::string_view data) override {
    return Write(offset, data);
  }
  absl::Status Truncate(uint64_t size_bytes) override {
    RETURN_IF_ERROR(files_->Admit(Call::kTruncate, path_));
    MutexLock lock(&files_->mu_);
    if (epoch_ != files_->epoch_) return MachineCrashed(path_);
    files_->ResizeLocked(inode_.get(), size_bytes);
    size_bytes_ = size_bytes;
    return absl::OkStatus();
  }
  absl::Status Sync() override {
    const absl::Status admitted = files_->Admit(Call::kSync, path_);
    MutexLock lock(&files_->mu_);
    if (epoch_ != files_->epoch_) return MachineCrashed(path_);
    if (!admitted.ok()) {
      files_->FailSyncLocked(inode_.get());
      return admitted;
    }
    files_->SyncInodeLocked(inode_.get());
    return absl::OkStatus();
  }
  uint64_t size_bytes() const override { return size_bytes_; }

 private:
  absl::Status Write(uint64_t offset, absl::string_view data) {
    uint64_t written_bytes = 0;
    const absl::Status admitted = files_->Admit(Call::kWrite, path_, &written_bytes);
    {
      MutexLock lock(&files_->mu_);
      if (epoch_ != files_->epoch_) return MachineCrashed(path_);
    }
    if (!admitted.ok()) data = data.substr(0, written_bytes);
    const absl::Status written = files_->WriteBounded(inode_, path_, offset, data);
    MutexLock lock(&files_->mu_);
    size_bytes_ = std::max<uint64_t>(size_bytes_, inode_->content.size());
    return admitted.ok() ? written : admitted;
  }

  FakeFileSystem* const files_;
  const InodePtr inode_;
  const std::string path_;
  const uint64_t epoch_;
  uint64_t size_bytes_;
};

FakeFileSystem::FakeFileSystem(Clock* clock) : clock_(clock), root_(std::make_shared<Inode>()) {
  root_->number = 1;
  root_->type = Inode::Type::kDirectory;
  root_->linked = true;
  root_->modified = clock_->Wall();
}

FakeFileSystem::~FakeFileSystem() = default;

absl::Status FakeFileSystem::Admit(Call call, const std::string& path, uint64_t* written_bytes) {
  Interceptor interceptor;
  {
    MutexLock lock(&mu_);
    ++calls_[static_cast<size_t>(call)];
    interceptor = interceptor_;
  }
  if (interceptor != nullptr) RETURN_IF_ERROR(interceptor(call, path));
  MutexLock lock(&mu_);
  for (auto fault = faults_.begin(); fault != faults_.end(); ++fault) {
    if (fault->call != call || !absl::StrContains(path, fault->path_contains)) continue;
    if (fault->after > 0) {
      --fault->after;
      continue;
    }
    const absl::Status status = fault->status;
    if (written_bytes != nullptr) *written_bytes = fault->written_bytes;
    if (fault->times != kForEver && --fault->times == 0) faults_.erase(fault);
    return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
  }
  return absl::OkStatus();
}

// Walks the components, replacing each symbolic link by its target.
absl::StatusOr<FakeFileSystem::Resolved> FakeFileSystem::ResolveLocked(const std::string& path,
                                                                       bool follow_last) {
  std::deque<std::string> rest = absl::StrSplit(path, '/', absl::SkipEmpty());
  std::vector<std::pair<std::string, InodePtr>> walked;
  int symlinks = 0;
  while (!rest.empty()) {
    const std::string name = rest.front();
    rest.pop_front();
    if (name == ".") continue;
    if (name == "..") {
      if (!walked.empty()) walked.pop_back();
      continue;
    }
    const InodePtr parent = walked.empty() ? root_ : walked.back().second;
    if (parent == nullptr) return NotFound(path);
    if (parent->type != Inode::Type::kDirectory) return NotADirectory(path);
    auto found = parent->names.find(name);
    InodePtr inode = found == parent->names.end() ? nullptr : found->second;
    if (inode != nullptr && inode->type == Inode::Type::kSymlink &&
        (follow_last || !rest.empty())) {
      if (++symlinks > kSymlinksMax) {
        return absl::InternalError(absl::StrCat(path, ": Too many levels of symbolic links"));
      }
      if (absl::StartsWith(inode->target, "/")) walked.clear();
      const std::vector<std::string> target = absl::StrSplit(inode->target, '/', absl::SkipEmpty());
      rest.insert(rest.begin(), target.begin(), target.end());
      continue;
    }
    walked.emplace_back(name, std::move(inode));
  }
  Resolved resolved;
  if (walked.empty()) {
    resolved.inode = root_;
    resolved.canonical = std::string(1, '/');
    return resolved;
  }
  for (const auto& [name, inode] : walked) absl::StrAppend(&resolved.canonical, "/", name);
  resolved.name = walked.back().first;
  resolved.inode = walked.back().second;
  resolved.parent = walked.size() == 1 ? root_ : walked[walked.size() - 2].second;
  return resolved;
}

absl::StatusOr<FakeFileSystem::InodePtr> FakeFileSystem::FindLocked(const std::string& path) {
  ASSIGN_OR_RETURN(Resolved resolved, ResolveLocked(path, /*follow_last=*/true));
  if (resolved.inode == nullptr) return NotFound(path);
  return resolved.inode;
}

absl::StatusOr<FakeFileSystem::InodePtr> FakeFileSystem::FindDirectoryLocked(
    const std::string& path) {
  ASSIGN_OR_RETURN(InodePtr inode, FindLocked(path));
  if (inode->type != Inode::Type::kDirectory) return NotADirectory(path);
  return inode;
}

FakeFileSystem::InodePtr FakeFileSystem::NewInodeLocked() {
  auto inode = std::make_shared<Inode>();
  if (reuse_inode_numbers_ && !free_inode_numbers_.empty()) {
    inode->number = free_inode_numbers_.back();
    free_inode_numbers_.pop_back();
  } else {
    inode->number = next_inode_number_++;
  }
  inode->modified = clock_->Wall();
  return inode;
}

absl::StatusOr<FakeFileSystem::InodePtr> FakeFileSystem::FindOrMakeFileLocked(
    const std::string& path) {
  ASSIGN_OR_RETURN(Resolved resolved, ResolveLocked(path, /*follow_last=*/true));
  if (resolved.inode != nullptr) return resolved.inode;
  if (resolved.parent == nullptr) return NotFound(path);
  const InodePtr inode = NewInodeLocked();
  ChangeNamesLocked({{resolved.parent, resolved.name, {inode, 0}}});
  return inode;
}

// Makes the changes visible, and pending until their directories are synced.
void FakeFileSystem::ChangeNamesLocked(std::vector<NameChange> changes) {
  ChangeGroup group;
  std::vector<InodePtr> replaced;
  for (NameChange& change : changes) {
    change.now.sequence = next_sequence_++;
    group.unsynced.insert(change.directory.get());
    auto& names = change.directory->names;
    if (auto old = names.find(change.name); old != names.end()) {
      old->second->linked = false;
      replaced.push_back(old->second);
      names.erase(old);
    }
  }
  for (const NameChange& change : changes) {
    change.directory->modified = clock_->Wall();
    if (change.now.inode == nullptr) continue;
    change.now.inode->linked = true;
    change.directory->names[change.name] = change.now.inode;
  }
  for (const InodePtr& inode : replaced) ReleaseLocked(inode.get());
  group.changes = std::move(changes);
  pending_.push_back(std::move(group));
}

// Gives space and number back once nothing refers to the inode.
void FakeFileSystem::ReleaseLocked(Inode* inode) {
  if (inode->linked || inode->open_handles > 0) return;
  used_bytes_ -= inode->content.size();
  inode->content.clear();
  free_inode_numbers_.push_back(inode->number);
}

void FakeFileSystem::CloseHandle(const InodePtr& inode, uint64_t epoch) {
  MutexLock lock(&mu_);
  if (epoch != epoch_) return;
  --open_files_;
  --inode->open_handles;
  ReleaseLocked(inode.get());
}

absl::StatusOr<std::unique_ptr<ReadableFile>> FakeFileSystem::OpenReadable(
    const std::string& path) {
  RETURN_IF_ERROR(Admit(Call::kOpen, path));
  MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(InodePtr inode, FindLocked(path));
  if (open_files_ >= open_files_max_) {
    return absl::UnavailableError(absl::StrCat(path, ": Too many open files"));
  }
  ++open_files_;
  ++inode->open_handles;
  return std::make_unique<Readable>(this, inode, path, epoch_);
}

absl::StatusOr<std::unique_ptr<WritableFile>> FakeFileSystem::OpenWritable(
    const std::string& path) {
  RETURN_IF_ERROR(Admit(Call::kOpen, path));
  MutexLock lock(&mu_);
  if (open_files_ >= open_files_max_) {
    return absl::UnavailableError(absl::StrCat(path, ": Too many open files"));
  }
  ASSIGN_OR_RETURN(InodePtr inode, FindOrMakeFileLocked(path));
  if (inode->type != Inode::Type::kFile) {
    return absl::InternalError(absl::StrCat(path, ": Is a directory"));
  }
  ++open_files_;
  ++inode->open_handles;
  return std::make_unique<Writable>(this, inode, path, epoch_);
}

FileStat FakeFileSystem::StatLocked(const Inode& inode) {
  return {.size_bytes = inode.content.size(),
          .device = 1,
          .inode = inode.number,
          .modified = inode.modified,
          .owner_uid = inode.owner_uid,
          .is_directory = inode.type == Inode::Type::kDirectory,
          .is_regular = inode.type == Inode::Type::kFile};
}

absl::StatusOr<FileStat> FakeFileSystem::Stat(const std::string& path) {
  RETURN_IF_ERROR(Admit(Call::kStat, path));
  MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(InodePtr inode, FindLocked(path));
  return StatLocked(*inode);
}

absl::StatusOr<std::vector<std::string>> FakeFileSystem::List(const std::string& directory) {
  ASSIGN_OR_RETURN(std::vector<DirectoryEntry> entries, ListEntries(directory));
  std::vector<std::string> names;
  for (DirectoryEntry& entry : entries) names.push_back(std::move(entry.name));
  return names;
}

absl::StatusOr<std::vector<DirectoryEntry>> FakeFileSystem::ListEntries(
    const std::string& directory) {
  RETURN_IF_ERROR(Admit(Call::kList, directory));
  MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(InodePtr inode, FindDirectoryLocked(directory));
  std::vector<DirectoryEntry> entries;
  for (const auto& [name, child] : inode->names) {
    DirectoryEntry::Type type = DirectoryEntry::Type::kRegular;
    if (child->type == Inode::Type::kDirectory) type = DirectoryEntry::Type::kDirectory;
    if (child->type == Inode::Type::kSymlink) type = DirectoryEntry::Type::kSymlink;
    entries.push_back({name, type});
  }
  return entries;
}

absl::StatusOr<std::string> FakeFileSystem::RealPath(const std::string& path) {
  RETURN_IF_ERROR(Admit(Call::kRealPath, path));
  MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(Resolved resolved, ResolveLocked(path, /*follow_last=*/true));
  if (resolved.inode == nullptr) return NotFound(path);
  return resolved.canonical;
}

absl::Status FakeFileSystem::MakeDirectories(const std::string& directory) {
  RETURN_IF_ERROR(Admit(Call::kMakeDirectories, directory));
  MutexLock lock(&mu_);
  return MakeDirectoriesLocked(directory);
}

absl::Status FakeFileSystem::MakeDirectoriesLocked(const std::string& directory) {
  std::string path;
  for (absl::string_view name : absl::StrSplit(directory, '/', absl::SkipEmpty())) {
    absl::StrAppend(&path, "/", name);
    ASSIGN_OR_RETURN(Resolved resolved, ResolveLocked(path, /*follow_last=*/true));
    if (resolved.inode == nullptr) {
      const InodePtr inode = NewInodeLocked();
      inode->type = Inode::Type::kDirectory;
      ChangeNamesLocked({{resolved.parent, resolved.name, {inode, 0}}});
    } else if (resolved.inode->type != Inode::Type::kDirectory) {
      return NotADirectory(path);
    }
  }
  return absl::OkStatus();
}

absl::Status FakeFileSystem::Rename(const std::string& from, const std::string& to) {
  RETURN_IF_ERROR(Admit(Call::kRename, from));
  MutexLock lock(&mu_);
  return RenameLocked(from, to);
}

absl::Status FakeFileSystem::RenameLocked(const std::string& from, const std::string& to) {
  ASSIGN_OR_RETURN(Resolved source, ResolveLocked(from, /*follow_last=*/false));
  ASSIGN_OR_RETURN(Resolved target, ResolveLocked(to, /*follow_last=*/false));
  if (source.inode == nullptr || source.parent == nullptr) return NotFound(from);
  if (target.parent == nullptr) return NotFound(to);
  if (source.inode == target.inode) return absl::OkStatus();
  if (target.inode != nullptr && target.inode->type == Inode::Type::kDirectory &&
      (source.inode->type != Inode::Type::kDirectory || !target.inode->names.empty())) {
    return absl::InternalError(absl::StrCat(to, ": Is a directory that cannot be replaced"));
  }
  ChangeNamesLocked({{source.parent, source.name, {nullptr, 0}},
                     {target.parent, target.name, {source.inode, 0}}});
  return absl::OkStatus();
}

absl::Status FakeFileSystem::Remove(const std::string& path) {
  RETURN_IF_ERROR(Admit(Call::kRemove, path));
  MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(Resolved resolved, ResolveLocked(path, /*follow_last=*/false));
  if (resolved.inode == nullptr || resolved.parent == nullptr) return NotFound(path);
  if (!resolved.inode->names.empty()) {
    return absl::InternalError(absl::StrCat(path, ": Directory not empty"));
  }
  ChangeNamesLocked({{resolved.parent, resolved.name, {nullptr, 0}}});
  return absl::OkStatus();
}

absl::StatusOr<FileSystem::Space> FakeFileSystem::FreeSpace(const std::string& path) {
  RETURN_IF_ERROR(Admit(Call::kFreeSpace, path));
  MutexLock lock(&mu_);
  RETURN_IF_ERROR(FindLocked(path).status());
  return Space{.free_bytes = total_bytes_ - std::min(total_bytes_, used_bytes_),
               .total_bytes = total_bytes_};
}

absl::Status FakeFileSystem::WriteBounded(const InodePtr& inode, const std::string& path,
                                          uint64_t offset, absl::string_view data) {
  MutexLock lock(&mu_);
  const uint64_t size = inode->content.size();
  const uint64_t end = offset + data.size();
  const uint64_t room = total_bytes_ - std::min(total_bytes_, used_bytes_);
  if (end <= size || end - size <= room) {
    WriteLocked(inode.get(), offset, data);
    return absl::OkStatus();
  }
  if (size + room > offset) WriteLocked(inode.get(), offset, data.substr(0, size + room - offset));
  return absl::ResourceExhaustedError(absl::StrCat(path, ": No space left on device"));
}

void FakeFileSystem::WriteLocked(Inode* inode, uint64_t offset, absl::string_view data) {
  if (data.empty()) return;
  const uint64_t end = offset + data.size();
  if (end > inode->content.size()) ResizeLocked(inode, end);
  std::memcpy(inode->content.data() + offset, data.data(), data.size());
  for (uint64_t page = offset / kPageBytes; page <= (end - 1) / kPageBytes; ++page) {
    inode->dirty_pages.insert(page);
  }
  inode->modified = clock_->Wall();
}

void FakeFileSystem::ResizeLocked(Inode* inode, uint64_t size_bytes) {
  const uint64_t old_bytes = inode->content.size();
  if (size_bytes == old_bytes) return;
  used_bytes_ += size_bytes - old_bytes;
  inode->content.resize(size_bytes);
  // The page with the old or new end changes too: what is past the end is zeros.
  const uint64_t lower = std::min(old_bytes, size_bytes);
  if (lower % kPageBytes != 0) inode->dirty_pages.insert(lower / kPageBytes);
  constexpr size_t kSizesMax = 64;
  if (inode->sizes.size() == kSizesMax) inode->sizes.pop_back();
  inode->sizes.push_back(size_bytes);
  inode->modified = clock_->Wall();
}

void FakeFileSystem::WriteFile(const std::string& path, absl::string_view content) {
  MutexLock lock(&mu_);
  CheckOk(MakeDirectoriesLocked(std::string(DirName(path))));
  const absl::StatusOr<InodePtr> inode = FindOrMakeFileLocked(path);
  CheckOk(inode.status());
  ResizeLocked(inode->get(), 0);
  WriteLocked(inode->get(), 0, content);
}

void FakeFileSystem::AppendFile(const std::string& path, absl::string_view data) {
  MutexLock lock(&mu_);
  const absl::StatusOr<InodePtr> inode = FindOrMakeFileLocked(path);
  CheckOk(inode.status());
  WriteLocked(inode->get(), (*inode)->content.size(), data);
}

void FakeFileSystem::TruncateFile(const std::string& path, uint64_t size_bytes) {
  MutexLock lock(&mu_);
  const absl::StatusOr<InodePtr> inode = FindLocked(path);
  CheckOk(inode.status());
  ResizeLocked(inode->get(), size_bytes);
}

void FakeFileSystem::ReplaceFile(const std::string& path, absl::string_view content) {
  const std::string temporary = absl::StrCat(path, ".replacing");
  WriteFile(temporary, content);
  MutexLock lock(&mu_);
  CheckOk(RenameLocked(temporary, path));
}

void FakeFileSystem::MakeSymlink(const std::string& target, const std::string& path) {
  MutexLock lock(&mu_);
  CheckOk(MakeDirectoriesLocked(std::string(DirName(path))));
  const absl::StatusOr<Resolved> resolved = ResolveLocked(path, /*follow_last=*/false);
  CheckOk(resolved.status());
  const InodePtr inode = NewInodeLocked();
  inode->type = Inode::Type::kSymlink;
  inode->target = target;
  ChangeNamesLocked({{resolved->parent, resolved->name, {inode, 0}}});
}

void FakeFileSystem::RemoveAll(const std::string& path) {
  MutexLock lock(&mu_);
  const absl::StatusOr<Resolved> resolved = ResolveLocked(path, /*follow_last=*/false);
  CheckOk(resolved.status());
  if (resolved->inode == nullptr) return;
  ChangeNamesLocked({{resolved->parent, resolved->name, {nullptr, 0}}});
  for (const auto& [name, inode] : TreeLocked(resolved->inode, path)) {
    if (!inode->linked) continue;
    inode->linked = false;
    ReleaseLocked(inode.get());
  }
}

void FakeFileSystem::SetModified(const std::string& path, absl::Time modified) {
  MutexLock lock(&mu_);
  const absl::StatusOr<InodePtr> inode = FindLocked(path);
  CheckOk(inode.status());
  (*inode)->modified = modified;
}

void FakeFileSystem::SetOwner(const std::string& path, uint32_t uid) {
  MutexLock lock(&mu_);
  const absl::StatusOr<InodePtr> inode = FindLocked(path);
  CheckOk(inode.status());
  (*inode)->owner_uid = uid;
}

absl::StatusOr<std::string> FakeFileSystem::ReadFile(const std::string& path) {
  MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(InodePtr inode, FindLocked(path));
  return inode->content;
}

bool FakeFileSystem::Exists(const std::string& path) {
  MutexLock lock(&mu_);
  return FindLocked(path).ok();
}

void FakeFileSystem::Inject(const Fault& fault) {
  MutexLock lock(&mu_);
  CHECK(!fault.status.ok(), "A fault needs an error.");
  faults_.push_back(fault);
}

void FakeFileSystem::ClearFaults() {
  MutexLock lock(&mu_);
  faults_.clear();
}

void FakeFileSystem::SetInterceptor(Interceptor interceptor) {
  MutexLock lock(&mu_);
  interceptor_ = std::move(interceptor);
}

void FakeFileSystem::MakeStale(const std::string& path) {
  MutexLock lock(&mu_);
  const absl::StatusOr<InodePtr> inode = FindLocked(path);
  CheckOk(inode.status());
  ++(*inode)->stale_count;
}

void FakeFileSystem::SetTotalSpace(uint64_t total_bytes) {
  MutexLock lock(&mu_);
  total_bytes_ = total_bytes;
}

uint64_t FakeFileSystem::used_bytes() {
  MutexLock lock(&mu_);
  return used_bytes_;
}

void FakeFileSystem::RefuseSyncFileSystem(bool refuse) {
  MutexLock lock(&mu_);
  refuse_sync_file_system_ = refuse;
}

void FakeFileSystem::ReuseInodeNumbers(bool reuse) {
  MutexLock lock(&mu_);
  reuse_inode_numbers_ = reuse;
}

void FakeFileSystem::SetOpenFilesMax(int open_files_max) {
  MutexLock lock(&mu_);
  open_files_max_ = open_files_max;
}

int FakeFileSystem::calls(Call call) {
  MutexLock lock(&mu_);
  return calls_[static_cast<size_t>(call)];
}

int FakeFileSystem::open_files() {
  MutexLock lock(&mu_);
  return open_files_;
}

}  // namespace tributary
