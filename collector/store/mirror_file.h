// One stream's mirror: its bytes on disk, and what the registry knows of them.
#ifndef TRIBUTARY_COLLECTOR_STORE_MIRROR_FILE_H_
#define TRIBUTARY_COLLECTOR_STORE_MIRROR_FILE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "collector/store/fingerprint_tracker.h"
#include "collector/store/rows.h"
#include "collector/store/shard_files.h"
#include "collector/store/space_guard.h"
#include "collector/store/store.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/mutex.h"

namespace tributary {

// Two threads meet here: the shard writes bytes, the commit thread makes them durable, seals, and
// starts generations. An `incarnation` counts the inodes that stood under the stream's name: what
// the shard began on one and ends on another is void.
//
// Lock: `mu_` only, never across I/O.
class MirrorFile : public MirrorStream, public std::enable_shared_from_this<MirrorFile> {
 public:
  // What all streams of a store share; outlives them.
  struct Environment {
    FileSystem* files = nullptr;
    Clock* clock = nullptr;
    SpaceGuard* space = nullptr;
    std::string data_dir;
    // SyncFileSystem reports no errors here: a dirty file is synced before its descriptor is
    // closed.
    bool sync_each = false;
    // Failed syncs of the whole file system. A write during which it grew may be lost.
    std::atomic<uint64_t> failed_syncs{0};
  };

  MirrorFile(Environment* environment, ShardFiles* shard_files, int shard, StreamId id,
             StreamRow row, const MarkRow& mark);

  StreamId id() const override { return id_; }
  const StreamIdentity& identity() const override { return row_.identity; }
  const RunName& run() const override { return row_.run; }
  absl::Time run_since() const override { return row_.run_since; }
  bool merge() const override { return row_.merge; }
  int shard() const override { return shard_; }
  const std::string& mirror_path() const override { return mirror_path_; }

  Generation generation() const override ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t received() const override ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t durable() const override ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<ByteRange> unfilled() const override ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<ByteRange> lost() const override ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t rewinds() const override ABSL_LOCKS_EXCLUDED(mu_);
  bool overwritten() const override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status health() const override ABSL_LOCKS_EXCLUDED(mu_);

  absl::Status Append(uint64_t offset, absl::string_view bytes) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Fill(uint64_t offset, absl::string_view bytes) override ABSL_LOCKS_EXCLUDED(mu_);
  void AddUnfilled(ByteRange range) override ABSL_LOCKS_EXCLUDED(mu_);
  void SetBoundary(uint64_t offset, bool framing_holds) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<Fingerprint> FingerprintAt(uint64_t offset) override ABSL_LOCKS_EXCLUDED(mu_);

  // --- On the shard's thread.

  // What is to be made durable; the stream is clean afterwards.
  CommitNote Note() ABSL_LOCKS_EXCLUDED(mu_);
  // Gives the descriptor back: syncs first if the stream is dirty and nothing else would notice an
  // error.
  void CloseDescriptor() ABSL_LOCKS_EXCLUDED(mu_);

  // --- On the commit thread.

