#include "collector/index/index.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "collector/index/downsample.h"
#include "collector/index/file_index.h"
#include "collector/index/metadata_table.h"
#include "collector/index/run.h"
#include "common/check.h"
#include "common/mutex.h"

namespace tributary {
namespace {

constexpr absl::string_view kAttempt = "#attempt-";

// A shown run, and what keeps it alive.
struct FoundRun {
  std::shared_ptr<const RunView> view;
  const ShownRun* shown = nullptr;
  // Set for a hidden attempt: the file whose dropped points it is made of.
  std::optional<uint32_t> attempt_file;
};

template <typename Value>
void KeepPlaces(const std::vector<uint64_t>& places, std::vector<Value>* values) {
  for (size_t i = 0; i < places.size(); ++i) (*values)[i] = std::move((*values)[places[i]]);
  values->resize(places.size());
}

// Keeps at most `points_max` of `points`.
void Sample(uint64_t points_max, ScalarPoints* points) {
  if (points_max == 0 || points->steps.size() <= points_max) return;
  const std::vector<uint64_t> places = SampleExtremes(points->values, points_max);
  KeepPlaces(places, &points->steps);
  KeepPlaces(places, &points->wall_times);
  KeepPlaces(places, &points->values);
}

// Lock order: this, then one Run, then one file's. None is held while a file is read.
class ColumnIndex : public Index {
 public:
  explicit ColumnIndex(const Options& options) : options_(options) {}

  std::shared_ptr<FileIndex> AddFile(const EventFileIdentity& identity,
                                     std::shared_ptr<RecordSource> source) override {
    CHECK(!identity.run.value().empty(), "file ", identity.path, " has no run");
    MutexLock lock(&mu_);
    std::shared_ptr<Run>& run = runs_[identity.run];
    if (run == nullptr) run = std::make_shared<Run>(identity.run);
    auto file = std::make_shared<ColumnFileIndex>(identity, std::move(source), run->changes(),
                                                  version_, metadata_);
    run->Add(file);
    version_->fetch_add(1);
    return file;
  }

  void RemoveFile(const std::shared_ptr<FileIndex>& file) override {
    MutexLock lock(&mu_);
    // Every FileIndex was made by AddFile.
    const auto& identity = static_cast<const ColumnFileIndex&>(*file).identity();
    const auto run = runs_.find(identity.run);
    if (run == runs_.end()) return;
    if (run->second->Remove(file.get())) runs_.erase(run);
    version_->fetch_add(1);
  }

  uint64_t version() const override { return version_->load(); }

  std::vector<RunInfo> Runs() const override {
    std::vector<RunInfo> infos;
    for (const std::shared_ptr<Run>& run : AllRuns()) {
      const std::shared_ptr<const RunView> view = run->View();
      for (const ShownRun& shown : view->shown) {
        const std::optional<double> start = view->StartTime(shown);
        if (start.has_value()) infos.push_back(RunInfo{shown.name, *start});
      }
    }
    std::sort(infos.begin(), infos.end(), [](const RunInfo& a, const RunInfo& b) {
      return std::tie(a.start_time, a.name) < std::tie(b.start_time, b.name);
    });
    return infos;
  }

  std::vector<std::string> Plugins() const override {
    absl::flat_hash_set<const SeriesMetadata*> seen;
    std::set<std::string> names;
    for (const std::shared_ptr<Run>& run : AllRuns()) {
      const std::shared_ptr<const RunView> view = run->View();
      for (const ShownRun& shown : view->shown) {
        for (const SeriesView& series : shown.series) {
          const SeriesMetadata& metadata = *series.metadata;
          const bool declared = metadata.data_class != DataClass::kUnknown;
          if (declared && seen.insert(&metadata).second) names.insert(metadata.plugin_name);
        }
      }
    }
    return {names.begin(), names.end()};
  }

