// Reads a column of scalars while its writer goes on.
#ifndef TRIBUTARY_COLLECTOR_INDEX_SCALAR_SNAPSHOT_H_
#define TRIBUTARY_COLLECTOR_INDEX_SCALAR_SNAPSHOT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "collector/index/index.h"
#include "collector/index/scalar_block.h"

namespace tributary {

// Places [begin, end) in a column.
struct IndexRange {
  uint64_t begin = 0;
  uint64_t end = 0;
  friend bool operator==(const IndexRange&, const IndexRange&) = default;
};

// What is known of a column without reading it.
struct ScalarSummary {
  uint64_t points = 0;
  uint64_t dropped = 0;  // by restarts inside the file
  int64_t min_step = 0;  // of all; also that of the first point kept
  int64_t last_step = 0;
  double last_wall_time = 0;
  double max_wall_time = 0;
  bool wall_times_ascend = true;
  uint64_t kept() const { return points - dropped; }
};

// A column as it was when it was taken. A value; reading needs no lock.
class ScalarSnapshot {
 public:
  struct Bounds {
    // Points with a step at or above this were made obsolete by a later file. nullopt: none.
    std::optional<int64_t> cut_step = std::nullopt;
    std::optional<int64_t> from_step = std::nullopt;
    std::optional<int64_t> to_step = std::nullopt;
  };

  const ScalarSummary& summary() const { return summary_; }

  // Appends the points in view: steps ascend.
  void ReadKept(const Bounds& bounds, ScalarPoints* out) const;
  // Appends the points that a restart or the cut made obsolete, in file order.
  void ReadDropped(const Bounds& bounds, ScalarPoints* out) const;
  // Appends every point, in file order; `bounds.cut_step` is not used.
  void ReadAll(const Bounds& bounds, ScalarPoints* out) const;
  // Points that restarts and the cut left in view.
  uint64_t CountKept(std::optional<int64_t> cut_step) const;

 private:
  friend class ScalarColumn;
  enum class Part { kKept, kDropped, kAll };
  // Goes through the column in file order, each block decoded once.
  void Read(const Bounds& bounds, Part part, ScalarPoints* out) const;
  // Moves the points wanted, of those appended to `out` since it had `start`, up to `start`. The
  // first of them is at `place` of the column. `cursor`: the first dropped range that ends past it.
  void Filter(const Bounds& bounds, Part part, uint64_t place, size_t start, size_t* cursor,
              ScalarPoints* out) const;

  std::vector<std::shared_ptr<const ScalarBlock>> blocks_;
  std::shared_ptr<const ScalarTail> tail_;
  uint32_t tail_count_ = 0;
  std::vector<IndexRange> dropped_;
  ScalarSummary summary_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_SCALAR_SNAPSHOT_H_
