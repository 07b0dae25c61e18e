// A store in memory that fails when told to, for tests of what stands above it.
#ifndef TRIBUTARY_TESTS_COLLECTOR_INGEST_FAKE_STORE_H_
#define TRIBUTARY_TESTS_COLLECTOR_INGEST_FAKE_STORE_H_

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "collector/store/store.h"

namespace tributary {

class FakeStream : public MirrorStream {
 public:
  FakeStream(StreamId id, const StreamRequest& request, int shard, FileSystem* files)
      : id_(id),
        identity_(request.identity),
        run_(request.run),
        merge_(request.merge),
        shard_(shard),
        files_(files),
        path_(absl::StrCat("/data/logdir/", id.value())) {}

  StreamId id() const override { return id_; }
  const StreamIdentity& identity() const override { return identity_; }
  const RunName& run() const override { return run_; }
  absl::Time run_since() const override { return absl::FromUnixSeconds(1'700'000'000); }
  bool merge() const override { return merge_; }
  int shard() const override { return shard_; }
  Generation generation() const override { return generation_; }
  uint64_t received() const override { return bytes_.size(); }
  uint64_t durable() const override { return durable_; }
  std::vector<ByteRange> unfilled() const override { return unfilled_; }
  std::vector<ByteRange> lost() const override { return {}; }
  uint64_t rewinds() const override { return rewinds_; }
  bool overwritten() const override { return overwritten_; }
  bool awaits_disk() const override { return awaits_disk_; }
  absl::Status health() const override { return health_; }
  const std::string& mirror_path() const override { return path_; }

  absl::Status Append(uint64_t offset, absl::string_view bytes) override {
    if (!append_error_.ok()) return append_error_;
    if (offset > bytes_.size()) {
      return absl::OutOfRangeError(absl::StrCat("a gap from ", bytes_.size(), " to ", offset));
    }
    const size_t overlap = std::min<size_t>(bytes.size(), bytes_.size() - offset);
    if (absl::string_view(bytes_).substr(offset, overlap) != bytes.substr(0, overlap)) {
      return absl::AlreadyExistsError("other bytes are there");
    }
    absl::StrAppend(&bytes_, bytes.substr(overlap));
    dirty_ = dirty_ || overlap < bytes.size();
    if (seal_in_append_) {
      bytes_.resize(durable_);
      ++rewinds_;
    }
    Write();
    return absl::OkStatus();
  }
  absl::Status Fill(uint64_t offset, absl::string_view bytes) override {
    if (!fill_error_.ok()) {
      dirty_ = true;
      seal_next_ = true;
      return std::exchange(fill_error_, absl::OkStatus());
    }
    if (offset + bytes.size() > bytes_.size()) return absl::OutOfRangeError("past the end");
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (bytes_[offset + i] != 0 && bytes_[offset + i] != bytes[i]) {
        return absl::AlreadyExistsError("no zeros there");
      }
    }
    bytes_.replace(offset, bytes.size(), bytes.data(), bytes.size());
    dirty_ = true;
    Write();
    return absl::OkStatus();
  }
  void AddUnfilled(ByteRange range) override {
    unfilled_.push_back(range);
    dirty_ = true;
  }
  void SetBoundary(uint64_t offset, bool) override { boundary_ = offset; }
  absl::StatusOr<Fingerprint> FingerprintAt(uint64_t offset) override {
    if (!fingerprint_error_.ok()) return fingerprint_error_;
    Fingerprint print;
    print.offset = std::min<uint64_t>(offset, bytes_.size());
    print.tail_crc32c = static_cast<uint32_t>(print.offset * 7 + 1);
    print.head_crc32c = static_cast<uint32_t>(print.offset * 3 + 2);
    return print;
  }

  // Puts the bytes where an index that catches up reads them.
  void Write() {
    absl::StatusOr<std::unique_ptr<WritableFile>> file = files_->OpenWritable(path_);
    if (!file.ok()) return;
    if (!(*file)->Truncate(0).ok()) return;
    if (!(*file)->Append(bytes_).ok()) return;
  }

  const StreamId id_;
  const StreamIdentity identity_;
  const RunName run_;
  const bool merge_;
  const int shard_;
  FileSystem* const files_;
  const std::string path_;
  Generation generation_;
  std::string bytes_;
  uint64_t durable_ = 0;
  uint64_t boundary_ = 0;
  uint64_t rewinds_ = 0;
  bool dirty_ = false;
  bool overwritten_ = false;
  bool awaits_disk_ = false;
  bool seal_next_ = false;       // the next commit fails to sync it
  bool seal_in_append_ = false;  // a commit seals it while the shard is still in Append
  std::vector<ByteRange> unfilled_;
  absl::Status health_;
  absl::Status append_error_;
  absl::Status fingerprint_error_;
  absl::Status fill_error_;  // of the next one; the commit then seals the stream
};

class FakeStore : public Store {
 public:
  FakeStore(int shards, FileSystem* files) : shards_(shards), files_(files) {}