  std::vector<SeriesInfo> ListSeries(const SeriesFilter& filter) const override {
    std::vector<SeriesInfo> infos;
    for (const FoundRun& run : WantedRuns(filter)) {
      if (!filter.tags.has_value()) {
        for (const SeriesView& series : run.shown->series) Describe(run, series, filter, &infos);
        continue;
      }
      for (const std::string& tag : *filter.tags) {
        const SeriesView* series = run.shown->Find(Tag(tag));
        if (series != nullptr) Describe(run, *series, filter, &infos);
      }
    }
    std::sort(infos.begin(), infos.end(), [](const SeriesInfo& a, const SeriesInfo& b) {
      return std::tie(a.run, a.tag) < std::tie(b.run, b.tag);
    });
    // A filter may name one thing twice.
    infos.erase(std::unique(infos.begin(), infos.end(),
                            [](const SeriesInfo& a, const SeriesInfo& b) {
                              return a.run == b.run && a.tag == b.tag;
                            }),
                infos.end());
    return infos;
  }

  std::optional<SeriesInfo> FindSeries(const RunName& run, const Tag& tag) const override {
    const std::optional<FoundRun> found = FindRun(run);
    if (!found.has_value() || found->attempt_file.has_value()) return std::nullopt;
    const SeriesView* series = found->shown->Find(tag);
    if (series == nullptr) return std::nullopt;
    std::optional<SeriesInfo> info =
        found->view->Describe(*found->shown, *series, options_.purge_orphaned_data);
    if (info.has_value() && info->points == 0) return std::nullopt;
    return info;
  }

  absl::StatusOr<ScalarPoints> ReadScalars(const RunName& run, const Tag& tag,
                                           const ScalarQuery& query) const override {
    const std::optional<FoundRun> found = FindRun(run);
    const SeriesView* series = found.has_value() ? found->shown->Find(tag) : nullptr;
    if (series == nullptr || series->metadata->data_class != DataClass::kScalar) {
      return NoSeries("scalar series", run, tag);
    }
    ScalarPoints points;
    if (found->attempt_file.has_value()) {
      found->view->ReadDroppedScalars(*series, *found->attempt_file, &points);
      if (points.steps.empty()) return NoSeries("scalar series", run, tag);
      KeepSteps(query, &points);
    } else {
      found->view->ReadScalars(*series, query.from_step, query.to_step,
                               options_.purge_orphaned_data, &points);
    }
    if (query.from_step.has_value() || query.to_step.has_value()) {
      const auto info = found->attempt_file.has_value() ? std::nullopt : FindSeries(run, tag);
      points.total = info.has_value() ? info->points : points.total;
    }
    Sample(query.points_max, &points);
    return points;
  }

  absl::StatusOr<std::vector<RecordReference>> ReadReferences(const RunName& run, const Tag& tag,
                                                              uint64_t points_max) const override {
    const std::optional<FoundRun> found = FindRun(run);
    const SeriesView* series = found.has_value() ? found->shown->Find(tag) : nullptr;
    if (series == nullptr || (series->metadata->data_class != DataClass::kTensor &&
                              series->metadata->data_class != DataClass::kBlobSequence)) {
      return NoSeries("tensor or blob series", run, tag);
    }
    std::vector<RecordReference> references =
        found->attempt_file.has_value()
            ? found->view->ReadDroppedReferences(*series, *found->attempt_file)
            : found->view->ReadReferences(*series, options_.purge_orphaned_data);
    if (references.empty()) return NoSeries("tensor or blob series", run, tag);
    if (points_max > 0) KeepPlaces(SampleEvenly(references.size(), points_max), &references);
    return references;
  }

 private:
  static absl::Status NoSeries(absl::string_view what, const RunName& run, const Tag& tag) {
    return absl::NotFoundError(
        absl::StrCat("no ", what, " \"", tag.value(), "\" in run \"", run.value(), "\""));
  }

