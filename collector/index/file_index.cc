#include "collector/index/file_index.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "collector/index/placement.h"
#include "collector/index/rare_event.h"
#include "collector/index/summary_value.h"

namespace tributary {
namespace {

using Kind = ScannedValue::Kind;

constexpr absl::string_view kGraphTag = "__run_graph__";
// More series than any dashboard can show: beyond, values are counted as skipped.
constexpr size_t kSeriesMax = 1'000'000;
// Of a file that is garbage: the last entry then stands for all that follow.
constexpr size_t kDamageMax = 10'000;

}  // namespace

ColumnFileIndex::ColumnFileIndex(EventFileIdentity identity, std::shared_ptr<RecordSource> source,
                                 std::shared_ptr<ChangeCounts> run_changes,
                                 std::shared_ptr<ChangeCounts> index_changes,
                                 std::shared_ptr<MetadataTable> metadata)
    : identity_(std::move(identity)),
      source_(std::move(source)),
      index_changes_(std::move(index_changes)),
      metadata_(std::move(metadata)),
      run_changes_(std::move(run_changes)) {
  StartOver();
  MutexLock lock(&content_mu_);
  content_ = present_;
}

void ColumnFileIndex::StartOver() {
  reader_.emplace(TfRecordReader::Options());
  staged_ = FileContent::Facts();
  new_damage_.clear();
  dirty_.clear();
  series_by_tag_.clear();
  new_series_.clear();
  last_series_ = nullptr;
  // Shown for a first record without a usable wall time: the best that is known.
  const std::optional<int64_t> second = ParseWriter(identity_.file_name).start_second;
  last_wall_time_ = second.has_value() ? static_cast<double>(*second) : 0;
  MutexLock lock(&content_mu_);
  present_ = std::make_shared<FileContent>();
}

void ColumnFileIndex::Reset() {
  StartOver();
  Show();
}

void ColumnFileIndex::Show() {
  {
    MutexLock lock(&content_mu_);
    content_ = present_;
  }
  TellChange(true, true);
}

void ColumnFileIndex::SetRunChanges(std::shared_ptr<ChangeCounts> run_changes) {
  MutexLock lock(&changes_mu_);
  run_changes_ = std::move(run_changes);
}

void ColumnFileIndex::TellChange(bool of_run_structure, bool of_index_structure) {
  {
    MutexLock lock(&changes_mu_);
    if (of_run_structure) run_changes_->structure.fetch_add(1);
    run_changes_->data.fetch_add(1);
  }
  if (of_index_structure) index_changes_->structure.fetch_add(1);
  index_changes_->data.fetch_add(1);
}

void ColumnFileIndex::Append(absl::string_view bytes) {
  reader_->Feed(bytes);
  ReadRecords();
}

void ColumnFileIndex::TakeZerosAsDamage() {
  reader_->TakeZerosAsDamage();
  ReadRecords();
}

bool ColumnFileIndex::Rewind() {
  if (!reader_->framing_holds()) return false;
  TfRecordReader::Options options;
  options.start_offset = reader_->boundary_offset();
  reader_.emplace(options);
  Publish();
  return true;
}

void ColumnFileIndex::ReadRecords() {
  while (std::optional<TfRecordReader::Outcome> outcome = reader_->Next()) {
    if (outcome->damage.has_value()) {
      new_damage_.push_back(*outcome->damage);
    } else {
      OnRecord(*outcome->record);
    }
  }
  Publish();
}

void ColumnFileIndex::OnRecord(const TfRecordReader::Record& record) {
  Place place;
  place.payload_offset = record.offset + kRecordHeaderBytes;
  place.payload_bytes = record.payload_bytes;
  if (record.payload.size() < record.payload_bytes) {
    // Longer than any record is kept whole for. Its bytes are sound, but it is not shown.
    ++staged_.records;
    ++staged_.skipped_values;
    return;
  }
  ScannedEvent event;
  ScanResult result = ScanEvent(record.payload, &event);
  value_count_ = 0;
  if (result == ScanResult::kOk && event.what == ScannedEvent::What::kSummary) {
    result = ReadSummary(event.what_bytes);
  }
  std::string normal;  // Keeps what `event` and `values_` point into.
  if (result == ScanResult::kRare) {
    value_count_ = 0;
    result = NormaliseEvent(record.payload, &normal) ? ScanEvent(normal, &event)
                                                     : ScanResult::kMalformed;
    if (result == ScanResult::kOk && event.what == ScannedEvent::What::kSummary) {
      result = ReadSummary(event.what_bytes);
    }
  }
  if (result != ScanResult::kOk) {
    new_damage_.push_back(Damage{record.offset,
                                 kRecordHeaderBytes + record.payload_bytes + kRecordFooterBytes,
                                 DamageCause::kUndecodable});
    return;
  }
  ++staged_.records;
  place.step = event.step;
  place.wall_time = ShownWallTime(event.wall_time);
  OnEvent(event, place);
}

ScanResult ColumnFileIndex::ReadSummary(absl::string_view summary) {
  SummaryScanner scanner(summary);
  while (true) {
    if (value_count_ == values_.size()) values_.emplace_back();
    if (!scanner.Next(&values_[value_count_])) return scanner.result();
    ++value_count_;
  }
}

double ColumnFileIndex::ShownWallTime(double wall_time) {
  if (!std::isfinite(wall_time)) return last_wall_time_;
  last_wall_time_ = wall_time;
  staged_.newest_time = std::max(staged_.newest_time, wall_time);
  if (!staged_.first_wall_time.has_value()) {
    staged_.first_wall_time = wall_time;
    staged_.start_time = wall_time;
  } else if (wall_time < *staged_.start_time) {
    staged_.start_time = wall_time;
  }
  return wall_time;
}

void ColumnFileIndex::OnEvent(const ScannedEvent& event, const Place& place) {
  switch (event.what) {
    case ScannedEvent::What::kSummary:
      for (size_t i = 0; i < value_count_; ++i) {
        AddValue(values_[i], static_cast<uint32_t>(i), place);
      }
      return;
    case ScannedEvent::What::kGraphDef:
      AddBlobEvent(kGraphTag, GraphMetadata(), place);
      return;
    case ScannedEvent::What::kTaggedRunMetadata:
      AddBlobEvent(TaggedRunMetadataTag(event.what_bytes), TaggedRunMetadataMetadata(), place);
      return;
    default:
      return;  // Nothing to show.
  }
}

void ColumnFileIndex::AddBlobEvent(absl::string_view tag, SeriesMetadata metadata,
                                   const Place& place) {
  FileSeries* series = FindSeries(tag);
  if (series == nullptr) series = MakeSeries(tag, std::move(metadata));
  if (series == nullptr || series->metadata->data_class != DataClass::kBlobSequence) {
    ++staged_.skipped_values;
    return;
  }
  AddReference(series, place, 0, 1);
}

void ColumnFileIndex::AddReference(FileSeries* series, const Place& place, uint32_t value_index,
                                   uint32_t length) {
  series->references->Add({place.step, place.wall_time, place.payload_offset, place.payload_bytes,
                           value_index, length});
  Touch(series);
}

void ColumnFileIndex::AddValue(const ScannedValue& value, uint32_t value_index,
                               const Place& place) {
  FileSeries* series = FindSeries(value.tag);
  if (series == nullptr) {
    std::optional<SeriesMetadata> metadata = InitialMetadata(value);
    if (metadata.has_value()) series = MakeSeries(value.tag, *std::move(metadata));
    if (series == nullptr) {
      ++staged_.skipped_values;
      return;
    }
  }
  bool taken = false;
  if (series->scalars != nullptr) {
    ScannedScalarTensor tensor;
    if (value.kind == Kind::kSimpleValue) {
      series->scalars->Add(place.step, place.wall_time, double{value.simple_value}, true);
      taken = true;
    } else if (value.kind == Kind::kTensor && ScanScalarTensor(value.value_bytes, &tensor)) {
      series->scalars->Add(place.step, place.wall_time, tensor.value, tensor.exact_in_float);
      taken = true;
    }
    if (taken) Touch(series);
  }
  if (series->references != nullptr) {
    const std::optional<uint32_t> blobs = BlobCount(value, series->metadata->plugin_name);
    const bool wants_blobs = series->metadata->data_class == DataClass::kBlobSequence;
    if (wants_blobs ? blobs.has_value() : IsTensorPoint(value)) {
      AddReference(series, place, value_index, blobs.value_or(0));
      taken = true;
    }
  }
  if (!taken) ++staged_.skipped_values;
}

FileSeries* ColumnFileIndex::FindSeries(absl::string_view tag) {
  // Writers repeat themselves: the tag that followed last time follows again.
  if (last_series_ != nullptr && last_series_->follower != nullptr &&
      last_series_->follower->tag == tag) {
    return last_series_ = last_series_->follower;
  }
  const auto found = series_by_tag_.find(tag);
  if (found == series_by_tag_.end()) return nullptr;
  if (last_series_ != nullptr) last_series_->follower = found->second;
  return last_series_ = found->second;
}

FileSeries* ColumnFileIndex::MakeSeries(absl::string_view tag, SeriesMetadata metadata) {
  if (series_by_tag_.size() >= kSeriesMax) return nullptr;
  const bool undeclared =
      metadata.data_class == DataClass::kUnknown && metadata.plugin_name.empty();
  auto series =
      std::make_unique<FileSeries>(tag, metadata_->Share(std::move(metadata)), undeclared);
  if (last_series_ != nullptr) last_series_->follower = series.get();
  last_series_ = series.get();
  series_by_tag_.emplace(series->tag, series.get());
  new_series_.push_back(std::move(series));
  return last_series_;
}

void ColumnFileIndex::Touch(FileSeries* series) {
  if (series->dirty) return;
  series->dirty = true;
  dirty_.push_back(series);
}

void ColumnFileIndex::Publish() {
  const bool structure_changed = !new_series_.empty();
  staged_.indexed_bytes = reader_->fed_offset();
  staged_.boundary_offset = reader_->boundary_offset();
  staged_.framing_holds = reader_->framing_holds();
  staged_.at_zeros = reader_->at_zeros();
  staged_.stuck_at_zeros = reader_->stuck_at_zeros();
  staged_.pending_damage = reader_->pending_damage();
  const std::shared_ptr<FileContent> content = present();
  bool first_records = false;
  {
    MutexLock lock(&content->mu);
    first_records = content->facts.records == 0 && staged_.records > 0;
    content->facts = staged_;
    for (const Damage& damage : new_damage_) {
      if (content->damage.size() < kDamageMax) {
        content->damage.push_back(damage);
      } else {
        Damage& last = content->damage.back();
        last.length_bytes = damage.offset + damage.length_bytes - last.offset;
      }
    }
    for (auto& series : new_series_) content->series.push_back(std::move(series));
    for (FileSeries* series : dirty_) {
      if (series->scalars != nullptr) series->scalars->Publish();
      if (series->references != nullptr) series->references->Publish();
    }
  }
  for (FileSeries* series : dirty_) series->dirty = false;
  dirty_.clear();
  new_series_.clear();
  new_damage_.clear();
  TellChange(structure_changed, first_records);
}

std::shared_ptr<FileContent> ColumnFileIndex::content() const {
  MutexLock lock(&content_mu_);
  return content_;
}

std::shared_ptr<FileContent> ColumnFileIndex::present() const {
  MutexLock lock(&content_mu_);
  return present_;
}

FileContent::Facts ColumnFileIndex::GetFacts() const {
  const std::shared_ptr<FileContent> content = present();
  MutexLock lock(&content->mu);
  return content->facts;
}

bool ColumnFileIndex::at_zeros() const { return GetFacts().at_zeros; }
bool ColumnFileIndex::stuck_at_zeros() const { return GetFacts().stuck_at_zeros; }
uint64_t ColumnFileIndex::indexed_bytes() const { return GetFacts().indexed_bytes; }
uint64_t ColumnFileIndex::records() const { return GetFacts().records; }
uint64_t ColumnFileIndex::skipped_values() const { return GetFacts().skipped_values; }
uint64_t ColumnFileIndex::boundary_offset() const { return GetFacts().boundary_offset; }
bool ColumnFileIndex::framing_holds() const { return GetFacts().framing_holds; }

std::vector<Damage> ColumnFileIndex::damage() const {
  const std::shared_ptr<FileContent> content = present();
  MutexLock lock(&content->mu);
  std::vector<Damage> all = content->damage;
  if (content->facts.pending_damage.has_value()) all.push_back(*content->facts.pending_damage);
  return all;
}

}  // namespace tributary
