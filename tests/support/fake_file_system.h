// A file system in memory that forgets what was not synced, and fails when told to.
//
// Durability is modelled apart for the pages of a file, for its size, and for each change of a
// directory (a name made, renamed or removed):
//   - Sync makes the pages and the size of that file durable, not its name;
//   - SyncDirectory makes the changes of that directory durable, not the bytes of what is in it; a
//     rename between two directories is durable once both were synced;
//   - SyncFileSystem makes everything durable.
// Crash keeps what is durable. Of the rest it keeps or loses each page (or some of its 512-byte
// sectors), each size that a file went through, and each change of a directory, on their own; a
// page that is lost below a size that is kept reads as zeros, or as what was durable there. A
// rename is kept or lost as one. Changes of one file's names are kept in their order: a rename is
// never kept without the creation before it.
//
// A Sync that fails marks the pages clean, as the kernel does: no later Sync makes them durable,
// only writing them again does. They read as they were written until EvictPages or Crash decides.
// Names are mended by the next sync: file systems journal them, and a journal that failed stays so.
//
// Everything is deterministic: the only choices are those of the Random that is passed in.
#ifndef TRIBUTARY_TESTS_SUPPORT_FAKE_FILE_SYSTEM_H_
#define TRIBUTARY_TESTS_SUPPORT_FAKE_FILE_SYSTEM_H_

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/mutex.h"
#include "common/random.h"

namespace tributary {

// Thread-safe. Must outlive every file that it opened. Relative paths begin at the root.
class FakeFileSystem : public FileSystem {
 public:
  static constexpr uint64_t kPageBytes = 4096;
  static constexpr uint64_t kSectorBytes = 512;
  static constexpr int kForEver = std::numeric_limits<int>::max();

  enum class Call {
    kOpen,
    kRead,
    kStat,  // by path, or of an open file
    kList,
    kRealPath,
    kWrite,  // Append and WriteAt
    kTruncate,
    kSync,
    kMakeDirectories,
    kRename,
    kRemove,
    kSyncDirectory,
    kSyncFileSystem,
    kFreeSpace,
    kCount,
  };

  // Makes calls fail. Of the calls of one kind whose path contains `path_contains`, the first
  // `after` pass, the next `times` fail with `status`.
  struct Fault {
    Call call = Call::kRead;
    absl::Status status = {};
    int after = 0;
    int times = 1;
    std::string path_contains = {};
    // With kWrite: so many bytes of the data are written before the error.
    uint64_t written_bytes = 0;
  };

  // Times of modification are those of `clock`, which must outlive this.
  explicit FakeFileSystem(Clock* clock);
  ~FakeFileSystem() override;

