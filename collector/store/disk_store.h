// The store on a file system and a registry.
#ifndef TRIBUTARY_COLLECTOR_STORE_DISK_STORE_H_
#define TRIBUTARY_COLLECTOR_STORE_DISK_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "collector/store/asset_store.h"
#include "collector/store/committer.h"
#include "collector/store/mirror_file.h"
#include "collector/store/node_names.h"
#include "collector/store/shard_files.h"
#include "collector/store/space_guard.h"
#include "collector/store/store.h"
#include "collector/store/stream_names.h"
#include "collector/store/watched_registry.h"

namespace tributary {

// Threads: as store.h says. `shards_` does not change after Open, and each element belongs to its
// shard's thread; everything else belongs to the commit thread.
class DiskStore : public Store {
 public:
  DiskStore(const Options& options, const Dependencies& dependencies);

  // Called once, before anything else.
  absl::Status Start();

  const std::string& store_id() const override { return store_id_; }
  std::vector<std::shared_ptr<MirrorStream>> Streams() override;
  absl::StatusOr<std::vector<std::shared_ptr<MirrorStream>>> OpenStreams(
      absl::Span<const StreamRequest> requests) override;
  absl::Status StartGeneration(MirrorStream* stream, Generation differs_from) override;
  absl::StatusOr<std::string> AssignNode(absl::string_view wanted, absl::string_view machine_id,
                                         absl::string_view boot_id,
                                         bool wanted_is_live_elsewhere) override;
  absl::StatusOr<std::string> ForeseeNode(absl::string_view wanted, absl::string_view machine_id,
                                          absl::string_view boot_id,
                                          bool wanted_is_live_elsewhere) override;
  std::vector<CommitNote> NoteDirty(int shard) override;
  absl::StatusOr<std::vector<DurableAdvance>> Commit(std::vector<CommitNote> notes) override;
  absl::StatusOr<std::optional<std::string>> GetSetting(absl::string_view name) override;
  absl::Status PutSetting(absl::string_view name, absl::string_view value) override;
  absl::Status registry_health() override { return registry_.health(); }
  bool awaits_disk() override { return committer_->has_unsealed() || !unrecovered_.empty(); }
  bool full() override;
  AssetStore* assets() override { return assets_.get(); }

 private:
  // A row that failed its checksum goes to "damaged/<key>".
  static void PutAsideDamaged(const RegistryEntry& entry, RegistryTransaction* transaction);

  absl::Status PrepareDirectories();
  absl::Status SyncSuperseded();
  absl::Status LoadIdentity();
  absl::Status LoadStreams();
  // The mark of a stream whose own is gone: nothing is known to be durable.
  MarkRow MarkOfUnknown(StreamId id);
  std::shared_ptr<MirrorFile> MakeStream(StreamId id, StreamRow row, const MarkRow& mark);
  // Files that stand where new streams were assigned theirs.
  absl::Status Adopt(const std::vector<std::shared_ptr<MirrorFile>>& streams);
  absl::Status Recover(const std::vector<std::shared_ptr<MirrorFile>>& streams, bool sync_each);
  absl::Status RecoverAgain(std::vector<DurableAdvance>* advances);
  // ResourceExhausted if too many generations were started lately, or the last one still awaits the
  // disk.
  absl::Status CountGeneration(MirrorFile* stream, MarkRow* mark);
  void DistrustUnsynced();
  absl::Status MoveAside(const MirrorFile& stream, Generation generation);

  const Options options_;
  WatchedRegistry registry_;
  const Dependencies deps_;  // with that registry
  SpaceGuard space_;
  MirrorFile::Environment environment_;
  std::vector<std::unique_ptr<ShardFiles>> shards_;
  std::unique_ptr<Committer> committer_;
  std::string store_id_;
  StreamNames names_;
  NodeNames nodes_;
  std::unique_ptr<AssetStore> assets_;
  std::map<StreamId, std::shared_ptr<MirrorFile>> streams_;
  std::map<StreamIdentity, MirrorFile*> by_identity_;
  // Recovery had no room: they await the disk, unless a new generation came between.
  std::vector<std::shared_ptr<MirrorFile>> unrecovered_;
  absl::Duration try_again_at_ = -absl::InfiniteDuration();
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_STORE_DISK_STORE_H_