  const std::string& store_id() const override { return store_id_; }
  std::vector<std::shared_ptr<MirrorStream>> Streams() override {
    std::vector<std::shared_ptr<MirrorStream>> streams;
    for (auto& [identity, stream] : streams_) streams.push_back(stream);
    return streams;
  }
  absl::StatusOr<std::vector<std::shared_ptr<MirrorStream>>> OpenStreams(
      absl::Span<const StreamRequest> requests) override {
    ++transactions;
    if (!open_error.ok()) return open_error;
    std::vector<std::shared_ptr<MirrorStream>> streams;
    for (const StreamRequest& request : requests) streams.push_back(Add(request));
    return streams;
  }
  absl::Status StartGeneration(MirrorStream* stream, Generation differs_from) override {
    if (!generation_error.ok()) return generation_error;
    if (differs_from != stream->generation()) {
      return absl::FailedPreconditionError("not the present generation");
    }
    auto* fake = static_cast<FakeStream*>(stream);
    fake->generation_ = Generation(differs_from.value() + 1);
    fake->bytes_.clear();
    fake->durable_ = 0;
    ++fake->rewinds_;
    fake->Write();
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> AssignNode(absl::string_view wanted, absl::string_view machine_id,
                                         absl::string_view, bool live_elsewhere) override {
    if (!node_error.ok()) return node_error;
    std::string& holder = machines_[std::string(wanted)];
    if (holder.empty() || holder == machine_id || !live_elsewhere) {
      holder = std::string(machine_id);
      return std::string(wanted);
    }
    return absl::StrCat(wanted, "~2");
  }
  absl::StatusOr<std::string> ForeseeNode(absl::string_view wanted, absl::string_view machine_id,
                                          absl::string_view boot_id, bool live_elsewhere) override {
    const auto machines = machines_;
    const auto name = AssignNode(wanted, machine_id, boot_id, live_elsewhere);
    machines_ = machines;
    return name;
  }
  std::vector<CommitNote> NoteDirty(int shard) override {
    std::vector<CommitNote> notes;
    for (auto& [identity, stream] : streams_) {
      if (stream->shard_ != shard || !std::exchange(stream->dirty_, false)) continue;
      CommitNote note;
      note.stream = stream;
      note.generation = stream->generation_;
      note.offset = stream->bytes_.size();
      notes.push_back(note);
    }
    return notes;
  }
  absl::StatusOr<std::vector<DurableAdvance>> Commit(std::vector<CommitNote> notes) override {
    ++commits;
    notes_of_commits.push_back(notes.size());
    if (!commit_error.ok()) return commit_error;
    std::vector<DurableAdvance> advances;
    for (const CommitNote& note : notes) {
      auto* stream = static_cast<FakeStream*>(note.stream.get());
      DurableAdvance advance;
      advance.stream = note.stream;
      advance.generation = note.generation;
      advance.sealed = std::exchange(stream->seal_next_, false);
      if (advance.sealed) {
        stream->bytes_.resize(stream->durable_);
        ++stream->rewinds_;
        stream->Write();
      } else if (note.generation == stream->generation_) {
        stream->durable_ = note.offset;
      }
      advance.durable = stream->durable_;
      advances.push_back(advance);
    }
    return advances;
  }
  absl::StatusOr<std::optional<std::string>> GetSetting(absl::string_view) override {
    return std::optional<std::string>();
  }
  absl::Status PutSetting(absl::string_view, absl::string_view) override {
    return absl::OkStatus();
  }
  bool full() override { return is_full; }

  std::shared_ptr<FakeStream> Add(const StreamRequest& request) {
    std::shared_ptr<FakeStream>& slot = streams_[request.identity];
    if (slot == nullptr) {
      const uint64_t id = streams_.size();
      slot = std::make_shared<FakeStream>(
          StreamId(id), request, static_cast<int>(id % static_cast<uint64_t>(shards_)), files_);
    }
    return slot;
  }
  FakeStream* Find(const std::string& node, const std::string& path) {
    for (auto& [identity, stream] : streams_) {
      if (identity.node == node && identity.path == path) return stream.get();
    }
    return nullptr;
  }

  absl::Status open_error;
  absl::Status generation_error;
  absl::Status node_error;
  absl::Status commit_error;
  bool is_full = false;
  int transactions = 0;
  int commits = 0;
  std::vector<size_t> notes_of_commits;

 private:
  const int shards_;
  FileSystem* const files_;
  const std::string store_id_ = "0123456789abcdef0123456789abcdef";
  std::map<StreamIdentity, std::shared_ptr<FakeStream>> streams_;
  std::map<std::string, std::string> machines_;
};

}  // namespace tributary

#endif  // TRIBUTARY_TESTS_COLLECTOR_INGEST_FAKE_STORE_H_
