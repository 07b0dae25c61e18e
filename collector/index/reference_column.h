// The points of one series in one file that are not scalars: where their records are.
//
// One writer, many readers, as ScalarColumn: Publish, summary and Take are called under the lock of
// the file; Add by the writer without it.
#ifndef TRIBUTARY_COLLECTOR_INDEX_REFERENCE_COLUMN_H_
#define TRIBUTARY_COLLECTOR_INDEX_REFERENCE_COLUMN_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace tributary {

struct ReferencePoint {
  int64_t step = 0;
  double wall_time = 0;
  uint64_t payload_offset = 0;
  uint64_t payload_bytes = 0;
  uint32_t value_index = 0;
  uint32_t length = 0;  // blobs
};

class ReferenceColumn {
 public:
  struct Summary {
    uint64_t points = 0;
    int64_t min_step = 0;
    int64_t last_step = 0;
    double last_wall_time = 0;
    double max_wall_time = 0;
    uint32_t max_length = 0;
    bool steps_ascend = true;  // strictly
  };

  // By the writer.
  void Add(const ReferencePoint& point);
  // Under the file's lock, by the writer: readers see all that was added.
  void Publish();

  // Under the file's lock, by readers.
  const Summary& summary() const { return published_; }
  const std::vector<ReferencePoint>& Take() const { return points_; }

 private:
  // Of the writer.
  std::vector<ReferencePoint> pending_;
  Summary staged_;
  // Under the file's lock.
  std::vector<ReferencePoint> points_;
  Summary published_;
};

// The points of `points` that no later one makes obsolete and whose steps are below `cut_step`, or,
// with `dropped`, the others.
std::vector<ReferencePoint> ApplyRestarts(const std::vector<ReferencePoint>& points,
                                          std::optional<int64_t> cut_step, bool dropped);

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_REFERENCE_COLUMN_H_
