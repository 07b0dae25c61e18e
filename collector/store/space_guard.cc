#include "collector/store/space_guard.h"

#include <algorithm>
#include <utility>

#include "common/status_macros.h"

namespace tributary {
namespace {

constexpr uint64_t kReserveBytesMax = uint64_t{64} << 20;
// After a refused write nobody tries again before that much is free.
constexpr uint64_t kResumeBytesMin = uint64_t{64} << 10;

}  // namespace

uint64_t FreeMinBytes(int64_t option, uint64_t total_bytes) {
  if (option >= 0) return static_cast<uint64_t>(option);
  return std::min(std::max(uint64_t{1} << 30, total_bytes / 100), total_bytes / 4);
}

bool DiskRefuses(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsUnavailable(status) ||
         absl::IsFailedPrecondition(status);
}

SpaceGuard::SpaceGuard(FileSystem* files, std::string data_dir, int64_t free_min_bytes)
    : files_(files),
      data_dir_(std::move(data_dir)),
      reserve_path_(JoinPath(data_dir_, "reserve")),
      free_min_option_(free_min_bytes) {}

absl::Status SpaceGuard::Start() {
  ASSIGN_OR_RETURN(const FileSystem::Space space, files_->FreeSpace(data_dir_));
  free_min_bytes_ = FreeMinBytes(free_min_option_, space.total_bytes);
  reserve_bytes_ = std::min(kReserveBytesMax, free_min_bytes_ / 4);
  const absl::StatusOr<FileStat> reserve = files_->Stat(reserve_path_);
  reserved_ = reserve.ok() && reserve->size_bytes > 0;
  Refresh();
  return absl::OkStatus();
}

void SpaceGuard::Refresh() {
  const absl::StatusOr<FileSystem::Space> space = files_->FreeSpace(data_dir_);
  // Unknown is not full: a write will tell.
  if (!space.ok()) return;
  const uint64_t needed = full() ? std::max(free_min_bytes_, kResumeBytesMin) : free_min_bytes_;
  full_.store(space->free_bytes < needed, std::memory_order_relaxed);
  if (!reserved_ && reserve_bytes_ > 0) MakeReserve(space->free_bytes);
}

bool SpaceGuard::HasRoomFor(uint64_t bytes) const {
  const absl::StatusOr<FileSystem::Space> space = files_->FreeSpace(data_dir_);
  // Unknown is not full: a write will tell.
  return !space.ok() ||
         (space->free_bytes >= bytes && space->free_bytes - bytes >= free_min_bytes_);
}

bool SpaceGuard::HasFree(uint64_t bytes) const {
  const absl::StatusOr<FileSystem::Space> space = files_->FreeSpace(data_dir_);
  return !space.ok() || space->free_bytes >= bytes;
}

void SpaceGuard::MakeReserve(uint64_t free_bytes) {
  if (free_bytes < free_min_bytes_ + reserve_bytes_) return;
  auto file = files_->OpenWritable(reserve_path_);
  if (!file.ok()) return;
  // Real bytes: a sparse file would reserve nothing.
  const std::string zeros(std::min(reserve_bytes_, uint64_t{1} << 20), '\0');
  while ((*file)->size_bytes() < reserve_bytes_) {
    const uint64_t missing = reserve_bytes_ - (*file)->size_bytes();
    const absl::string_view piece =
        absl::string_view(zeros).substr(0, std::min<uint64_t>(missing, zeros.size()));
    if (!(*file)->Append(piece).ok()) {
      // Best effort: without the reserve only the registry's last commits on a full disk fail.
      (void)files_->Remove(reserve_path_);
      return;
    }
  }
  reserved_ = true;
}

bool SpaceGuard::FreeReserve() {
  if (!reserved_) return false;
  reserved_ = false;
  return files_->Remove(reserve_path_).ok();
}

}  // namespace tributary
