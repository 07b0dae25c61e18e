// What readers ask of the index: runs, tags and points, as TensorBoard shows them.
//
// Any thread asks; answers are values. A run is all files with one run name, in the order of (file
// name, node, logdir name, path). A scalar series is kept as one column per file and served as
// their concatenation; everything else as references to records.
//
// Rules served (each on the concatenation, so arrival order never matters):
//   restart     a point is dropped when a later point of its series has a step <= its own; dropped
//   points of the n-th file
//               form the hidden run "<run>#attempt-<n>"
//   concurrent  files of writers that ran at once are told apart: placement.h
//   wall time   NaN or infinite: shown as that of the record before it
//   metadata    of a series: that of its first point in the run (first file that has it)
#ifndef TRIBUTARY_COLLECTOR_INDEX_INDEX_READER_H_
#define TRIBUTARY_COLLECTOR_INDEX_INDEX_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/types.h"

namespace tributary {

// Reads back what was indexed. Thread-safe.
class RecordSource {
 public:
  virtual ~RecordSource() = default;
  // `length_bytes` bytes at `offset` of the file. OutOfRange if it has fewer; otherwise the file's
  // own error.
  virtual absl::StatusOr<std::string> Read(uint64_t offset, uint64_t length_bytes) = 0;
};

enum class DataClass { kUnknown = 0, kScalar = 1, kTensor = 2, kBlobSequence = 3 };

// Of a series; constant once made. As TensorBoard's data server synthesises it for legacy values.
struct SeriesMetadata {
  std::string plugin_name;
  std::string plugin_content;
  std::string display_name;
  std::string description;
  DataClass data_class = DataClass::kUnknown;
};

struct RunInfo {
  RunName name;
  // The smallest and the greatest finite wall time of its events; 0 if no event has one.
  double start_time = 0;
  double newest_time = 0;
};

struct SeriesInfo {
  RunName run;
  Tag tag;
  std::shared_ptr<const SeriesMetadata> metadata;
  uint64_t points = 0;  // served, after restarts
  Step max_step;        // of the last point served
  WallTime max_wall_time;
  uint64_t max_length = 0;  // most blobs in one point; blob sequences only
};

// nullopt: all. An empty list: none.
struct SeriesFilter {
  std::string plugin_name;
  std::optional<std::vector<std::string>> runs = std::nullopt;
  std::optional<std::vector<std::string>> tags = std::nullopt;
  // Also series that have no valid point: their `points` is 0.
  bool with_empty = false;
};

// Parallel columns, steps strictly ascending (unless every point is asked for).
struct ScalarPoints {
  std::vector<int64_t> steps;
  std::vector<double> wall_times;
  std::vector<double> values;
  uint64_t total = 0;  // points the series has; more than steps.size() if sampled
};

// A point that is not a scalar: where its record is. Parse the record to get the value.
struct RecordReference {
  Step step;
  WallTime wall_time;
  std::shared_ptr<RecordSource> source;
  uint64_t payload_offset = 0;  // of the Event, in the file
  uint64_t payload_bytes = 0;
  uint32_t value_index = 0;  // which value of the Summary
  uint64_t length = 0;       // blobs in this point; blob sequences only
};

// The runs of one view: all of them, or some, perhaps under other names. A run that is named is
// answered whether it is listed or not, also under a name that it had before a rename.
//
// Thread-safe.
class IndexReader {
 public:
  virtual ~IndexReader() = default;

  // Grows whenever an answer below could change.
  virtual uint64_t version() const = 0;

  // Runs with at least one valid event, by (start_time, name); hidden ones are not among them.
  virtual std::vector<RunInfo> Runs() const = 0;
  // Names of plugins with at least one series of a known class in the listed runs, sorted.
  virtual std::vector<std::string> Plugins() const = 0;
  // Series of one plugin with at least one valid point (unless more is asked for), by (run, tag).
  virtual std::vector<SeriesInfo> ListSeries(const SeriesFilter& filter) const = 0;
  virtual std::optional<SeriesInfo> FindSeries(const RunName& run, const Tag& tag) const = 0;

  struct ScalarQuery {
    // At most so many points, with first, last and the extremes of every bucket: downsample.h. 0:
    // all.
    uint64_t points_max = 1000;
    // Closed range of steps.
    std::optional<int64_t> from_step = std::nullopt;
    std::optional<int64_t> to_step = std::nullopt;
  };
  // NotFound if the run has no such scalar series. `run` may be a hidden attempt.
  virtual absl::StatusOr<ScalarPoints> ReadScalars(const RunName& run, const Tag& tag,
                                                   const ScalarQuery& query) const = 0;
  // Of a tensor or blob series: at most `points_max`, evenly spread, first and last kept; 0: all.
  // NotFound as above.
  virtual absl::StatusOr<std::vector<RecordReference>> ReadReferences(
      const RunName& run, const Tag& tag, uint64_t points_max) const = 0;

  // The names that the run's files came with, sorted: where files beside them lie. Empty if there
  // is no such run; the root, ".", is there without a file too.
  virtual std::vector<RunName> SourceNames(const RunName& run) const = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_INDEX_READER_H_