  // The row as the registry has it.
  MarkRow mark() const ABSL_LOCKS_EXCLUDED(mu_);
  // The row that makes `note` durable.
  MarkRow MarkFor(const CommitNote& note) const ABSL_LOCKS_EXCLUDED(mu_);
  // False if another inode has taken the place of the one that was noted.
  bool IsCurrent(const CommitNote& note) const ABSL_LOCKS_EXCLUDED(mu_);
  // The registry has `mark` now.
  void SetMark(const MarkRow& mark, bool name_is_durable) ABSL_LOCKS_EXCLUDED(mu_);
  // A sync failed: no more bytes until the stream was sealed.
  void Distrust() ABSL_LOCKS_EXCLUDED(mu_);
  // A sync of the whole file system failed, and no later one repeats its errors: as Distrust, if
  // there are bytes that are not durable, noted or not. `failed_syncs` was counted up before.
  void DistrustUnsynced() ABSL_LOCKS_EXCLUDED(mu_);
  bool distrusted() const ABSL_LOCKS_EXCLUDED(mu_);
  // Another inode has the stream's name, or recovery is over: the mirror has what `mark` says and
  // nothing else, and takes bytes.
  void Restart(const MarkRow& mark) ABSL_LOCKS_EXCLUDED(mu_);
  // The mirror has at least what `mark` says, and the disk has no room to put the rest in order. No
  // bytes are taken until Restart.
  void AwaitDisk(const MarkRow& mark) ABSL_LOCKS_EXCLUDED(mu_);
  bool awaits_disk() const override ABSL_LOCKS_EXCLUDED(mu_);
  // The stream stops.
  void Stop(absl::Status why) ABSL_LOCKS_EXCLUDED(mu_);
  void SetOverwrittenUntil(absl::Duration monotonic) ABSL_LOCKS_EXCLUDED(mu_);
  // <data>/superseded/<id>
  std::string superseded_dir() const;

 private:
  // What an operation of the shard begins with.
  struct Began {
    uint64_t received = 0;
    uint64_t incarnation = 0;
    uint64_t failed_syncs = 0;
    std::shared_ptr<WritableFile> writer;
  };

  absl::StatusOr<Began> Begin() ABSL_LOCKS_EXCLUDED(mu_);
  // Makes sure of began->writer and tracker_.
  absl::Status Prepare(Began* began) ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::unique_ptr<WritableFile>> OpenMirror();
  // AlreadyExists unless the mirror has `bytes` at `offset`, which it does reach.
  absl::Status Compare(uint64_t offset, absl::string_view bytes);
  // After a write failed: cuts it back, and says what it means.
  absl::Status WriteFailed(const Began& began, const absl::Status& why);
  absl::Status NotNow(const absl::Status& why);
  void MarkDirty();
  // Everything as `mark` has it; what the shard has begun is void. Returns what is to be closed
  // without the lock.
  std::shared_ptr<WritableFile> ResetLocked(const MarkRow& mark) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // After a write, under the lock: whether what was written counts.
  enum class Fate { kCounts, kSealed, kDistrusted };
  Fate FateOf(const Began& began) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The answer where it does not. The next commit seals what is distrusted.
  absl::Status AfterFate(Fate fate);

  Environment* const env_;
  ShardFiles* const shard_files_;
  const int shard_;
  const StreamId id_;
  const StreamRow row_;
  const std::string mirror_path_;

  // Owned by the shard's thread.
  std::optional<FingerprintTracker> tracker_;
  uint64_t tracker_incarnation_ = 0;
  bool dirty_ = false;
  bool listed_open_ = false;
  ShardFiles::Place place_;

  mutable Mutex mu_;
  uint64_t incarnation_ ABSL_GUARDED_BY(mu_) = 1;
  MarkRow mark_ ABSL_GUARDED_BY(mu_);
  uint64_t received_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t boundary_offset_ ABSL_GUARDED_BY(mu_) = 0;
  bool framing_holds_ ABSL_GUARDED_BY(mu_) = true;
  std::vector<ByteRange> unfilled_ ABSL_GUARDED_BY(mu_);
  // Fills and unfilled ranges so far, when last noted, and when mark_ was noted: each alters the
  // bytes below received_, or what fingerprints take them for.
  uint64_t fills_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t fills_noted_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t fills_in_mark_ ABSL_GUARDED_BY(mu_) = 0;
  std::shared_ptr<WritableFile> writer_ ABSL_GUARDED_BY(mu_);
  // The mirror's name, or a directory above it, may not be durable.
  bool new_name_ ABSL_GUARDED_BY(mu_) = true;
  bool distrusted_ ABSL_GUARDED_BY(mu_) = false;
  bool awaits_disk_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status health_ ABSL_GUARDED_BY(mu_);
  uint64_t rewinds_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Duration overwritten_until_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_STORE_MIRROR_FILE_H_
