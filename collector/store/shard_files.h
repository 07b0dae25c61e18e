// What one shard keeps of its streams: which are dirty, and which have a descriptor open.
#ifndef TRIBUTARY_COLLECTOR_STORE_SHARD_FILES_H_
#define TRIBUTARY_COLLECTOR_STORE_SHARD_FILES_H_

#include <cstddef>
#include <list>
#include <memory>
#include <utility>
#include <vector>

namespace tributary {

class MirrorFile;

// Owned by one shard's thread.
class ShardFiles {
 public:
  using Place = std::list<MirrorFile*>::iterator;

  explicit ShardFiles(size_t open_files_max) : open_files_max_(open_files_max) {}

  void AddDirty(std::shared_ptr<MirrorFile> stream) { dirty_.push_back(std::move(stream)); }
  std::vector<std::shared_ptr<MirrorFile>> TakeDirty() { return std::exchange(dirty_, {}); }

  // The stream has a descriptor and is the last to lose it. Closes others beyond the bound.
  Place AddOpen(MirrorFile* stream);
  void Touch(Place place) { open_.splice(open_.begin(), open_, place); }
  // Closes the half that was used longest ago: the process has no descriptor left.
  void CloseHalf();

 private:
  void CloseLast();

  const size_t open_files_max_;
  std::vector<std::shared_ptr<MirrorFile>> dirty_;
  // Most recently used first.
  std::list<MirrorFile*> open_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_STORE_SHARD_FILES_H_
