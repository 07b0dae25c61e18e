#include "tests/sim/defects.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/status_macros.h"

namespace tributary::sim {
namespace {

class UnsyncedFile : public WritableFile {
 public:
  explicit UnsyncedFile(std::unique_ptr<WritableFile> file) : file_(std::move(file)) {}
  absl::Status Append(absl::string_view data) override { return file_->Append(data); }
  absl::Status WriteAt(uint64_t offset, absl::string_view data) override {
    return file_->WriteAt(offset, data);
  }
  absl::Status Truncate(uint64_t size_bytes) override { return file_->Truncate(size_bytes); }
  absl::Status Sync() override { return absl::OkStatus(); }
  uint64_t size_bytes() const override { return file_->size_bytes(); }

 private:
  const std::unique_ptr<WritableFile> file_;
};

class UnsyncedFileSystem : public FileSystem {
 public:
  explicit UnsyncedFileSystem(FileSystem* files) : files_(files) {}

  absl::StatusOr<std::unique_ptr<ReadableFile>> OpenReadable(const std::string& path) override {
    return files_->OpenReadable(path);
  }
  absl::StatusOr<std::unique_ptr<WritableFile>> OpenWritable(const std::string& path) override {
    ASSIGN_OR_RETURN(auto file, files_->OpenWritable(path));
    return std::make_unique<UnsyncedFile>(std::move(file));
  }
  absl::StatusOr<FileStat> Stat(const std::string& path) override { return files_->Stat(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    return files_->List(directory);
  }
  absl::StatusOr<std::vector<DirectoryEntry>> ListEntries(const std::string& directory) override {
    return files_->ListEntries(directory);
  }
  absl::StatusOr<std::string> RealPath(const std::string& path) override {
    return files_->RealPath(path);
  }
  absl::Status MakeDirectories(const std::string& directory) override {
    return files_->MakeDirectories(directory);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return files_->Rename(from, to);
  }
  absl::Status Remove(const std::string& path) override { return files_->Remove(path); }
  absl::Status SyncDirectory(const std::string& directory) override {
    return files_->SyncDirectory(directory);
  }
  absl::Status SyncFileSystem(const std::string&) override { return absl::OkStatus(); }
  absl::StatusOr<Space> FreeSpace(const std::string& path) override {
    return files_->FreeSpace(path);
  }

 private:
  FileSystem* const files_;
};

class OverlapAppendingStream : public MirrorStream {
 public:
  explicit OverlapAppendingStream(std::shared_ptr<MirrorStream> stream)
      : stream_(std::move(stream)) {}

  const std::shared_ptr<MirrorStream>& inner() const { return stream_; }

  StreamId id() const override { return stream_->id(); }
  const StreamIdentity& identity() const override { return stream_->identity(); }
  const RunName& run() const override { return stream_->run(); }
  absl::Time run_since() const override { return stream_->run_since(); }
  bool merge() const override { return stream_->merge(); }
  int shard() const override { return stream_->shard(); }
  Generation generation() const override { return stream_->generation(); }
  uint64_t received() const override { return stream_->received(); }
  uint64_t durable() const override { return stream_->durable(); }
  std::vector<ByteRange> unfilled() const override { return stream_->unfilled(); }
  std::vector<ByteRange> lost() const override { return stream_->lost(); }
  uint64_t rewinds() const override { return stream_->rewinds(); }
  bool overwritten() const override { return stream_->overwritten(); }
  absl::Status health() const override { return stream_->health(); }
  const std::string& mirror_path() const override { return stream_->mirror_path(); }
  absl::Status Append(uint64_t offset, absl::string_view bytes) override {
    return stream_->Append(std::max(offset, stream_->received()), bytes);
  }
  absl::Status Fill(uint64_t offset, absl::string_view bytes) override {
    return stream_->Fill(offset, bytes);
  }
  void AddUnfilled(ByteRange range) override { stream_->AddUnfilled(range); }
  void SetBoundary(uint64_t offset, bool framing_holds) override {
    stream_->SetBoundary(offset, framing_holds);
  }
  absl::StatusOr<Fingerprint> FingerprintAt(uint64_t offset) override {
    return stream_->FingerprintAt(offset);
  }

 private:
  const std::shared_ptr<MirrorStream> stream_;
};

class OverlapAppendingStore : public Store {
 public:
  explicit OverlapAppendingStore(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  const std::string& store_id() const override { return store_->store_id(); }
  std::vector<std::shared_ptr<MirrorStream>> Streams() override { return Wrap(store_->Streams()); }
  absl::StatusOr<std::vector<std::shared_ptr<MirrorStream>>> OpenStreams(
      absl::Span<const StreamRequest> requests) override {
    ASSIGN_OR_RETURN(auto streams, store_->OpenStreams(requests));
    return Wrap(std::move(streams));
  }
  absl::Status StartGeneration(MirrorStream* stream, Generation differs_from) override {
    return store_->StartGeneration(static_cast<OverlapAppendingStream*>(stream)->inner().get(),
                                   differs_from);
  }
  absl::StatusOr<std::string> AssignNode(absl::string_view wanted, absl::string_view machine_id,
                                         absl::string_view boot_id,
                                         bool wanted_is_live_elsewhere) override {
    return store_->AssignNode(wanted, machine_id, boot_id, wanted_is_live_elsewhere);
  }
  absl::StatusOr<std::string> ForeseeNode(absl::string_view wanted, absl::string_view machine_id,
                                          absl::string_view boot_id,
                                          bool wanted_is_live_elsewhere) override {
    return store_->ForeseeNode(wanted, machine_id, boot_id, wanted_is_live_elsewhere);
  }
  std::vector<CommitNote> NoteDirty(int shard) override { return store_->NoteDirty(shard); }
  absl::StatusOr<std::vector<DurableAdvance>> Commit(std::vector<CommitNote> notes) override {
    ASSIGN_OR_RETURN(auto advances, store_->Commit(std::move(notes)));
    for (DurableAdvance& advance : advances) advance.stream = streams_.at(advance.stream->id());
    return advances;
  }
  absl::StatusOr<std::optional<std::string>> GetSetting(absl::string_view name) override {
    return store_->GetSetting(name);
  }
  absl::Status PutSetting(absl::string_view name, absl::string_view value) override {
    return store_->PutSetting(name, value);
  }
  absl::Status registry_health() override { return store_->registry_health(); }
  bool awaits_disk() override { return store_->awaits_disk(); }
  bool full() override { return store_->full(); }

 private:
  std::vector<std::shared_ptr<MirrorStream>> Wrap(
      std::vector<std::shared_ptr<MirrorStream>> streams) {
    for (std::shared_ptr<MirrorStream>& stream : streams) {
      std::shared_ptr<MirrorStream>& wrapped = streams_[stream->id()];
      if (wrapped == nullptr) wrapped = std::make_shared<OverlapAppendingStream>(stream);
      stream = wrapped;
    }
    return streams;
  }

  const std::unique_ptr<Store> store_;
  std::map<StreamId, std::shared_ptr<MirrorStream>> streams_;
};

}  // namespace

std::unique_ptr<FileSystem> MakeUnsyncedFileSystem(FileSystem* files) {
  return std::make_unique<UnsyncedFileSystem>(files);
}

std::unique_ptr<Store> MakeOverlapAppendingStore(std::unique_ptr<Store> store) {
  return std::make_unique<OverlapAppendingStore>(std::move(store));
}

}  // namespace tributary::sim
