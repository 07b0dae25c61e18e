// What survives a crash: the half of FakeFileSystem that real disks do not let a test see.
#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/status_macros.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_file_system_inode.h"

namespace tributary {
namespace {

// Always the same number: for a crash that keeps nothing.
class ConstantRandom : public Random {
 public:
  explicit ConstantRandom(uint64_t value) : value_(value) {}
  uint64_t Next() override { return value_; }

 private:
  const uint64_t value_;
};

constexpr uint64_t kKeepNothing = 0;

// How many bytes of a page reach the disk. Half the time none, else mostly all, else some sectors.
uint64_t KeptBytes(Random* random) {
  const uint64_t choice = random->Below(8);
  if (choice < 4) return 0;
  if (choice < 7) return FakeFileSystem::kPageBytes;
  return FakeFileSystem::kSectorBytes *
         random->Below(FakeFileSystem::kPageBytes / FakeFileSystem::kSectorBytes);
}

// Copies [begin, end) from `source` to `target` as far as both reach.
void CopyRange(const std::string& source, uint64_t begin, uint64_t end, std::string* target) {
  end = std::min<uint64_t>({end, source.size(), target->size()});
  if (begin < end) std::memcpy(target->data() + begin, source.data() + begin, end - begin);
}

}  // namespace

std::vector<std::pair<std::string, FakeFileSystem::InodePtr>> FakeFileSystem::TreeLocked(
    const InodePtr& inode, const std::string& path) {
  std::vector<std::pair<std::string, InodePtr>> tree;
  if (inode->type != Inode::Type::kDirectory) tree.emplace_back(path, inode);
  for (const auto& [name, child] : inode->names) {
    const std::string child_path = JoinPath(path, name);
    if (child->type == Inode::Type::kDirectory) tree.emplace_back(child_path, child);
    for (auto& below : TreeLocked(child, child_path)) tree.push_back(std::move(below));
  }
  return tree;
}

std::vector<std::string> FakeFileSystem::Files(const std::string& directory) {
  MutexLock lock(&mu_);
  std::vector<std::string> paths;
  const absl::StatusOr<InodePtr> inode = FindLocked(directory);
  if (!inode.ok()) return paths;
  for (const auto& [path, found] : TreeLocked(*inode, directory)) {
    if (found->type == Inode::Type::kFile) paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

void FakeFileSystem::SyncInodeLocked(Inode* inode) {
  inode->durable.resize(inode->content.size());
  for (const uint64_t page : inode->dirty_pages) {
    CopyRange(inode->content, page * kPageBytes, (page + 1) * kPageBytes, &inode->durable);
    inode->doubtful_pages.erase(page);
  }
  inode->dirty_pages.clear();
  inode->sizes.clear();
}

void FakeFileSystem::FailSyncLocked(Inode* inode) {
  inode->doubtful_pages.merge(inode->dirty_pages);
  inode->dirty_pages.clear();
}

// Makes the changes of a group durable once nothing of it is unsynced.
void FakeFileSystem::SettleLocked(ChangeGroup* group) {
  for (const NameChange& change : group->changes) {
    DurableName& durable = change.directory->durable_names[change.name];
    if (durable.sequence < change.now.sequence) durable = change.now;
  }
}

absl::Status FakeFileSystem::SyncDirectory(const std::string& directory) {
  const absl::Status admitted = Admit(Call::kSyncDirectory, directory);
  MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(InodePtr inode, FindDirectoryLocked(directory));
  for (auto group = pending_.begin(); group != pending_.end();) {
    if (admitted.ok()) group->unsynced.erase(inode.get());
    if (!group->unsynced.empty()) {
      ++group;
      continue;
    }
    SettleLocked(&*group);
    group = pending_.erase(group);
  }
  return admitted;
}

absl::Status FakeFileSystem::SyncFileSystem(const std::string& path) {
  const absl::Status admitted = Admit(Call::kSyncFileSystem, path);
  MutexLock lock(&mu_);
  if (refuse_sync_file_system_) {
    return absl::UnimplementedError(absl::StrCat(path, ": syncfs reports no errors here"));
  }
  RETURN_IF_ERROR(FindLocked(path).status());
  for (const auto& [name, inode] : TreeLocked(root_, "/")) {
    if (admitted.ok()) {
      SyncInodeLocked(inode.get());
    } else {
      FailSyncLocked(inode.get());
    }
  }
  if (!admitted.ok()) return admitted;
  for (ChangeGroup& group : pending_) SettleLocked(&group);
  pending_.clear();
  return admitted;
}

void FakeFileSystem::SyncAll() {
  MutexLock lock(&mu_);
  for (const auto& [name, inode] : TreeLocked(root_, "/")) {
    inode->dirty_pages.merge(inode->doubtful_pages);
    inode->doubtful_pages.clear();
    SyncInodeLocked(inode.get());
  }
  for (ChangeGroup& group : pending_) SettleLocked(&group);
  pending_.clear();
}

void FakeFileSystem::EvictPages(Random* random) {
  MutexLock lock(&mu_);
  for (const auto& [name, inode] : TreeLocked(root_, "/")) {
    for (const uint64_t page : inode->doubtful_pages) {
      const uint64_t begin = page * kPageBytes;
      const uint64_t end = std::min<uint64_t>(begin + kPageBytes, inode->content.size());
      if (inode->dirty_pages.contains(page) || begin >= end) continue;
      if (inode->durable.size() < end) inode->durable.resize(end);
      CopyRange(inode->content, begin, begin + KeptBytes(random), &inode->durable);
      CopyRange(inode->durable, begin, end, &inode->content);
    }
    inode->doubtful_pages.clear();
  }
}

void FakeFileSystem::CrashFileLocked(Inode* inode, Random* random) {
  uint64_t size = inode->durable.size();
  if (!inode->sizes.empty()) {
    // 0 keeps the durable size.
    const uint64_t choice = random->Below(inode->sizes.size() + 1);
    if (choice > 0) size = inode->sizes[choice - 1];
  }
  inode->durable.resize(size);
  inode->dirty_pages.merge(inode->doubtful_pages);
  for (const uint64_t page : inode->dirty_pages) {
    const uint64_t begin = page * kPageBytes;
    CopyRange(inode->content, begin, begin + KeptBytes(random), &inode->durable);
  }
  inode->content = inode->durable;
  inode->dirty_pages.clear();
  inode->doubtful_pages.clear();
  inode->sizes.clear();
  inode->open_handles = 0;
  used_bytes_ += size;
}

// Makes the durable names the visible ones, from `directory` down. What is not reached is gone.
void FakeFileSystem::CrashTreeLocked(const InodePtr& directory, Random* random) {
  directory->names.clear();
  for (const auto& [name, durable] : directory->durable_names) {
    if (durable.inode == nullptr) continue;
    directory->names[name] = durable.inode;
    durable.inode->linked = true;
    switch (durable.inode->type) {
      case Inode::Type::kDirectory:
        CrashTreeLocked(durable.inode, random);
        break;
      case Inode::Type::kFile:
        CrashFileLocked(durable.inode.get(), random);
        break;
      case Inode::Type::kSymlink:
        break;
    }
  }
}

void FakeFileSystem::CrashLocked(Random* random) {
  ++epoch_;
  open_files_ = 0;
  // From the last change to the first, so that a change that is kept keeps what happened to the
  // same file before it.
  std::set<Inode*> kept;
  for (auto group = pending_.rbegin(); group != pending_.rend(); ++group) {
    bool keep = random->Below(2) == 1;
    for (const NameChange& change : group->changes) {
      keep = keep || kept.contains(change.now.inode.get());
    }
    if (!keep) continue;
    for (const NameChange& change : group->changes) {
      if (change.now.inode != nullptr) kept.insert(change.now.inode.get());
    }
    SettleLocked(&*group);
  }
  pending_.clear();
  used_bytes_ = 0;
  CrashTreeLocked(root_, random);
}

void FakeFileSystem::Crash(Random* random) {
  MutexLock lock(&mu_);
  CrashLocked(random);
}

void FakeFileSystem::CrashLosingAll() {
  ConstantRandom nothing(kKeepNothing);
  Crash(&nothing);
}

void FakeFileSystem::Corrupt(const std::string& path, uint64_t offset, uint8_t xor_with) {
  MutexLock lock(&mu_);
  const absl::StatusOr<InodePtr> inode = FindLocked(path);
  CHECK(inode.ok(), inode.status().ToString());
  CHECK(offset < (*inode)->content.size(), offset, " past the end of ", path);
  for (std::string* bytes : {&(*inode)->content, &(*inode)->durable}) {
    if (offset < bytes->size()) {
      (*bytes)[offset] = static_cast<char>(static_cast<uint8_t>((*bytes)[offset]) ^ xor_with);
    }
  }
}

}  // namespace tributary