  absl::StatusOr<std::unique_ptr<ReadableFile>> OpenReadable(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<WritableFile>> OpenWritable(const std::string& path) override;
  absl::StatusOr<FileStat> Stat(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  absl::StatusOr<std::vector<DirectoryEntry>> ListEntries(const std::string& directory) override;
  absl::StatusOr<std::string> RealPath(const std::string& path) override;
  absl::Status MakeDirectories(const std::string& directory) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& directory) override;
  absl::Status SyncFileSystem(const std::string& path) override;
  absl::StatusOr<Space> FreeSpace(const std::string& path) override;

  // --- What other programs do. Not subject to faults, limits of space, or the interceptor; a
  // --- failure is a bug of the test. Nothing is durable until SyncAll.

  // Makes the file (and its directories) or overwrites its content; the inode stays.
  void WriteFile(const std::string& path, absl::string_view content);
  void AppendFile(const std::string& path, absl::string_view data);
  void TruncateFile(const std::string& path, uint64_t size_bytes);
  // Puts a file with a new inode at the path, as a rename over it does.
  void ReplaceFile(const std::string& path, absl::string_view content);
  void MakeSymlink(const std::string& target, const std::string& path);
  void RemoveAll(const std::string& path);
  void SetModified(const std::string& path, absl::Time modified);
  void SetOwner(const std::string& path, uint32_t uid);
  absl::StatusOr<std::string> ReadFile(const std::string& path);
  bool Exists(const std::string& path);
  // Every regular file below `directory`, sorted. Symbolic links are not followed.
  std::vector<std::string> Files(const std::string& directory);

  // --- Durability.

  // Makes everything durable, unasked.
  void SyncAll();
  // The machine loses power and starts again. Files opened before it fail every call afterwards.
  void Crash(Random* random);
  // A crash that loses everything that was not synced.
  void CrashLosingAll();
  // Memory gets scarce: pages whose Sync failed are read back from the disk.
  void EvictPages(Random* random);
  // Rots a byte, in memory and on the disk.
  void Corrupt(const std::string& path, uint64_t offset, uint8_t xor_with);

  // --- Faults.

  void Inject(const Fault& fault);
  void ClearFaults();
  // Asked before each call, without a lock held; an error is the call's result. Null: none.
  using Interceptor = std::function<absl::Status(Call, const std::string& path)>;
  void SetInterceptor(Interceptor interceptor);
  // Files of this path that are open now answer Aborted from now on (ESTALE).
  void MakeStale(const std::string& path);
  // Writes that grow a file beyond it write what fits and fail with ResourceExhausted.
  void SetTotalSpace(uint64_t total_bytes);
  uint64_t used_bytes();
  // SyncFileSystem answers Unimplemented, as under an old kernel.
  void RefuseSyncFileSystem(bool refuse);
  // From now on new files take the inode numbers of files that are gone, the last one first.
  void ReuseInodeNumbers(bool reuse);
  // At most so many files open at once; more is Unavailable (EMFILE).
  void SetOpenFilesMax(int open_files_max);

  int calls(Call call);
  int open_files();

 private:
  struct Inode;
  class Readable;
  class Writable;
  using InodePtr = std::shared_ptr<Inode>;

  // What a name means on the disk. `inode` is null where the name was removed. A change with a
  // higher sequence number is the later one, in whatever order they become durable.
  struct DurableName {
    InodePtr inode;
    uint64_t sequence = 0;
  };
  struct NameChange {
    InodePtr directory;
    std::string name;
    DurableName now;
  };
  // Changes that are kept or lost as one, and which of their directories are not yet synced.
  struct ChangeGroup {
    std::vector<NameChange> changes;
    std::set<Inode*> unsynced;
  };
  struct Resolved {
    InodePtr parent;  // null for the root
    std::string name;
    InodePtr inode;  // null if there is none
    std::string canonical;
  };

  absl::Status Admit(Call call, const std::string& path, uint64_t* written_bytes);
  absl::Status Admit(Call call, const std::string& path) { return Admit(call, path, nullptr); }

  absl::StatusOr<Resolved> ResolveLocked(const std::string& path, bool follow_last)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<InodePtr> FindLocked(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<InodePtr> FindDirectoryLocked(const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<InodePtr> FindOrMakeFileLocked(const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status MakeDirectoriesLocked(const std::string& directory)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status RenameLocked(const std::string& from, const std::string& to)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  InodePtr NewInodeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ChangeNamesLocked(std::vector<NameChange> changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ReleaseLocked(Inode* inode) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CloseHandle(const InodePtr& inode, uint64_t epoch);
  void WriteLocked(Inode* inode, uint64_t offset, absl::string_view data)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status WriteBounded(const InodePtr& inode, const std::string& path, uint64_t offset,
                            absl::string_view data);
  void ResizeLocked(Inode* inode, uint64_t size_bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SyncInodeLocked(Inode* inode) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FailSyncLocked(Inode* inode) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SettleLocked(ChangeGroup* group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CrashFileLocked(Inode* inode, Random* random) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CrashTreeLocked(const InodePtr& directory, Random* random)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CrashLocked(Random* random) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Everything below `inode` with its path, sorted; itself too if it is a file.
  std::vector<std::pair<std::string, InodePtr>> TreeLocked(const InodePtr& inode,
                                                           const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  FileStat StatLocked(const Inode& inode) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Clock* const clock_;

  Mutex mu_;
  InodePtr root_ ABSL_GUARDED_BY(mu_);
  std::list<ChangeGroup> pending_ ABSL_GUARDED_BY(mu_);
  uint64_t next_sequence_ ABSL_GUARDED_BY(mu_) = 1;
  uint64_t next_inode_number_ ABSL_GUARDED_BY(mu_) = 2;
  bool reuse_inode_numbers_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<uint64_t> free_inode_numbers_ ABSL_GUARDED_BY(mu_);
  // Counts crashes: files opened before the last one are dead.
  uint64_t epoch_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t total_bytes_ ABSL_GUARDED_BY(mu_) = uint64_t{1} << 40;
  uint64_t used_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool refuse_sync_file_system_ ABSL_GUARDED_BY(mu_) = false;
  int open_files_ ABSL_GUARDED_BY(mu_) = 0;
  int open_files_max_ ABSL_GUARDED_BY(mu_) = kForEver;
  std::list<Fault> faults_ ABSL_GUARDED_BY(mu_);
  Interceptor interceptor_ ABSL_GUARDED_BY(mu_);
  std::array<int, static_cast<size_t>(Call::kCount)> calls_ ABSL_GUARDED_BY(mu_) = {};
};

}  // namespace tributary

#endif  // TRIBUTARY_TESTS_SUPPORT_FAKE_FILE_SYSTEM_H_
