// One commit: mirrors and directories synced, then one registry transaction, then what could not be
// synced is sealed.
#ifndef TRIBUTARY_COLLECTOR_STORE_COMMITTER_H_
#define TRIBUTARY_COLLECTOR_STORE_COMMITTER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/registry/registry.h"
#include "collector/store/mirror_file.h"
#include "collector/store/space_guard.h"
#include "collector/store/store.h"
#include "common/file.h"

namespace tributary {

// Owned by the commit thread.
class Committer {
 public:
  struct Dependencies {
    FileSystem* files;
    Registry* registry;
    SpaceGuard* space;
    // A sync of the whole file system failed: what any stream has written since the last good one
    // is lost, perhaps, and no later sync will say so.
    std::function<void()> on_sync_failed;
  };
  Committer(const std::string& data_dir, bool sync_each, const Dependencies& dependencies)
      : data_dir_(data_dir), sync_each_(sync_each), deps_(dependencies) {}

  // As Store::Commit.
  absl::StatusOr<std::vector<DurableAdvance>> Run(std::vector<CommitNote> notes);

  // Streams that could not be sealed because the disk is full, say: until SealAgain they take no
  // bytes.
  bool has_unsealed() const { return !unsealed_.empty(); }
  // Tries again; adds those that are sealed now, or have stopped.
  void SealAgain(std::vector<DurableAdvance>* advances);

  // What is told of a stream that was set back to its row.
  static DurableAdvance SealedAdvance(const std::shared_ptr<MirrorFile>& stream);

  // Commits, and once more with the room of the reserve if there is none.
  absl::Status CommitToRegistry(const RegistryTransaction& transaction);

 private:
  // One stream's latest note. `failed`: to be sealed.
  struct Work {
    CommitNote note;
    MirrorFile* stream = nullptr;
    bool failed = false;
  };

  // The latest note of each stream, in the order of their ids, without void ones.
  static std::vector<Work> Latest(std::vector<CommitNote> notes);
  // What was synced: each file's bytes, or everything there is.
  enum class Synced { kEach, kFileSystem };
  Synced SyncFiles(std::vector<Work>* work);
  absl::Status SyncOne(const Work& work);
  void SyncNames(std::vector<Work>* work);
  void Seal(const std::shared_ptr<MirrorFile>& stream, std::vector<DurableAdvance>* advances);

  const std::string data_dir_;
  const bool sync_each_;
  const Dependencies deps_;
  // Directories whose own names are durable.
  absl::flat_hash_set<std::string> durable_directories_;
  std::vector<std::shared_ptr<MirrorFile>> unsealed_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_STORE_COMMITTER_H_
