// The runs of all files, by the names that they are shown under.
#ifndef TRIBUTARY_COLLECTOR_INDEX_RUN_TABLE_H_
#define TRIBUTARY_COLLECTOR_INDEX_RUN_TABLE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/string_view.h"
#include "collector/index/file_index.h"
#include "collector/index/index.h"
#include "collector/index/metadata_table.h"
#include "collector/index/run.h"
#include "collector/index/selected_runs.h"
#include "common/mutex.h"

namespace tributary {

// Thread-safe. Lock order: this, then one Run, then one file's. None is held while a file is read.
class RunTable {
 public:
  std::shared_ptr<FileIndex> AddFile(const EventFileIdentity& identity,
                                     std::shared_ptr<RecordSource> source) ABSL_LOCKS_EXCLUDED(mu_);
  void RemoveFile(const std::shared_ptr<FileIndex>& file) ABSL_LOCKS_EXCLUDED(mu_);
  // Moves files so that every one is in the run that the rules say.
  void SetRules(RunRules rules) ABSL_LOCKS_EXCLUDED(mu_);

  // `structure`: runs that come and go; `data`: anything.
  const ChangeCounts& changes() const { return *changes_; }

  struct Entry {
    std::shared_ptr<Run> run;
    bool hidden = false;
  };
  // By name.
  std::vector<Entry> All() const ABSL_LOCKS_EXCLUDED(mu_);
  // The run of that name, and those below it.
  std::vector<Entry> Below(const std::string& name_space) const ABSL_LOCKS_EXCLUDED(mu_);
  // In the order of `names`, each once, though several may lead to one.
  std::vector<Entry> Only(const std::vector<RunName>& names) const ABSL_LOCKS_EXCLUDED(mu_);

  bool Has(const RunName& run) const ABSL_LOCKS_EXCLUDED(mu_);
  // Also what is hidden or was split off, hidden attempts, and by former names.
  std::optional<FoundRun> Find(const RunName& run) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Runs = absl::btree_map<RunName, std::shared_ptr<Run>>;

  RunName ShownAs(const RunName& source) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Run* Make(const RunName& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The files that came with `source` leave the run `from`.
  void Move(const RunName& source, const RunName& from, const RunName& to)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Entry EntryOf(const std::shared_ptr<Run>& run) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::shared_ptr<Run> Get(absl::string_view name) const ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t moves() const ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<FoundRun> FindAtOnce(const RunName& run) const ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<FoundRun> FindShown(absl::string_view name) const ABSL_LOCKS_EXCLUDED(mu_);

  const std::shared_ptr<ChangeCounts> changes_ = std::make_shared<ChangeCounts>();
  const std::shared_ptr<MetadataTable> metadata_ = std::make_shared<MetadataTable>();

  mutable Mutex mu_;
  // In the order of names, so that what is below one name stands together.
  Runs runs_ ABSL_GUARDED_BY(mu_);
  RunRules rules_ ABSL_GUARDED_BY(mu_);
  uint64_t moves_ ABSL_GUARDED_BY(mu_) = 0;  // how often files changed their runs
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_RUN_TABLE_H_
