#include "collector/index/selected_runs.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "collector/index/downsample.h"

namespace tributary {
namespace {

template <typename Value>
void KeepPlaces(const std::vector<uint64_t>& places, std::vector<Value>* values) {
  for (size_t i = 0; i < places.size(); ++i) (*values)[i] = std::move((*values)[places[i]]);
  values->resize(places.size());
}

void KeepPlaces(const std::vector<uint64_t>& places, ScalarPoints* points) {
  KeepPlaces(places, &points->steps);
  KeepPlaces(places, &points->wall_times);
  KeepPlaces(places, &points->values);
}

// Keeps at most `points_max` of `points`.
void Sample(uint64_t points_max, ScalarPoints* points) {
  if (points_max == 0 || points->steps.size() <= points_max) return;
  KeepPlaces(SampleExtremes(points->values, points_max), points);
}

void KeepSteps(const IndexReader::ScalarQuery& query, ScalarPoints* points) {
  std::vector<uint64_t> places;
  for (uint64_t i = 0; i < points->steps.size(); ++i) {
    if (points->steps[i] >= query.from_step.value_or(points->steps[i]) &&
        points->steps[i] <= query.to_step.value_or(points->steps[i])) {
      places.push_back(i);
    }
  }
  KeepPlaces(places, points);
}

absl::Status NoSeries(absl::string_view what, const RunName& run, const Tag& tag) {
  return absl::NotFoundError(
      absl::StrCat("no ", what, " \"", tag.value(), "\" in run \"", run.value(), "\""));
}

}  // namespace

std::vector<RunInfo> SelectedRuns::Runs() const {
  std::vector<RunInfo> infos;
  for (const FoundRun& run : selection_->Listed()) {
    std::optional<RunInfo> info = run.view->Info(run.name, *run.shown);
    if (info.has_value()) infos.push_back(*std::move(info));
  }
  std::sort(infos.begin(), infos.end(), [](const RunInfo& a, const RunInfo& b) {
    return std::tie(a.start_time, a.name) < std::tie(b.start_time, b.name);
  });
  return infos;
}

std::vector<std::string> SelectedRuns::Plugins() const {
  absl::flat_hash_set<const SeriesMetadata*> seen;
  std::set<std::string> names;
  for (const FoundRun& run : selection_->Listed()) {
    for (const SeriesView& series : run.shown->series) {
      const SeriesMetadata& metadata = *series.metadata;
      const bool declared = metadata.data_class != DataClass::kUnknown;
      if (declared && seen.insert(&metadata).second) names.insert(metadata.plugin_name);
    }
  }
  return {names.begin(), names.end()};
}

std::vector<FoundRun> SelectedRuns::Wanted(const SeriesFilter& filter) const {
  if (!filter.runs.has_value()) return selection_->Listed();
  std::vector<FoundRun> found;
  for (const std::string& name : *filter.runs) {
    std::optional<FoundRun> run = selection_->Find(RunName(name));
    if (run.has_value() && !run->attempt_file.has_value()) found.push_back(*std::move(run));
  }
  return found;
}

void SelectedRuns::Describe(const FoundRun& run, const SeriesView& series,
                            const SeriesFilter& filter, std::vector<SeriesInfo>* infos) const {
  if (series.metadata->plugin_name != filter.plugin_name) return;
  std::optional<SeriesInfo> info = run.view->Describe(run.name, series, purge_);
  if (!info.has_value() || (info->points == 0 && !filter.with_empty)) return;
  infos->push_back(*std::move(info));
}

std::vector<SeriesInfo> SelectedRuns::ListSeries(const SeriesFilter& filter) const {
  std::vector<SeriesInfo> infos;
  for (const FoundRun& run : Wanted(filter)) {
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

std::optional<SeriesInfo> SelectedRuns::FindSeries(const RunName& run, const Tag& tag) const {
  const std::optional<FoundRun> found = selection_->Find(run);
  if (!found.has_value() || found->attempt_file.has_value()) return std::nullopt;
  const SeriesView* series = found->shown->Find(tag);
  if (series == nullptr) return std::nullopt;
  std::optional<SeriesInfo> info = found->view->Describe(found->name, *series, purge_);
  if (info.has_value() && info->points == 0) return std::nullopt;
  return info;
}

absl::StatusOr<ScalarPoints> SelectedRuns::ReadScalars(const RunName& run, const Tag& tag,
                                                       const ScalarQuery& query) const {
  const std::optional<FoundRun> found = selection_->Find(run);
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
    found->view->ReadScalars(*series, query.from_step, query.to_step, purge_, &points);
  }
  if (query.from_step.has_value() || query.to_step.has_value()) {
    const auto info = found->attempt_file.has_value() ? std::nullopt : FindSeries(run, tag);
    points.total = info.has_value() ? info->points : points.total;
  }
  Sample(query.points_max, &points);
  return points;
}

absl::StatusOr<std::vector<RecordReference>> SelectedRuns::ReadReferences(
    const RunName& run, const Tag& tag, uint64_t points_max) const {
  const std::optional<FoundRun> found = selection_->Find(run);
  const SeriesView* series = found.has_value() ? found->shown->Find(tag) : nullptr;
  if (series == nullptr || (series->metadata->data_class != DataClass::kTensor &&
                            series->metadata->data_class != DataClass::kBlobSequence)) {
    return NoSeries("tensor or blob series", run, tag);
  }
  std::vector<RecordReference> references =
      found->attempt_file.has_value()
          ? found->view->ReadDroppedReferences(*series, *found->attempt_file)
          : found->view->ReadReferences(*series, purge_);
  if (references.empty()) return NoSeries("tensor or blob series", run, tag);
  if (points_max > 0) KeepPlaces(SampleEvenly(references.size(), points_max), &references);
  return references;
}

std::vector<RunName> SelectedRuns::SourceNames(const RunName& run) const {
  const std::optional<FoundRun> found = selection_->Find(run);
  std::set<RunName> names;
  if (found.has_value()) {
    for (const RunView::File& file : found->view->files) names.insert(file.run);
  }
  if (names.empty() && run.value() == "." && selection_->has_root()) names.insert(run);
  return {names.begin(), names.end()};
}

}  // namespace tributary
