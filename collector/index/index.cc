#include "collector/index/index.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "collector/index/file_index.h"
#include "collector/index/metadata_table.h"
#include "collector/index/run.h"
#include "collector/index/selected_runs.h"
#include "common/check.h"
#include "common/mutex.h"

namespace tributary {
namespace {

constexpr absl::string_view kAttempt = "#attempt-";

std::vector<FoundRun> ShownOf(const std::vector<std::shared_ptr<Run>>& runs) {
  std::vector<FoundRun> found;
  found.reserve(runs.size());
  for (const std::shared_ptr<Run>& run : runs) {
    const std::shared_ptr<const RunView> view = run->View();
    for (const ShownRun& shown : view->shown) found.push_back({shown.name, view, &shown});
  }
  return found;
}

// The runs of all files. Lock order: this, then one Run, then one file's. None is held while a file
// is read.
class RunTable {
 public:
  std::shared_ptr<FileIndex> AddFile(const EventFileIdentity& identity,
                                     std::shared_ptr<RecordSource> source) {
    CHECK(!identity.run.value().empty(), "file ", identity.path, " has no run");
    MutexLock lock(&mu_);
    std::shared_ptr<Run>& run = runs_[identity.run];
    if (run == nullptr) run = std::make_shared<Run>(identity.run);
    auto file = std::make_shared<ColumnFileIndex>(identity, std::move(source), run->changes(),
                                                  changes_, metadata_);
    run->Add(file);
    changes_->data.fetch_add(1);
    return file;
  }

  void RemoveFile(const std::shared_ptr<FileIndex>& file) {
    MutexLock lock(&mu_);
    // Every FileIndex was made by AddFile.
    const auto& identity = static_cast<const ColumnFileIndex&>(*file).identity();
    const auto run = runs_.find(identity.run);
    if (run == runs_.end()) return;
    if (run->second->Remove(file.get())) runs_.erase(run);
    changes_->structure.fetch_add(1);
    changes_->data.fetch_add(1);
  }

  const ChangeCounts& changes() const { return *changes_; }

  std::vector<std::shared_ptr<Run>> All() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    std::vector<std::shared_ptr<Run>> runs;
    runs.reserve(runs_.size());
    for (const auto& [name, run] : runs_) runs.push_back(run);
    return runs;
  }

  // The run of that name, and those below it.
  std::vector<std::shared_ptr<Run>> Below(const std::string& name_space) const
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    std::vector<std::shared_ptr<Run>> runs;
    if (const auto same = runs_.find(RunName(name_space)); same != runs_.end()) {
      runs.push_back(same->second);
    }
    const std::string prefix = absl::StrCat(name_space, "/");
    for (auto run = runs_.lower_bound(RunName(prefix));
         run != runs_.end() && absl::StartsWith(run->first.value(), prefix); ++run) {
      runs.push_back(run->second);
    }
    return runs;
  }

  std::vector<std::shared_ptr<Run>> Only(const std::vector<RunName>& names) const
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    std::vector<std::shared_ptr<Run>> runs;
    runs.reserve(names.size());
    for (const RunName& name : names) {
      if (const auto run = runs_.find(name); run != runs_.end()) runs.push_back(run->second);
    }
    return runs;
  }

  // Also hidden attempts.
  std::optional<FoundRun> Find(const RunName& run) const {
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
    found->name = run;
    found->attempt_file = number - 1;
    return found;
  }

 private:
  std::shared_ptr<Run> Get(absl::string_view name) const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    const auto run = runs_.find(RunName(std::string(name)));
    return run == runs_.end() ? nullptr : run->second;
  }

  // A run that is shown: of files, or split off.
  std::optional<FoundRun> FindShown(absl::string_view name) const {
    if (const std::shared_ptr<Run> run = Get(name); run != nullptr) {
      FoundRun found{RunName(std::string(name)), run->View()};
      found.shown = &found.view->shown.front();
      return found;
    }
    // "<run>@<writer>", where either may hold an '@' too.
    for (size_t at = name.find('@'); at != absl::string_view::npos; at = name.find('@', at + 1)) {
      const std::shared_ptr<Run> run = Get(name.substr(0, at));
      if (run == nullptr) continue;
      const std::shared_ptr<const RunView> view = run->View();
      for (const ShownRun& shown : view->shown) {
        if (shown.name.value() == name) return FoundRun{shown.name, view, &shown};
      }
    }
    return std::nullopt;
  }

  // `structure`: runs that come and go; `data`: anything.
  const std::shared_ptr<ChangeCounts> changes_ = std::make_shared<ChangeCounts>();
  const std::shared_ptr<MetadataTable> metadata_ = std::make_shared<MetadataTable>();

  mutable Mutex mu_;
  // In the order of names, so that what is below one name stands together.
  absl::btree_map<RunName, std::shared_ptr<Run>> runs_ ABSL_GUARDED_BY(mu_);
};

class TableSelection : public RunSelection {
 public:
  explicit TableSelection(const RunTable* table) : table_(table) {}
  uint64_t version() const override { return table_->changes().data.load(); }
  std::vector<FoundRun> Listed() const override { return ShownOf(table_->All()); }
  std::optional<FoundRun> Find(const RunName& name) const override { return table_->Find(name); }

 protected:
  const RunTable* const table_;
};

class OnlySelection : public TableSelection {
 public:
  OnlySelection(const RunTable* table, std::shared_ptr<const std::vector<RunName>> runs)
      : TableSelection(table), runs_(std::move(runs)) {}
  std::vector<FoundRun> Listed() const override { return ShownOf(table_->Only(*runs_)); }

