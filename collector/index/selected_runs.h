// Answers questions about a selection of runs. The index selects, this answers: once for all views.
#ifndef TRIBUTARY_COLLECTOR_INDEX_SELECTED_RUNS_H_
#define TRIBUTARY_COLLECTOR_INDEX_SELECTED_RUNS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collector/index/index_reader.h"
#include "collector/index/run.h"

namespace tributary {

// A shown run, under the name by which it was asked for or is listed, and what keeps it alive.
struct FoundRun {
  RunName name;
  std::shared_ptr<const RunView> view;
  const ShownRun* shown = nullptr;
  // Set for a hidden attempt: the file whose dropped points it is made of.
  std::optional<uint32_t> attempt_file = std::nullopt;
};

// Which runs there are for whom. Thread-safe; outlives whoever asks it.
class RunSelection {
 public:
  virtual ~RunSelection() = default;
  virtual uint64_t version() const = 0;
  // Those that are listed, in any order; also without an event.
  virtual std::vector<FoundRun> Listed() const = 0;
  // The one of this name, listed or not; also hidden attempts.
  virtual std::optional<FoundRun> Find(const RunName& name) const = 0;
  // Whether "." is the root of all log directories.
  virtual bool has_root() const { return true; }
};

class SelectedRuns : public IndexReader {
 public:
  SelectedRuns(std::unique_ptr<const RunSelection> selection, bool purge_orphaned_data)
      : selection_(std::move(selection)), purge_(purge_orphaned_data) {}

  uint64_t version() const override { return selection_->version(); }
  std::vector<RunInfo> Runs() const override;
  std::vector<std::string> Plugins() const override;
  std::vector<SeriesInfo> ListSeries(const SeriesFilter& filter) const override;
  std::optional<SeriesInfo> FindSeries(const RunName& run, const Tag& tag) const override;
  absl::StatusOr<ScalarPoints> ReadScalars(const RunName& run, const Tag& tag,
                                           const ScalarQuery& query) const override;
  absl::StatusOr<std::vector<RecordReference>> ReadReferences(const RunName& run, const Tag& tag,
                                                              uint64_t points_max) const override;
  std::vector<RunName> SourceNames(const RunName& run) const override;

 private:
  std::vector<FoundRun> Wanted(const SeriesFilter& filter) const;
  void Describe(const FoundRun& run, const SeriesView& series, const SeriesFilter& filter,
                std::vector<SeriesInfo>* infos) const;

  const std::unique_ptr<const RunSelection> selection_;
  const bool purge_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_SELECTED_RUNS_H_
