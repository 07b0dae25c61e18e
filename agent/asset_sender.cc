#include "agent/asset_sender.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "common/eventfile/crc32c.h"
#include "common/status_macros.h"

namespace tributary::agent {
namespace {

// A file of so many bytes is not left in the page cache.
constexpr uint64_t kCachedBytesMax = 4u << 20;

}  // namespace

AssetSender::Version AssetSender::VersionOf(const FileStat& stat) {
  return {stat.size_bytes, absl::ToUnixNanos(stat.modified)};
}

AssetSender::Version AssetSender::VersionOf(const ingest::v1::AssetVersion& version) {
  return {version.size_bytes(), version.modified_unix_nanos()};
}

bool AssetSender::Same(const FileStat& a, const FileStat& b) {
  return a.device == b.device && a.inode == b.inode && VersionOf(a) == VersionOf(b);
}

void AssetSender::Open(TailedFileId id, const std::optional<ingest::v1::AssetVersion>& durable) {
  File& file = files_[id];
  file.open = true;
  file.durable.reset();
  if (durable.has_value()) file.durable = VersionOf(*durable);
  // How long it has been left alone, if its clock is ours.
  const absl::Duration age = clock_->Wall() - tailer_->file(id).stat.modified;
  file.changed = clock_->Monotonic() - std::clamp(age, absl::ZeroDuration(), options_.settle);
  Schedule(id);
}

void AssetSender::Hold(TailedFileId id) {
  const auto found = files_.find(id);
  if (found == files_.end()) return;
  found->second.open = false;
  GiveUp(id, &found->second);
  Unqueue(id, &found->second);
}

void AssetSender::Changed(TailedFileId id) {
  files_[id].open = true;
  files_[id].changed = clock_->Monotonic();
  Schedule(id);
}

void AssetSender::End() {
  upload_.reset();
  for (auto& [id, file] : files_) Hold(id);
}

void AssetSender::Flush() {
  flushing_ = true;
  for (const auto& [id, file] : files_) Schedule(id);
}

void AssetSender::Unqueue(TailedFileId id, File* file) {
  if (file->queued.has_value()) queue_.erase({*file->queued, id});
  file->queued.reset();
}

void AssetSender::SetInFlight(File* file, uint64_t bytes) {
  in_flight_bytes_ += bytes - file->in_flight;
  file->in_flight = bytes;
}

void AssetSender::GiveUp(TailedFileId id, File* file) {
  if (upload_.has_value() && upload_->id == id) upload_.reset();
  file->sent.reset();
  SetInFlight(file, 0);
}

absl::Duration AssetSender::PatienceEnd(const File& file) const {
  return file.waiting_since.value_or(clock_->Monotonic()) +
         (flushing_ ? options_.settle_max_of_drain : options_.settle_max);
}

void AssetSender::Schedule(TailedFileId id) {
  File& file = files_[id];
  Unqueue(id, &file);
  const Version present = VersionOf(tailer_->file(id).stat);
  if (!file.open || file.durable == present || file.sent == present) {
    file.waiting_since.reset();
    return;
  }
  if (!file.waiting_since.has_value()) file.waiting_since = clock_->Monotonic();
  const absl::Duration settle = flushing_ ? options_.settle_of_drain : options_.settle;
  absl::Duration due = std::min(file.changed + settle, PatienceEnd(file));
  if (!flushing_) due = std::max(due, file.not_before);
  file.queued = due;
  queue_.emplace(due, id);
}

absl::Duration AssetSender::next_due() const {
  if (upload_.has_value()) return -absl::InfiniteDuration();
  return queue_.empty() ? absl::InfiniteDuration() : queue_.begin()->first;
}

std::optional<AssetSender::Part> AssetSender::Next(uint64_t bytes_max) {
  while (upload_.has_value() || next_due() <= clock_->Monotonic()) {
    const TailedFileId id = upload_.has_value() ? upload_->id : queue_.begin()->second;
    absl::StatusOr<std::optional<std::string>> bytes = Read(id, bytes_max);
    if (!bytes.ok()) {
      GiveUp(id, &files_[id]);
      return Part{.id = id, .error = bytes.status(), .part = {}};
    }
    if (bytes->has_value())
      return Part{.id = id, .error = {}, .part = MakePart(**std::move(bytes))};
    StartOver(id);
  }
  return std::nullopt;
}

absl::Status AssetSender::Begin(TailedFileId id) {
  File& file = files_[id];
  Unqueue(id, &file);
  ASSIGN_OR_RETURN(const FileStat stat, tailer_->StatOpen(id));
  // It was written to since it was looked at.
  const bool changed = !Same(stat, tailer_->file(id).stat);
  if (changed) tailer_->LookAt(tailer_->file(id).root, tailer_->file(id).relative_path);
  if (changed && clock_->Monotonic() < PatienceEnd(file)) return absl::OkStatus();
  GiveUp(id, &file);
  upload_ = {.id = id, .stat = stat, .offset = 0, .crc32c = 0};
  file.sent = VersionOf(stat);
  file.sent_in_drain = flushing_;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> AssetSender::Read(TailedFileId id, uint64_t bytes_max) {
  if (!upload_.has_value()) RETURN_IF_ERROR(Begin(id));
  if (!upload_.has_value()) return std::optional<std::string>();
  const uint64_t left = upload_->stat.size_bytes - upload_->offset;
  std::string bytes(std::min(left, bytes_max), '\0');
  ASSIGN_OR_RETURN(const size_t got, tailer_->Read(id, upload_->offset, absl::MakeSpan(bytes)));
  // It may have been closed and opened anew since the last part: what it is now counts.
  ASSIGN_OR_RETURN(const FileStat stat, tailer_->StatOpen(id));
  if (got < bytes.size() || !Same(stat, upload_->stat)) {
    // Not at once again, whatever its patience: it would be read in vain over and over.
    files_[id].waiting_since = clock_->Monotonic();
    return std::optional<std::string>();
  }
  if (stat.size_bytes > kCachedBytesMax) {
    ASSIGN_OR_RETURN(ReadableFile* const opened, tailer_->Open(id));
    opened->DropCache(upload_->offset, bytes.size());
  }
  return std::optional<std::string>(std::move(bytes));
}

ingest::v1::AssetPart AssetSender::MakePart(std::string bytes) {
  File& file = files_[upload_->id];
  ingest::v1::AssetPart part;
  part.set_stream(upload_->id);
  ingest::v1::AssetVersion* const version = part.mutable_version();
  version->set_size_bytes(file.sent->size_bytes);
  version->set_modified_unix_nanos(file.sent->modified_unix_nanos);
  part.set_offset(upload_->offset);
  upload_->offset += bytes.size();
  upload_->crc32c = ExtendCrc32c(upload_->crc32c, bytes);
  SetInFlight(&file, file.in_flight + bytes.size());
  part.set_data(std::move(bytes));
  if (upload_->offset < file.sent->size_bytes) return part;
  part.set_last(true);
  version->set_crc32c(upload_->crc32c);
  file.not_before =
      clock_->Monotonic() + absl::Seconds(static_cast<double>(file.sent->size_bytes) /
                                          static_cast<double>(options_.repeat_bytes_per_second));
  file.waiting_since.reset();
  upload_.reset();
  ++versions_sent_;
  return part;
}

void AssetSender::StartOver(TailedFileId id) {
  File& file = files_[id];
  GiveUp(id, &file);
  file.changed = clock_->Monotonic();
  const TailedFile& tailed = tailer_->file(id);
  tailer_->LookAt(tailed.root, tailed.relative_path);
  Schedule(id);
}

void AssetSender::OnAck(const ingest::v1::AssetAck& ack) {
  const auto found = files_.find(ack.stream());
  if (found == files_.end() || !found->second.open) return;
  File& file = found->second;
  const Version version = VersionOf(ack.version());
  // Of a version that was given up.
  if (file.sent != version) return;
  if (!ack.durable()) {
    const bool reading = upload_.has_value() && upload_->id == found->first;
    const uint64_t sent = reading ? upload_->offset : version.size_bytes;
    SetInFlight(&file, sent - std::min(sent, ack.received_bytes()));
    return;
  }
  SetInFlight(&file, 0);
  file.durable = version;
  file.sent.reset();
  file.drained = file.drained || file.sent_in_drain;
  Schedule(found->first);
}

bool AssetSender::IsDurable(TailedFileId id) const {
  const auto found = files_.find(id);
  return found != files_.end() && found->second.durable == VersionOf(tailer_->file(id).stat);
}

bool AssetSender::IsDrained(TailedFileId id) const {
  const auto found = files_.find(id);
  return IsDurable(id) || (found != files_.end() && found->second.drained);
}

}  // namespace tributary::agent