 private:
  const std::shared_ptr<const std::vector<RunName>> runs_;
};

class BelowSelection : public TableSelection {
 public:
  BelowSelection(const RunTable* table, std::string name_space)
      : TableSelection(table), name_space_(std::move(name_space)) {}

  std::vector<FoundRun> Listed() const override {
    std::vector<FoundRun> found = ShownOf(table_->Below(name_space_));
    for (FoundRun& run : found) {
      const std::string& name = run.name.value();
      // "job/x" is "x"; "job" is "." and what was split off it, "job@writer", is ".@writer".
      run.name = RunName(name.size() > name_space_.size() && name[name_space_.size()] == '/'
                             ? name.substr(name_space_.size() + 1)
                             : absl::StrCat(".", name.substr(name_space_.size())));
    }
    return found;
  }

  std::optional<FoundRun> Find(const RunName& name) const override {
    std::optional<FoundRun> found =
        table_->Find(RunName(absl::StrCat(name_space_, "/", name.value())));
    if (!found.has_value() && absl::StartsWith(name.value(), ".")) {
      found = table_->Find(RunName(absl::StrCat(name_space_, name.value().substr(1))));
    }
    if (found.has_value()) found->name = name;
    return found;
  }

  bool has_root() const override { return false; }

 private:
  const std::string name_space_;
};

class ColumnIndex : public Index {
 public:
  explicit ColumnIndex(const Options& options)
      : purge_(options.purge_orphaned_data),
        all_(std::make_unique<TableSelection>(&table_), purge_) {}

  std::shared_ptr<FileIndex> AddFile(const EventFileIdentity& identity,
                                     std::shared_ptr<RecordSource> source) override {
    return table_.AddFile(identity, std::move(source));
  }
  void RemoveFile(const std::shared_ptr<FileIndex>& file) override { table_.RemoveFile(file); }
  uint64_t runs_version() const override { return table_.changes().structure.load(); }

  std::unique_ptr<const IndexReader> Below(std::string name_space) const override {
    return std::make_unique<SelectedRuns>(
        std::make_unique<BelowSelection>(&table_, std::move(name_space)), purge_);
  }
  std::unique_ptr<const IndexReader> Only(
      std::shared_ptr<const std::vector<RunName>> runs) const override {
    return std::make_unique<SelectedRuns>(std::make_unique<OnlySelection>(&table_, std::move(runs)),
                                          purge_);
  }
  NewestRuns Newest(uint64_t runs_max) const override;
  std::vector<RunOverview> Overview(const std::string& below) const override;

  uint64_t version() const override { return all_.version(); }
  std::vector<RunInfo> Runs() const override { return all_.Runs(); }
  std::vector<std::string> Plugins() const override { return all_.Plugins(); }
  std::vector<SeriesInfo> ListSeries(const SeriesFilter& filter) const override {
    return all_.ListSeries(filter);
  }
  std::optional<SeriesInfo> FindSeries(const RunName& run, const Tag& tag) const override {
    return all_.FindSeries(run, tag);
  }
  absl::StatusOr<ScalarPoints> ReadScalars(const RunName& run, const Tag& tag,
                                           const ScalarQuery& query) const override {
    return all_.ReadScalars(run, tag, query);
  }
  absl::StatusOr<std::vector<RecordReference>> ReadReferences(const RunName& run, const Tag& tag,
                                                              uint64_t points_max) const override {
    return all_.ReadReferences(run, tag, points_max);
  }
  std::vector<RunName> SourceNames(const RunName& run) const override {
    return all_.SourceNames(run);
  }

 private:
  const bool purge_;
  RunTable table_;
  const SelectedRuns all_;
};

std::vector<RunOverview> ColumnIndex::Overview(const std::string& below) const {
  std::vector<RunOverview> overviews;
  for (const std::shared_ptr<Run>& run : below.empty() ? table_.All() : table_.Below(below)) {
    const std::shared_ptr<const RunView> view = run->View();
    RunOverview& overview = overviews.emplace_back(RunOverview{run->name()});
    for (const ShownRun& shown : view->shown) {
      const std::optional<RunInfo> info = view->Info(RunName(), shown);
      if (!info.has_value()) continue;
      overview.start_time =
          overview.shown == 0 ? info->start_time : std::min(overview.start_time, info->start_time);
      overview.newest_time = std::max(overview.newest_time, info->newest_time);
      ++overview.shown;
    }
  }
  return overviews;
}

NewestRuns ColumnIndex::Newest(uint64_t runs_max) const {
  NewestRuns answer;
  std::vector<RunOverview> runs = Overview("");
  std::sort(runs.begin(), runs.end(), [](const RunOverview& a, const RunOverview& b) {
    return a.newest_time != b.newest_time ? a.newest_time > b.newest_time : a.name < b.name;
  });
  bool full = false;
  for (RunOverview& run : runs) {
    answer.total += run.shown;
    full = full || (!answer.runs.empty() && answer.shown + run.shown > runs_max);
    if (full || run.shown == 0) continue;
    answer.shown += run.shown;
    answer.runs.push_back(std::move(run.name));
  }
  std::sort(answer.runs.begin(), answer.runs.end());
  return answer;
}

}  // namespace

std::unique_ptr<Index> Index::Make(const Options& options) {
  return std::make_unique<ColumnIndex>(options);
}

}  // namespace tributary
