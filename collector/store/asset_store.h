// Side files of agents: small, whole, replaced at once. FORMAT.md has the layout and the rules.
#ifndef TRIBUTARY_COLLECTOR_STORE_ASSET_STORE_H_
#define TRIBUTARY_COLLECTOR_STORE_ASSET_STORE_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "collector/registry/registry.h"
#include "collector/store/committer.h"
#include "collector/store/rows.h"
#include "collector/store/space_guard.h"
#include "collector/store/store.h"
#include "collector/store/stream_names.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/mutex.h"
#include "common/types.h"

namespace tributary {

// One side file. Thread-safe.
class Asset {
 public:
  Asset(StreamId id, AssetRow row, const std::string& data_dir);

  StreamId id() const { return id_; }
  const StreamIdentity& identity() const { return row_.identity; }
  // The directory that it is in, named as a run in it would be.
  const RunName& run() const { return row_.run; }
  absl::Time run_since() const { return row_.run_since; }
  // Where it stands, once it has a version.
  const std::string& mirror_path() const { return mirror_path_; }

  // What is durable; nullopt for nothing, or if the disk has something else.
  std::optional<AssetVersion> version() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  friend class AssetStore;
  void SetVersion(std::optional<AssetVersion> version) ABSL_LOCKS_EXCLUDED(mu_);

  const StreamId id_;
  const AssetRow row_;  // without a version
  const std::string mirror_path_;

  mutable Mutex mu_;
  std::optional<AssetVersion> version_ ABSL_GUARDED_BY(mu_);
};

// A version on its way, in a file of its own that nobody else sees. Its file is removed with it,
// unless it was installed. Owned by one thread at a time.
class AssetWriter {
 public:
  ~AssetWriter();
  AssetWriter(const AssetWriter&) = delete;
  AssetWriter& operator=(const AssetWriter&) = delete;

  // ResourceExhausted for no space, else the file system's error; then nothing more may be
  // appended.
  absl::Status Append(absl::string_view bytes);
  // The content survives a power loss after OK.
  absl::Status Sync() { return file_->Sync(); }

  uint64_t received_bytes() const { return received_bytes_; }
  uint32_t crc32c() const { return crc32c_; }

 private:
  friend class AssetStore;
  AssetWriter(FileSystem* files, const SpaceGuard* space, std::string path,
              std::unique_ptr<WritableFile> file, uint64_t failed_syncs);

  FileSystem* const files_;
  const SpaceGuard* const space_;
  const std::string path_;
  // Of the whole file system, when it began: see Install.
  const uint64_t failed_syncs_;
  std::unique_ptr<WritableFile> file_;
  uint64_t received_bytes_ = 0;
  uint32_t crc32c_ = 0;
  bool installed_ = false;
};

// Threads: Begin and the writers on the `asset` queue, the rest on the `commit` queue.
class AssetStore {
 public:
  struct Dependencies {
    FileSystem* files;
    Clock* clock;
    Registry* registry;
    SpaceGuard* space;
    Committer* committer;
    StreamNames* names;
    // Syncs of the whole file system that failed. What was written before may be lost, and no later
    // sync says so.
    const std::atomic<uint64_t>* failed_syncs;
  };
  AssetStore(const std::string& data_dir, const Dependencies& dependencies);

  // Once, before anything else: reads the rows, and removes what was on its way. Rows that are
  // damaged are added to `damaged`, to be put aside. Errors: the registry's, the file system's.
  absl::Status Load(std::vector<RegistryEntry>* damaged);

  // All that have a row.
  std::vector<std::shared_ptr<Asset>> All() const;

  // Finds or makes the assets, in one registry transaction, in the order of the requests. Fails as
  // a whole with the registry's error.
  absl::StatusOr<std::vector<std::shared_ptr<Asset>>> Open(
      absl::Span<const StreamRequest> requests);

  // Begins a version of `size_bytes`. ResourceExhausted where it would not fit; else the file
  // system's error.
  absl::StatusOr<std::unique_ptr<AssetWriter>> Begin(const Asset& asset, uint64_t size_bytes);

  // Puts what was written in place of the former version. The writer was synced. Durable after OK:
  // content, name and row. After an error the former version or the new one stands there, whole,
  // and none is promised but the former:
  //   ResourceExhausted   no space for it
  //   Aborted             the disk may have lost bytes of it: to be sent again
  //   anything else       the disk's or the registry's error
  absl::Status Install(Asset* asset, std::unique_ptr<AssetWriter> writer,
                       const AssetVersion& version);

 private:
  // Whether the disk has what the row says, as far as that costs nothing to tell.
  bool IsThere(const AssetRow& row) const;
  std::shared_ptr<Asset> Add(StreamId id, const AssetRow& row);
  absl::Status PrepareDirectory(const std::string& directory);

  const std::string data_dir_;
  const std::string incoming_dir_;
  const Dependencies deps_;
  std::map<StreamIdentity, std::shared_ptr<Asset>> assets_;
  absl::flat_hash_set<std::string> durable_directories_;
  uint64_t versions_begun_ = 0;  // on the asset queue
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_STORE_ASSET_STORE_H_
