#include "collector/ingest/local_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/check.h"
#include "common/status_macros.h"

namespace tributary {

LocalFile::LocalFile(FileSystem* files, std::string path, std::shared_ptr<FileIndex> index)
    : files_(files), path_(std::move(path)), index_(std::move(index)) {}

void LocalFile::StartOver() {
  index_->Reset();
  offset_ = 0;
  head_bytes_ = 0;
  tail_bytes_ = 0;
  at_zeros_ = false;
}

absl::StatusOr<bool> LocalFile::Equal(ReadableFile* file, uint64_t offset,
                                      absl::string_view bytes) const {
  std::array<char, kCheckBytes> now;
  ASSIGN_OR_RETURN(const size_t count,
                   file->ReadAt(offset, absl::MakeSpan(now.data(), bytes.size())));
  return absl::string_view(now.data(), count) == bytes;
}

absl::StatusOr<LocalFile::Identity> LocalFile::Check(ReadableFile* file,
                                                     uint64_t size_bytes) const {
  const absl::string_view head(head_.data(),
                               static_cast<size_t>(std::min<uint64_t>(head_bytes_, size_bytes)));
  ASSIGN_OR_RETURN(const bool head_equal, Equal(file, 0, head));
  if (!head_equal) return Identity::kOther;
  if (size_bytes < offset_) return Identity::kShorter;
  // Zeros may have been filled since: what is before them was compared when it was read.
  if (at_zeros_) return Identity::kSame;
  const absl::string_view tail(tail_.data(), tail_bytes_);
  ASSIGN_OR_RETURN(const bool tail_equal, Equal(file, offset_ - tail_bytes_, tail));
  return tail_equal ? Identity::kSame : Identity::kOther;
}

void LocalFile::Take(absl::string_view bytes) {
  index_->Append(bytes);
  offset_ += bytes.size();
  const size_t head_more = std::min(kCheckBytes - head_bytes_, bytes.size());
  std::memcpy(head_.data() + head_bytes_, bytes.data(), head_more);
  head_bytes_ += head_more;
  const size_t fresh = std::min(kCheckBytes, bytes.size());
  const size_t kept = std::min(tail_bytes_, kCheckBytes - fresh);
  std::memmove(tail_.data(), tail_.data() + tail_bytes_ - kept, kept);
  std::memcpy(tail_.data() + kept, bytes.data() + bytes.size() - fresh, fresh);
  tail_bytes_ = kept + fresh;
}

bool LocalFile::StandsAtZeros(uint64_t zeros_over_to) {
  while (index_->stuck_at_zeros() && index_->boundary_offset() < zeros_over_to) {
    index_->TakeZerosAsDamage();
  }
  return index_->stuck_at_zeros();
}

LocalFile::Result LocalFile::Load(uint64_t bytes_max, uint64_t zeros_over_to,
                                  absl::Span<char> buffer) {
  CHECK(!buffer.empty(), "no buffer for ", path_);
  Result result;
  const auto load = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::unique_ptr<ReadableFile> file, files_->OpenReadable(path_));
    ASSIGN_OR_RETURN(const FileStat stat, file->Stat());
    ASSIGN_OR_RETURN(const Identity identity, Check(file.get(), stat.size_bytes));
    result.shorter = identity == Identity::kShorter;
    if (result.shorter) return absl::OkStatus();
    result.replaced = identity == Identity::kOther;
    if (result.replaced) {
      StartOver();
    } else if (at_zeros_ && index_->Rewind()) {
      // Read again what was zero; the last bytes before it are not remembered.
      offset_ = index_->boundary_offset();
      tail_bytes_ = 0;
      head_bytes_ = static_cast<size_t>(std::min<uint64_t>(head_bytes_, offset_));
    }
    for (uint64_t done = 0; done < bytes_max && !StandsAtZeros(zeros_over_to);) {
      const size_t want = static_cast<size_t>(std::min<uint64_t>(buffer.size(), bytes_max - done));
      ASSIGN_OR_RETURN(const size_t count, file->ReadAt(offset_, buffer.subspan(0, want)));
      if (count == 0) return absl::OkStatus();
      Take(absl::string_view(buffer.data(), count));
      done += count;
    }
    result.more = offset_ < stat.size_bytes && !StandsAtZeros(zeros_over_to);
    return absl::OkStatus();
  };
  result.status = load();
  if (result.status.ok()) {
    // Before the end of the file the zeros of an unfinished record mean nothing: a legal payload
    // may have any number of them.
    while (zeros_over_to == kAtRest && index_->at_zeros()) index_->TakeZerosAsDamage();
    at_zeros_ = index_->stuck_at_zeros() || (index_->at_zeros() && !result.more);
    if (at_zeros_) result.zeros_at = index_->boundary_offset();
  }
  result.read_to = offset_;
  for (const Damage& damage : index_->damage()) {
    if (!result.first_damage.has_value()) result.first_damage = damage;
    ++result.damaged_places;
    result.damaged_bytes += damage.length_bytes;
  }
  return result;
}

}  // namespace tributary