  static void KeepSteps(const ScalarQuery& query, ScalarPoints* points) {
    std::vector<uint64_t> places;
    for (uint64_t i = 0; i < points->steps.size(); ++i) {
      if (points->steps[i] >= query.from_step.value_or(points->steps[i]) &&
          points->steps[i] <= query.to_step.value_or(points->steps[i])) {
        places.push_back(i);
      }
    }
    KeepPlaces(places, &points->steps);
    KeepPlaces(places, &points->wall_times);
    KeepPlaces(places, &points->values);
  }

  void Describe(const FoundRun& run, const SeriesView& series, const SeriesFilter& filter,
                std::vector<SeriesInfo>* infos) const {
    if (series.metadata->plugin_name != filter.plugin_name) return;
    std::optional<SeriesInfo> info =
        run.view->Describe(*run.shown, series, options_.purge_orphaned_data);
    if (!info.has_value() || (info->points == 0 && !filter.with_empty)) return;
    infos->push_back(*std::move(info));
  }

  std::vector<std::shared_ptr<Run>> AllRuns() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    std::vector<std::shared_ptr<Run>> runs;
    runs.reserve(runs_.size());
    for (const auto& [name, run] : runs_) runs.push_back(run);
    return runs;
  }

  std::vector<FoundRun> WantedRuns(const SeriesFilter& filter) const {
    std::vector<FoundRun> found;
    if (filter.runs.has_value()) {
      for (const std::string& name : *filter.runs) {
        std::optional<FoundRun> run = FindRun(RunName(name));
        if (run.has_value() && !run->attempt_file.has_value()) found.push_back(*std::move(run));
      }
      return found;
    }
    for (const std::shared_ptr<Run>& run : AllRuns()) {
      const std::shared_ptr<const RunView> view = run->View();
      for (const ShownRun& shown : view->shown) found.push_back({view, &shown, std::nullopt});
    }
    return found;
  }

  std::shared_ptr<Run> GetRun(absl::string_view name) const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    const auto run = runs_.find(RunName(std::string(name)));
    return run == runs_.end() ? nullptr : run->second;
  }

  // A run that is shown: of files, or split off.
  std::optional<FoundRun> FindShown(absl::string_view name) const {
    if (const std::shared_ptr<Run> run = GetRun(name); run != nullptr) {
      FoundRun found{run->View(), nullptr, std::nullopt};
      found.shown = &found.view->shown.front();
      return found;
    }
    // "<run>@<writer>", where either may hold an '@' too.
    for (size_t at = name.find('@'); at != absl::string_view::npos; at = name.find('@', at + 1)) {
      const std::shared_ptr<Run> run = GetRun(name.substr(0, at));
      if (run == nullptr) continue;
      const std::shared_ptr<const RunView> view = run->View();
      for (const ShownRun& shown : view->shown) {
        if (shown.name.value() == name) return FoundRun{view, &shown, std::nullopt};
      }
    }
    return std::nullopt;
  }

  // Also hidden attempts.
  std::optional<FoundRun> FindRun(const RunName& run) const {
    const absl::string_view name = run.value();
    std::optional<FoundRun> found = FindShown(name);
    const size_t attempt = name.rfind(kAttempt);
    if (found.has_value() || attempt == absl::string_view::npos) return found;
    uint32_t number = 0;
    if (!absl::SimpleAtoi(name.substr(attempt + kAttempt.size()), &number) || number == 0) {
      return std::nullopt;
    }
    found = FindShown(name.substr(0, attempt));
    if (!found.has_value() || number > found->view->files.size()) return std::nullopt;
    found->attempt_file = number - 1;
    return found;
  }

  const Options options_;
  const std::shared_ptr<std::atomic<uint64_t>> version_ =
      std::make_shared<std::atomic<uint64_t>>(0);
  const std::shared_ptr<MetadataTable> metadata_ = std::make_shared<MetadataTable>();

  mutable Mutex mu_;
  absl::flat_hash_map<RunName, std::shared_ptr<Run>> runs_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

std::unique_ptr<Index> Index::Make(const Options& options) {
  return std::make_unique<ColumnIndex>(options);
}

}  // namespace tributary
