// All event files of one run name, and the runs that they are shown as: the run itself, and the
// split runs of writers that ran at once.
#ifndef TRIBUTARY_COLLECTOR_INDEX_RUN_H_
#define TRIBUTARY_COLLECTOR_INDEX_RUN_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "collector/index/file_index.h"
#include "collector/index/index.h"
#include "common/mutex.h"

namespace tributary {

// A series of a shown run: the columns of its files, in the order of the run.
struct SeriesView {
  struct Part {
    uint32_t file = 0;  // its place in the RunView
    const FileSeries* series = nullptr;
  };
  absl::string_view tag;  // of the first part
  std::shared_ptr<const SeriesMetadata> metadata;
  absl::InlinedVector<Part, 1> parts;
};

struct ShownRun {
  RunName name;
  std::vector<SeriesView> series;  // by tag
  const SeriesView* Find(const Tag& tag) const;
};

// A run as it was looked at. Which series go where is constant; their points are read when asked
// for, under the lock of each file. Immutable, so thread-safe.
struct RunView {
  struct File {
    RunName run;  // as the file came with it
    std::shared_ptr<FileContent> content;
    std::shared_ptr<RecordSource> source;
  };
  std::vector<File> files;      // in the order of the run
  std::vector<ShownRun> shown;  // the run itself, then the splits
  bool merged = false;          // all writers are one

  // What of the series each restart rule leaves, which may be no point; `name` is the run's, for
  // the answer. `purge`: whether obsolete points are hidden. nullopt: its class is not known.
  std::optional<SeriesInfo> Describe(const RunName& name, const SeriesView& series,
                                     bool purge) const;
  // Appends the points of a scalar series within [from, to].
  void ReadScalars(const SeriesView& series, std::optional<int64_t> from, std::optional<int64_t> to,
                   bool purge, ScalarPoints* out) const;
  // The points of a series that is no scalar.
  std::vector<RecordReference> ReadReferences(const SeriesView& series, bool purge) const;
  // The points of the file at `file` that were made obsolete.
  void ReadDroppedScalars(const SeriesView& series, uint32_t file, ScalarPoints* out) const;
  std::vector<RecordReference> ReadDroppedReferences(const SeriesView& series, uint32_t file) const;
  // nullopt if there is no valid event. `name` is for the answer.
  std::optional<RunInfo> Info(const RunName& name, const ShownRun& run) const;
};

// Thread-safe.
class Run {
 public:
  explicit Run(RunName name) : name_(std::move(name)) {}

  const RunName& name() const { return name_; }
  const std::shared_ptr<ChangeCounts>& changes() const { return changes_; }

  void Add(std::shared_ptr<ColumnFileIndex> file) ABSL_LOCKS_EXCLUDED(mu_);
  // True if no file is left.
  bool Remove(const FileIndex* file) ABSL_LOCKS_EXCLUDED(mu_);
  // Takes the files that came with the name out. True if none is left.
  bool Take(const RunName& source, std::vector<std::shared_ptr<ColumnFileIndex>>* files)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Whether all writers are one; nullopt: as the files say.
  void SetMerged(std::optional<bool> merged) ABSL_LOCKS_EXCLUDED(mu_);
  // Made anew only if something changed that it depends on.
  std::shared_ptr<const RunView> View() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  std::shared_ptr<const RunView> MakeView() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const RunName name_;
  const std::shared_ptr<ChangeCounts> changes_ = std::make_shared<ChangeCounts>();

  Mutex mu_;
  // By (file name, node, logdir name, path).
  std::vector<std::shared_ptr<ColumnFileIndex>> files_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<const RunView> view_ ABSL_GUARDED_BY(mu_);
  uint64_t view_structure_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t view_data_ ABSL_GUARDED_BY(mu_) = 0;
  std::optional<bool> merged_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_RUN_H_
