#include "collector/index/run.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "collector/index/placement.h"

namespace tributary {
namespace {

auto OrderKey(const EventFileIdentity& identity) {
  return std::tie(identity.file_name, identity.node, identity.logdir_name, identity.path);
}

// What the files of a run hold, as placement wants it.
struct RunContents {
  std::vector<PlacedFile> placed;
  std::vector<std::vector<const FileSeries*>> series;
};

RunContents Collect(const std::vector<std::shared_ptr<ColumnFileIndex>>& files,
                    const std::vector<RunView::File>& views) {
  RunContents contents;
  absl::flat_hash_map<absl::string_view, uint32_t> tag_numbers;
  for (size_t i = 0; i < files.size(); ++i) {
    PlacedFile placed;
    placed.writer = ParseWriter(files[i]->identity().file_name);
    std::vector<const FileSeries*>& series_of_file = contents.series.emplace_back();
    const FileContent& content = *views[i].content;
    MutexLock lock(&content.mu);
    placed.first_wall_time = content.facts.first_wall_time;
    for (const auto& series : content.series) {
      const uint32_t next = static_cast<uint32_t>(tag_numbers.size());
      PlacedSeries entry;
      entry.tag = tag_numbers.try_emplace(series->tag, next).first->second;
      entry.scalar = series->scalars != nullptr && series->scalars->summary().points > 0;
      if (entry.scalar) entry.max_wall_time = series->scalars->summary().max_wall_time;
      placed.series.push_back(entry);
      series_of_file.push_back(series.get());
    }
    contents.placed.push_back(std::move(placed));
  }
  return contents;
}

// The metadata of a series whose parts come in order: of the first that has any.
void NoteMetadata(SeriesView* view) {
  view->tag = view->parts.front().series->tag;
  view->metadata = view->parts.front().series->metadata;
  for (const SeriesView::Part& part : view->parts) {
    if (part.series->undeclared) continue;
    view->metadata = part.series->metadata;
    return;
  }
}

// Whether what `series` holds counts in a series of the class.
bool Fits(const FileSeries& series, DataClass data_class) {
  return series.undeclared || series.metadata->data_class == data_class;
}

void LowerTo(std::optional<int64_t>* cut, int64_t min_step) {
  *cut = cut->has_value() ? std::min(**cut, min_step) : min_step;
}

// Folds one part, which comes before those folded already, into `info`.
void AddPart(uint64_t points, int64_t last_step, double max_wall_time, uint64_t max_length,
             SeriesInfo* info) {
  if (points == 0) return;
  if (info->points == 0) {
    info->max_step = Step(last_step);
    info->max_wall_time = WallTime(max_wall_time);
  } else {
    info->max_wall_time = WallTime(std::max(info->max_wall_time.value(), max_wall_time));
  }
  info->points += points;
  info->max_length = std::max(info->max_length, max_length);
}

void DescribeScalars(const FileContent& content, const FileSeries& series, bool purge,
                     std::optional<int64_t>* cut, SeriesInfo* info) {
  ScalarSummary summary;
  std::optional<ScalarSnapshot> snapshot;
  {
    MutexLock lock(&content.mu);
    summary = series.scalars->summary();
    if (summary.points == 0) return;
    const bool is_cut = cut->has_value() && summary.last_step >= **cut;
    const bool simple = !is_cut && (summary.dropped == 0 || summary.wall_times_ascend);
    if (purge && !simple) snapshot = series.scalars->Take();
  }
  if (snapshot.has_value()) {
    ScalarPoints kept;
    snapshot->ReadKept({*cut, std::nullopt, std::nullopt}, &kept);
    if (!kept.steps.empty()) {
      AddPart(kept.steps.size(), kept.steps.back(),
              *std::max_element(kept.wall_times.begin(), kept.wall_times.end()), 0, info);
    }
  } else {
    AddPart(purge ? summary.kept() : summary.points, summary.last_step, summary.max_wall_time, 0,
            info);
  }
  LowerTo(cut, summary.min_step);
}

void DescribeReferences(const FileContent& content, const FileSeries& series, bool purge,
                        std::optional<int64_t>* cut, SeriesInfo* info) {
  ReferenceColumn::Summary summary;
  std::vector<ReferencePoint> points;
  bool simple = true;
  {
    MutexLock lock(&content.mu);
    summary = series.references->summary();
    if (summary.points == 0) return;
    const bool is_cut = cut->has_value() && summary.last_step >= **cut;
    simple = !purge || (!is_cut && summary.steps_ascend);
    if (!simple) points = series.references->Take();
  }
  if (simple) {
    AddPart(summary.points, summary.last_step, summary.max_wall_time, summary.max_length, info);
  } else {
    const std::vector<ReferencePoint> kept = ApplyRestarts(points, *cut, false);
    for (auto point = kept.rbegin(); point != kept.rend(); ++point) {
      AddPart(1, point->step, point->wall_time, point->length, info);
    }
  }
  LowerTo(cut, summary.min_step);
}

}  // namespace

const SeriesView* ShownRun::Find(const Tag& tag) const {
  const auto found = std::lower_bound(
      series.begin(), series.end(), absl::string_view(tag.value()),
      [](const SeriesView& view, absl::string_view wanted) { return view.tag < wanted; });
  return found != series.end() && found->tag == tag.value() ? &*found : nullptr;
}

std::optional<SeriesInfo> RunView::Describe(const RunName& name, const SeriesView& series,
                                            bool purge) const {
  const DataClass data_class = series.metadata->data_class;
  if (data_class == DataClass::kUnknown) return std::nullopt;
  SeriesInfo info;
  std::optional<int64_t> cut;
  for (auto part = series.parts.rbegin(); part != series.parts.rend(); ++part) {
    if (!Fits(*part->series, data_class)) continue;
    const FileContent& content = *files[part->file].content;
    if (data_class == DataClass::kScalar) {
      DescribeScalars(content, *part->series, purge, &cut, &info);
    } else {
      DescribeReferences(content, *part->series, purge, &cut, &info);
    }
  }
  info.run = name;
  info.tag = Tag(std::string(series.tag));
  info.metadata = series.metadata;
  if (data_class != DataClass::kBlobSequence) info.max_length = 0;
  return info;
}

void RunView::ReadScalars(const SeriesView& series, std::optional<int64_t> from,
                          std::optional<int64_t> to, bool purge, ScalarPoints* out) const {
  std::vector<ScalarSnapshot> snapshots;
  for (const SeriesView::Part& part : series.parts) {
    if (!Fits(*part.series, DataClass::kScalar)) continue;
    const FileContent& content = *files[part.file].content;
    MutexLock lock(&content.mu);
    if (part.series->scalars->summary().points > 0) {
      snapshots.push_back(part.series->scalars->Take());
    }
  }
  std::vector<std::optional<int64_t>> cuts(snapshots.size());
  std::optional<int64_t> cut;
  for (size_t i = snapshots.size(); i-- > 0;) {
    cuts[i] = cut;
    LowerTo(&cut, snapshots[i].summary().min_step);
  }
  for (size_t i = 0; i < snapshots.size(); ++i) {
    if (purge) {
      snapshots[i].ReadKept({cuts[i], from, to}, out);
    } else {
      snapshots[i].ReadAll({std::nullopt, from, to}, out);
    }
  }
  out->total = out->steps.size();
}

void RunView::ReadDroppedScalars(const SeriesView& series, uint32_t file, ScalarPoints* out) const {
  std::optional<int64_t> cut;
  for (auto part = series.parts.rbegin(); part != series.parts.rend(); ++part) {
    if (!Fits(*part->series, DataClass::kScalar)) continue;
    ScalarSnapshot snapshot;
    {
      const FileContent& content = *files[part->file].content;
      MutexLock lock(&content.mu);
      if (part->series->scalars->summary().points == 0) continue;
      snapshot = part->series->scalars->Take();
    }
    if (part->file == file) {
      snapshot.ReadDropped({cut, std::nullopt, std::nullopt}, out);
      break;
    }
    LowerTo(&cut, snapshot.summary().min_step);
  }
  out->total = out->steps.size();
}

namespace {

void AppendReferences(const std::vector<ReferencePoint>& points, const RunView::File& file,
                      std::vector<RecordReference>* out) {
  for (const ReferencePoint& point : points) {
    out->push_back(RecordReference{Step(point.step), WallTime(point.wall_time), file.source,
                                   point.payload_offset, point.payload_bytes, point.value_index,
                                   point.length});
  }
}

std::vector<ReferencePoint> TakeReferences(const RunView::File& file, const FileSeries& series) {
  MutexLock lock(&file.content->mu);
  return series.references->Take();
}

}  // namespace

std::vector<RecordReference> RunView::ReadReferences(const SeriesView& series, bool purge) const {
  std::vector<std::pair<uint32_t, std::vector<ReferencePoint>>> kept;  // from the last file on
  std::optional<int64_t> cut;
  for (auto part = series.parts.rbegin(); part != series.parts.rend(); ++part) {
    if (!Fits(*part->series, series.metadata->data_class)) continue;
    std::vector<ReferencePoint> points = TakeReferences(files[part->file], *part->series);
    if (purge) points = ApplyRestarts(points, cut, false);
    for (const ReferencePoint& point : points) LowerTo(&cut, point.step);
    kept.emplace_back(part->file, std::move(points));
  }
  std::vector<RecordReference> references;
  for (auto entry = kept.rbegin(); entry != kept.rend(); ++entry) {
    AppendReferences(entry->second, files[entry->first], &references);
  }
  return references;
}

std::vector<RecordReference> RunView::ReadDroppedReferences(const SeriesView& series,
                                                            uint32_t file) const {
  std::vector<RecordReference> references;
  std::optional<int64_t> cut;
  for (auto part = series.parts.rbegin(); part != series.parts.rend(); ++part) {
    if (!Fits(*part->series, series.metadata->data_class)) continue;
    const std::vector<ReferencePoint> points = TakeReferences(files[part->file], *part->series);
    if (part->file == file) {
      AppendReferences(ApplyRestarts(points, cut, true), files[file], &references);
      break;
    }
    for (const ReferencePoint& point : points) LowerTo(&cut, point.step);
  }
  return references;
}

std::optional<RunInfo> RunView::Info(const RunName& name, const ShownRun& run) const {
  std::vector<bool> counts(files.size(), &run == shown.data());
  for (const SeriesView& series : run.series) {
    for (const SeriesView::Part& part : series.parts) counts[part.file] = true;
  }
  bool has_event = false;
  std::optional<double> start;
  RunInfo info{name};
  for (size_t i = 0; i < files.size(); ++i) {
    if (!counts[i]) continue;
    const FileContent& content = *files[i].content;
    MutexLock lock(&content.mu);
    const FileContent::Facts& facts = content.facts;
    has_event = has_event || facts.records > 0;
    if (!facts.start_time.has_value()) continue;
    start = std::min(start.value_or(*facts.start_time), *facts.start_time);
    info.newest_time = std::max(info.newest_time, facts.newest_time);
  }
  if (!has_event) return std::nullopt;
  info.start_time = start.value_or(0);
  return info;
}

void Run::Add(std::shared_ptr<ColumnFileIndex> file) {
  MutexLock lock(&mu_);
  const auto place = std::upper_bound(
      files_.begin(), files_.end(), file, [](const auto& inserted, const auto& there) {
        return OrderKey(inserted->identity()) < OrderKey(there->identity());
      });
  files_.insert(place, std::move(file));
  changes_->structure.fetch_add(1);
}

bool Run::Remove(const FileIndex* file) {
  MutexLock lock(&mu_);
  files_.erase(std::remove_if(files_.begin(), files_.end(),
                              [file](const auto& there) { return there.get() == file; }),
               files_.end());
  changes_->structure.fetch_add(1);
  return files_.empty();
}

bool Run::Take(const RunName& source, std::vector<std::shared_ptr<ColumnFileIndex>>* files) {
  MutexLock lock(&mu_);
  std::erase_if(files_, [&](const std::shared_ptr<ColumnFileIndex>& file) {
    if (file->identity().run != source) return false;
    files->push_back(file);
    return true;
  });
  changes_->structure.fetch_add(1);
  return files_.empty();
}

void Run::SetMerged(std::optional<bool> merged) {
  MutexLock lock(&mu_);
  merged_ = merged;
  changes_->structure.fetch_add(1);
}

std::shared_ptr<const RunView> Run::View() {
  MutexLock lock(&mu_);
  // Read before the view is made: what comes meanwhile makes another one.
  const uint64_t structure = changes_->structure.load();
  const uint64_t data = changes_->data.load();
  // A single file needs no placement, which is what depends on data.
  const bool fresh = view_ != nullptr && view_structure_ == structure &&
                     (files_.size() <= 1 || view_data_ == data);
  if (!fresh) {
    view_ = MakeView();
    view_structure_ = structure;
    view_data_ = data;
  }
  return view_;
}

std::shared_ptr<const RunView> Run::MakeView() const {
  auto view = std::make_shared<RunView>();
  for (const auto& file : files_) {
    view->files.push_back({file->identity().run, file->content(), file->source()});
  }
  const RunContents contents = Collect(files_, view->files);
  view->merged = merged_.value_or(std::any_of(
      files_.begin(), files_.end(), [](const auto& file) { return file->identity().merge; }));
  const Placement placement = Place(contents.placed, view->merged);

  view->shown.resize(1 + placement.splits.size());
  view->shown[0].name = name_;
  for (size_t i = 0; i < placement.splits.size(); ++i) {
    view->shown[i + 1].name = RunName(absl::StrCat(name_.value(), placement.splits[i]));
  }
  // Where the series of a tag is in its shown run.
  std::vector<absl::flat_hash_map<uint32_t, size_t>> places(view->shown.size());
  for (uint32_t i = 0; i < contents.series.size(); ++i) {
    for (size_t j = 0; j < contents.series[i].size(); ++j) {
      const uint32_t number = placement.run_of[i][j];
      std::vector<SeriesView>& series = view->shown[number].series;
      const auto [place, is_new] =
          places[number].try_emplace(contents.placed[i].series[j].tag, series.size());
      if (is_new) series.emplace_back();
      series[place->second].parts.push_back({i, contents.series[i][j]});
    }
  }
  for (ShownRun& run : view->shown) {
    for (SeriesView& series : run.series) NoteMetadata(&series);
    std::sort(run.series.begin(), run.series.end(),
              [](const SeriesView& a, const SeriesView& b) { return a.tag < b.tag; });
  }
  return view;
}

}  // namespace tributary
