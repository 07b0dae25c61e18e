// Reads one event file into columns.
#ifndef TRIBUTARY_COLLECTOR_INDEX_FILE_INDEX_H_
#define TRIBUTARY_COLLECTOR_INDEX_FILE_INDEX_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "collector/index/file_content.h"
#include "collector/index/index.h"
#include "collector/index/metadata_table.h"
#include "common/eventfile/event_scan.h"
#include "common/eventfile/tfrecord_reader.h"
#include "common/mutex.h"

namespace tributary {

// Told when files change. Bumped after the change can be seen.
struct ChangeCounts {
  // Of a run: a file or a series came or went. Of the index: a run did, as far as is known.
  std::atomic<uint64_t> structure{0};
  std::atomic<uint64_t> data{0};  // anything
};

// The writer's state needs no lock: FileIndex has one owner. It stages an Append privately and
// publishes at its end, under the lock of the content, for as long as it takes to note the new
// lengths of the series that changed.
class ColumnFileIndex : public FileIndex {
 public:
  // Both counts are bumped with every change.
  ColumnFileIndex(EventFileIdentity identity, std::shared_ptr<RecordSource> source,
                  std::shared_ptr<ChangeCounts> run_changes,
                  std::shared_ptr<ChangeCounts> index_changes,
                  std::shared_ptr<MetadataTable> metadata);

  void Append(absl::string_view bytes) override;
  void Reset() override;
  void BeginAnew() override { StartOver(); }
  void Show() override;
  bool at_zeros() const override;
  bool stuck_at_zeros() const override;
  void TakeZerosAsDamage() override;
  bool Rewind() override;
  uint64_t awaited_end() const override { return reader_->awaited_end(); }
  uint64_t indexed_bytes() const override;
  uint64_t records() const override;
  uint64_t skipped_values() const override;
  std::vector<Damage> damage() const override;
  uint64_t boundary_offset() const override;
  bool framing_holds() const override;

  // The file belongs to another run from now on. Thread-safe. Whoever moves it says so to both runs
  // afterwards.
  void SetRunChanges(std::shared_ptr<ChangeCounts> run_changes) ABSL_LOCKS_EXCLUDED(changes_mu_);
  const EventFileIdentity& identity() const { return identity_; }
  const std::shared_ptr<RecordSource>& source() const { return source_; }
  // As readers see it.
  std::shared_ptr<FileContent> content() const ABSL_LOCKS_EXCLUDED(content_mu_);

 private:
  // Where the record in hand is.
  struct Place {
    int64_t step = 0;
    double wall_time = 0;
    uint64_t payload_offset = 0;
    uint64_t payload_bytes = 0;
  };

  std::shared_ptr<FileContent> present() const ABSL_LOCKS_EXCLUDED(content_mu_);
  FileContent::Facts GetFacts() const;
  void ReadRecords();
  void OnRecord(const TfRecordReader::Record& record);
  void OnEvent(const ScannedEvent& event, const Place& place);
  // Fills values_.
  ScanResult ReadSummary(absl::string_view summary);
  void AddBlobEvent(absl::string_view tag, SeriesMetadata metadata, const Place& place);
  void AddValue(const ScannedValue& value, uint32_t value_index, const Place& place);
  void AddReference(FileSeries* series, const Place& place, uint32_t value_index, uint32_t length);
  FileSeries* FindSeries(absl::string_view tag);
  FileSeries* MakeSeries(absl::string_view tag, SeriesMetadata metadata);
  double ShownWallTime(double wall_time);
  void Touch(FileSeries* series);
  void Publish();
  void StartOver();
  // Tells that readers see something new.
  void TellChange(bool of_run_structure, bool of_index_structure) ABSL_LOCKS_EXCLUDED(changes_mu_);

  // Constant after construction.
  const EventFileIdentity identity_;
  const std::shared_ptr<RecordSource> source_;
  const std::shared_ptr<ChangeCounts> index_changes_;
  const std::shared_ptr<MetadataTable> metadata_;

  // Of the owner, staged.
  std::optional<TfRecordReader> reader_;
  FileContent::Facts staged_;
  std::vector<Damage> new_damage_;
  std::vector<std::unique_ptr<FileSeries>> new_series_;
  std::vector<FileSeries*> dirty_;
  absl::flat_hash_map<absl::string_view, FileSeries*> series_by_tag_;
  FileSeries* last_series_ = nullptr;
  double last_wall_time_ = 0;
  // Of the event in hand: the first `value_count_` of these, which are kept for their memory.
  std::vector<ScannedValue> values_;
  size_t value_count_ = 0;

  // Held while a change is told: one that a move did not see is told to the new run.
  Mutex changes_mu_;
  std::shared_ptr<ChangeCounts> run_changes_ ABSL_GUARDED_BY(changes_mu_);
  mutable Mutex content_mu_;
  std::shared_ptr<FileContent> present_ ABSL_GUARDED_BY(content_mu_);  // that Append goes to
  std::shared_ptr<FileContent> content_ ABSL_GUARDED_BY(content_mu_);  // that is shown
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_FILE_INDEX_H_
