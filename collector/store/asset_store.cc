#include "collector/store/asset_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "collector/store/durable_copy.h"
#include "common/eventfile/crc32c.h"
#include "common/status_macros.h"

namespace tributary {

Asset::Asset(StreamId id, AssetRow row, const std::string& data_dir)
    : id_(id), row_(std::move(row)), mirror_path_(JoinPath(data_dir, row_.mirror_path)) {}

std::optional<AssetVersion> Asset::version() const {
  MutexLock lock(&mu_);
  return version_;
}

void Asset::SetVersion(std::optional<AssetVersion> version) {
  MutexLock lock(&mu_);
  version_ = version;
}

AssetWriter::AssetWriter(FileSystem* files, const SpaceGuard* space, std::string path,
                         std::unique_ptr<WritableFile> file, uint64_t failed_syncs)
    : files_(files),
      space_(space),
      path_(std::move(path)),
      failed_syncs_(failed_syncs),
      file_(std::move(file)) {}

AssetWriter::~AssetWriter() {
  file_.reset();
  // What stays is removed by the next start.
  if (!installed_) (void)files_->Remove(path_);
}

absl::Status AssetWriter::Append(absl::string_view bytes) {
  if (space_->full()) {
    return absl::ResourceExhaustedError("the data directory has too little free space");
  }
  RETURN_IF_ERROR(file_->Append(bytes));
  received_bytes_ += bytes.size();
  crc32c_ = ExtendCrc32c(crc32c_, bytes);
  return absl::OkStatus();
}

AssetStore::AssetStore(const std::string& data_dir, const Dependencies& dependencies)
    : data_dir_(data_dir), incoming_dir_(JoinPath(data_dir, "incoming")), deps_(dependencies) {}

absl::Status AssetStore::Load(std::vector<RegistryEntry>* damaged) {
  RETURN_IF_ERROR(deps_.files->MakeDirectories(incoming_dir_));
  ASSIGN_OR_RETURN(const std::vector<std::string> left, deps_.files->List(incoming_dir_));
  // What cannot be removed costs its room, and nothing else.
  for (const std::string& name : left) (void)deps_.files->Remove(JoinPath(incoming_dir_, name));
  ASSIGN_OR_RETURN(const std::vector<RegistryEntry> entries, deps_.registry->List(kAssetPrefix));
  for (const RegistryEntry& entry : entries) {
    const absl::StatusOr<StreamId> id = IdOfKey(entry.key, kAssetPrefix);
    const absl::StatusOr<AssetRow> row = ParseAssetRow(entry);
    if (id.ok()) deps_.names->Saw(*id);
    if (!id.ok() || !row.ok()) {
      // Its file is replaced by what the agent sends anew.
      damaged->push_back(entry);
      continue;
    }
    const std::shared_ptr<Asset> asset = Add(*id, *row);
    if (row->version.has_value() && IsThere(*row)) asset->SetVersion(row->version);
  }
  return absl::OkStatus();
}

bool AssetStore::IsThere(const AssetRow& row) const {
  const absl::StatusOr<FileStat> stat = deps_.files->Stat(JoinPath(data_dir_, row.mirror_path));
  return stat.ok() && stat->is_regular && stat->size_bytes == row.version->size_bytes &&
         absl::ToUnixNanos(stat->modified) == absl::ToUnixNanos(row.stored);
}

std::shared_ptr<Asset> AssetStore::Add(StreamId id, const AssetRow& row) {
  deps_.names->paths.Add(row.mirror_path);
  AssetRow without_version = row;
  without_version.version.reset();
  auto asset = std::make_shared<Asset>(id, std::move(without_version), data_dir_);
  assets_[row.identity] = asset;
  return asset;
}

std::vector<std::shared_ptr<Asset>> AssetStore::All() const {
  std::vector<std::shared_ptr<Asset>> all;
  for (const auto& [identity, asset] : assets_) all.push_back(asset);
  return all;
}

absl::StatusOr<std::vector<std::shared_ptr<Asset>>> AssetStore::Open(
    absl::Span<const StreamRequest> requests) {
  std::map<StreamIdentity, std::pair<StreamId, AssetRow>> made;
  RegistryTransaction transaction;
  const uint64_t first_id = deps_.names->next_id;
  for (const StreamRequest& request : requests) {
    if (assets_.contains(request.identity) || made.contains(request.identity)) continue;
    const StreamId id(first_id + made.size());
    AssetRow row;
    row.identity = request.identity;
    row.run = request.run;
    row.run_why = request.run_why;
    row.run_since = deps_.clock->Wall();
    row.mirror_path = deps_.names->paths.Choose(request.run, BaseName(request.identity.path));
    transaction.expect.push_back({AssetKey(id), std::nullopt});
    transaction.puts.push_back(MakeEntry(id, row));
    made.emplace(request.identity, std::pair(id, std::move(row)));
  }
  if (!made.empty()) {
    transaction.puts.push_back(StreamNames::NextIdEntry(first_id + made.size()));
    const absl::Status committed = deps_.committer->CommitToRegistry(transaction);
    for (const auto& [identity, asset] : made) {
      deps_.names->paths.Remove(asset.second.mirror_path);
    }
    RETURN_IF_ERROR(committed);
    deps_.names->next_id += made.size();
    for (const auto& [identity, asset] : made) Add(asset.first, asset.second);
  }
  std::vector<std::shared_ptr<Asset>> opened;
  for (const StreamRequest& request : requests) opened.push_back(assets_.at(request.identity));
  return opened;
}

absl::StatusOr<std::unique_ptr<AssetWriter>> AssetStore::Begin(const Asset& asset,
                                                               uint64_t size_bytes) {
  if (deps_.space->full() || !deps_.space->HasRoomFor(size_bytes)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the data directory has no room for ", size_bytes, " bytes more"));
  }
  // A name of its own: the version before it may not have been installed yet.
  const std::string path =
      JoinPath(incoming_dir_, absl::StrCat(asset.id().value(), "-", ++versions_begun_));
  const uint64_t failed_syncs = deps_.failed_syncs->load();
  ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, deps_.files->OpenWritable(path));
  if (file->size_bytes() > 0) RETURN_IF_ERROR(file->Truncate(0));
  return std::unique_ptr<AssetWriter>(
      new AssetWriter(deps_.files, deps_.space, path, std::move(file), failed_syncs));
}

