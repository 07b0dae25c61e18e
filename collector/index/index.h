// Runs, tags and points: what TensorBoard shows, kept exactly.
//
// Writers: each event file is a FileIndex, fed with the file's bytes by its one owner (a shard for
// a mirror, the local source for a --logdir). Readers: any thread asks the Index; answers are
// values. A run is all files with one run name, in the order of (file name, node, logdir name,
// path). A scalar series is kept as one column per file and served as their concatenation;
// everything else as references to records.
//
// Rules served (each on the concatenation, so arrival order never matters):
//   restart     a point is dropped when a later point of its series has a step <= its own; dropped
//   points of the n-th file
//               form the hidden run "<run>#attempt-<n>"
//   concurrent  files of writers that ran at once are told apart: placement.h
//   wall time   NaN or infinite: shown as that of the record before it
//   metadata    of a series: that of its first point in the run (first file that has it)
#ifndef TRIBUTARY_COLLECTOR_INDEX_INDEX_H_
#define TRIBUTARY_COLLECTOR_INDEX_INDEX_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/eventfile/tfrecord_reader.h"
#include "common/types.h"

namespace tributary {

struct EventFileIdentity {
  RunName run;
  std::string file_name;  // base name
  std::string node;
  std::string logdir_name;
  std::string path;
  // `merge: true` beside the file: its run takes all writers as one.
  bool merge = false;
};

// Reads back what was indexed. Thread-safe.
class RecordSource {
 public:
  virtual ~RecordSource() = default;
  // `length_bytes` bytes at `offset` of the file. OutOfRange if it has fewer; otherwise the file's
  // own error.
  virtual absl::StatusOr<std::string> Read(uint64_t offset, uint64_t length_bytes) = 0;
};

// One event file's part of the index. Append, Reset, Rewind and TakeZerosAsDamage only by its
// owner; the rest is thread-safe.
class FileIndex {
 public:
  virtual ~FileIndex() = default;

  // Indexes the next bytes of the file, which may begin and end inside a record; readers see them
  // when this returns.
  virtual void Append(absl::string_view bytes) = 0;
  // Forgets everything, for a new generation or a filled hole: Append starts again at offset 0.
  virtual void Reset() = 0;

  // See TfRecordReader.
  virtual bool at_zeros() const = 0;
  virtual void TakeZerosAsDamage() = 0;
  // Forgets what was fed after boundary_offset(): Append goes on there, with bytes that may differ,
  // as where zeros were filled meanwhile. False, and nothing done, while framing is lost.
  virtual bool Rewind() = 0;

  virtual uint64_t indexed_bytes() const = 0;  // fed so far
  virtual uint64_t records() const = 0;        // whole and decoded
  // Values that could not become a point: of another kind than their series (a vector among
  // scalars), of a record too long to be kept whole, or beyond the limit of series.
  virtual uint64_t skipped_values() const = 0;
  // In file order; the last may be a hole that is still open. After 10 000 the last one stands for
  // all that follow.
  virtual std::vector<Damage> damage() const = 0;
  // Where framing stands, for the store's row.
  virtual uint64_t boundary_offset() const = 0;
  virtual bool framing_holds() const = 0;
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
  // The smallest finite wall time of its events.
  double start_time = 0;
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

class Index {
 public:
  struct Options {
    bool purge_orphaned_data = true;
  };
  virtual ~Index() = default;

  static std::unique_ptr<Index> Make(const Options& options);

  // The file is in its run from now on. The index keeps it until RemoveFile. `source` reads the
  // file back.
  virtual std::shared_ptr<FileIndex> AddFile(const EventFileIdentity& identity,
                                             std::shared_ptr<RecordSource> source) = 0;
  virtual void RemoveFile(const std::shared_ptr<FileIndex>& file) = 0;

  // Grows whenever an answer below could change.
  virtual uint64_t version() const = 0;

  // Runs with at least one valid event, by (start_time, name); hidden attempts are not among them.
  virtual std::vector<RunInfo> Runs() const = 0;
  // Names of plugins with at least one series of a known class, sorted.
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
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_INDEX_H_
