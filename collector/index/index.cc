#include "collector/index/index.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "collector/index/run_table.h"
#include "collector/index/selected_runs.h"

namespace tributary {
namespace {

std::vector<FoundRun> ListedOf(const std::vector<RunTable::Entry>& entries) {
  std::vector<FoundRun> found;
  found.reserve(entries.size());
  for (const auto& [run, hidden] : entries) {
    if (hidden) continue;
    const std::shared_ptr<const RunView> view = run->View();
    for (const ShownRun& shown : view->shown) found.push_back({shown.name, view, &shown});
  }
  return found;
}

class TableSelection : public RunSelection {
 public:
  explicit TableSelection(const RunTable* table) : table_(table) {}
  uint64_t version() const override { return table_->changes().data.load(); }
  std::vector<FoundRun> Listed() const override { return ListedOf(table_->All()); }
  std::optional<FoundRun> Find(const RunName& name) const override { return table_->Find(name); }

 protected:
  const RunTable* const table_;
};

class OnlySelection : public TableSelection {
 public:
  OnlySelection(const RunTable* table, std::shared_ptr<const std::vector<RunName>> runs)
      : TableSelection(table), runs_(std::move(runs)) {}
  std::vector<FoundRun> Listed() const override { return ListedOf(table_->Only(*runs_)); }

 private:
  const std::shared_ptr<const std::vector<RunName>> runs_;
};

class BelowSelection : public TableSelection {
 public:
  BelowSelection(const RunTable* table, std::string name_space)
      : TableSelection(table), name_space_(std::move(name_space)) {}

  std::vector<FoundRun> Listed() const override {
    std::vector<FoundRun> found = ListedOf(table_->Below(name_space_));
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
  void SetRules(RunRules rules) override { table_.SetRules(std::move(rules)); }
  bool Has(const RunName& run) const override { return table_.Has(run); }
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
  for (const auto& [run, hidden] : below.empty() ? table_.All() : table_.Below(below)) {
    const std::shared_ptr<const RunView> view = run->View();
    RunOverview& overview = overviews.emplace_back();
    overview.name = run->name();
    overview.files = view->files.size();
    overview.hidden = hidden;
    overview.merged = view->merged;
    std::set<RunName> sources;
    for (const RunView::File& file : view->files) sources.insert(file.run);
    overview.sources.assign(sources.begin(), sources.end());
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
    if (run.hidden) continue;
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