absl::Status AssetStore::PrepareDirectory(const std::string& directory) {
  if (durable_directories_.contains(directory)) return absl::OkStatus();
  RETURN_IF_ERROR(deps_.files->MakeDirectories(directory));
  // Before anything is moved into it: a crash may keep the rename and not the directory.
  RETURN_IF_ERROR(SyncDirectoryChain(deps_.files, directory, data_dir_));
  durable_directories_.insert(directory);
  return absl::OkStatus();
}

absl::Status AssetStore::Install(Asset* asset, std::unique_ptr<AssetWriter> writer,
                                 const AssetVersion& version) {
  // Whoever synced the file system before this, and failed, has counted by now.
  if (deps_.failed_syncs->load() != writer->failed_syncs_) {
    return absl::AbortedError(absl::StrCat(asset->mirror_path(), " came while a sync failed"));
  }
  const std::string directory(DirName(asset->mirror_path()));
  RETURN_IF_ERROR(PrepareDirectory(directory));
  ASSIGN_OR_RETURN(const FileStat stat, deps_.files->Stat(writer->path_));
  RETURN_IF_ERROR(deps_.files->Rename(writer->path_, asset->mirror_path()));
  writer->installed_ = true;
  // The former version is not there any more, and this one is not yet sure to be.
  asset->SetVersion(std::nullopt);
  RETURN_IF_ERROR(deps_.files->SyncDirectory(directory));
  RETURN_IF_ERROR(deps_.files->SyncDirectory(incoming_dir_));

  // From here on bytes and name are on the disk.
  AssetRow row = asset->row_;
  row.version = version;
  row.stored = stat.modified;
  RETURN_IF_ERROR(deps_.committer->CommitToRegistry({.puts = {MakeEntry(asset->id(), row)}}));
  asset->SetVersion(version);
  return absl::OkStatus();
}

}  // namespace tributary
