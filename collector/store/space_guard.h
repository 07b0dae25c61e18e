// Keeps room on the data directory's file system: when to refuse bytes, and what the registry can
// still be given when there is none left.
#ifndef TRIBUTARY_COLLECTOR_STORE_SPACE_GUARD_H_
#define TRIBUTARY_COLLECTOR_STORE_SPACE_GUARD_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "common/file.h"

namespace tributary {

// Below how much free space nothing is taken, on a file system of this size. `option` as
// Store::Options::data_free_min_bytes.
uint64_t FreeMinBytes(int64_t option, uint64_t total_bytes);

// The error is the disk's as it is now (full, over a quota, read-only, no descriptor left) and says
// nothing of the file: the same may be tried again.
bool DiskRefuses(const absl::Status& status);

// Made and refreshed on the commit thread; full(), HasRoomFor() and Refused() are
// thread-safe.
class SpaceGuard {
 public:
  // `free_min_bytes` as Store::Options::data_free_min_bytes.
  SpaceGuard(FileSystem* files, std::string data_dir, int64_t free_min_bytes);

  // Finds the limit and makes the reserve, if there is room for it. The file system's error, if it
  // does not tell its space.
  absl::Status Start();

  // Whether so many bytes more would leave the limit's room free. Looks at the file system.
  // Thread-safe.
  bool HasRoomFor(uint64_t bytes) const;
  // Whether so many bytes are free, be it below the limit. Looks at the file system.
  bool HasFree(uint64_t bytes) const;
  bool full() const { return full_.load(std::memory_order_relaxed); }
  // A write was refused: full from now on, until Refresh finds room.
  void Refused() { full_.store(true, std::memory_order_relaxed); }
  // Looks again, and makes the reserve anew when there is room.
  void Refresh();
  // Gives the reserve's room to the registry. False if there is none.
  bool FreeReserve();

 private:
  void MakeReserve(uint64_t free_bytes);

  FileSystem* const files_;
  const std::string data_dir_;
  const std::string reserve_path_;
  const int64_t free_min_option_;
  uint64_t free_min_bytes_ = 0;
  uint64_t reserve_bytes_ = 0;
  bool reserved_ = false;
  std::atomic<bool> full_ = false;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_STORE_SPACE_GUARD_H_
