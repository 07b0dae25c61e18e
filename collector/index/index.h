// The index: event files in, runs, tags and points out.
//
// Writers: each event file is a FileIndex, fed with the file's bytes by its one owner (a shard for
// a mirror, the local source for a --logdir). Readers: index_reader.h, for all runs or for a view
// of some.
#ifndef TRIBUTARY_COLLECTOR_INDEX_INDEX_H_
#define TRIBUTARY_COLLECTOR_INDEX_INDEX_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "collector/index/index_reader.h"
#include "common/eventfile/tfrecord_reader.h"
#include "common/types.h"

namespace tributary {

struct EventFileIdentity {
  RunName run;
  std::string file_name;  // base name
  std::string node;
  std::string logdir_name;
  std::string path;
  // `merge: true` beside the file: its run takes all writers as one.
  bool merge = false;
};

// One event file's part of the index. Append, Reset, BeginAnew, Show, Rewind and TakeZerosAsDamage
// only by its owner; the rest is thread-safe.
class FileIndex {
 public:
  virtual ~FileIndex() = default;

  // Indexes the next bytes of the file, which may begin and end inside a record; readers see them
  // when this returns.
  virtual void Append(absl::string_view bytes) = 0;
  // Forgets everything, for a new generation: Append starts again at offset 0.
  virtual void Reset() = 0;
  // As Reset, but readers of the index see what it had until Show: for a file that gained records
  // in its midst. Whatever is asked of this object is about what was appended since.
  virtual void BeginAnew() = 0;
  virtual void Show() = 0;

  // See TfRecordReader.
  virtual bool at_zeros() const = 0;
  virtual bool stuck_at_zeros() const = 0;
  virtual void TakeZerosAsDamage() = 0;
  // Forgets what was fed after boundary_offset(): Append goes on there, with bytes that may differ,
  // as where zeros were filled meanwhile. False, and nothing done, while framing is lost.
  virtual bool Rewind() = 0;
  // See TfRecordReader. Only for its owner.
  virtual uint64_t awaited_end() const = 0;

  virtual uint64_t indexed_bytes() const = 0;  // fed so far
  virtual uint64_t records() const = 0;        // whole and decoded
  // Values that could not become a point: of another kind than their series (a vector among
  // scalars), of a record too long to be kept whole, or beyond the limit of series.
  virtual uint64_t skipped_values() const = 0;
  // In file order; the last may be a hole that is still open. After 10 000 the last one stands for
  // all that follow.
  virtual std::vector<Damage> damage() const = 0;
  // Where framing stands, for the store's row.
  virtual uint64_t boundary_offset() const = 0;
  virtual bool framing_holds() const = 0;
};

// How people want runs to be shown. A value.
struct RunRules {
  // From the name that files come with to the one they are shown under. What is shown under a name
  // must not be renamed itself.
  absl::flat_hash_map<RunName, RunName> renamed;
  // By the names that are shown. Hidden: not listed, nor is what was split off.
  absl::flat_hash_set<RunName> hidden;
  // Whether all writers are one, whatever the files say.
  absl::flat_hash_map<RunName, bool> merged;
};

// All files that are shown under one name.
struct RunOverview {
  RunName name;
  uint64_t files = 0;
  // The names that they came with, sorted.
  std::vector<RunName> sources;
  bool hidden = false;
  bool merged = false;
  // How many runs it makes: itself and what was split off; 0 without an event.
  uint64_t shown = 0;
  double start_time = 0;
  double newest_time = 0;
};

// The runs with the newest data, for who cannot look at all of them.
struct NewestRuns {
  std::vector<RunName> runs;  // as in RunOverview, sorted
  uint64_t shown = 0;         // runs that are listed of these
  uint64_t total = 0;         // runs that are listed of all
};

// Thread-safe.
class Index : public IndexReader {
 public:
  struct Options {
    bool purge_orphaned_data = true;
  };

  static std::unique_ptr<Index> Make(const Options& options);

  // The file is in its run from now on. The index keeps it until RemoveFile. `source` reads the
  // file back.
  virtual std::shared_ptr<FileIndex> AddFile(const EventFileIdentity& identity,
                                             std::shared_ptr<RecordSource> source) = 0;
  virtual void RemoveFile(const std::shared_ptr<FileIndex>& file) = 0;

  // From now on. Nothing is read again; files move between runs.
  virtual void SetRules(RunRules rules) = 0;

  // Grows whenever a run came, went, or is shown otherwise.
  virtual uint64_t runs_version() const = 0;

  // Views. Each lists what is in it at the moment of the question, at a cost that depends on these
  // runs alone, and must not outlive the index.
  //
  // The runs below `name_space` ("4711/node0"), under what follows it; the run of that very name is
  // ".". Names match by whole components.
  virtual std::unique_ptr<const IndexReader> Below(std::string name_space) const = 0;
  // Lists these runs only, under their own names; `runs` is sorted.
  virtual std::unique_ptr<const IndexReader> Only(
      std::shared_ptr<const std::vector<RunName>> runs) const = 0;

  // Those of the listed runs with the newest wall times: at most `runs_max`, but what was split off
  // one run stays together.
  virtual NewestRuns Newest(uint64_t runs_max) const = 0;
  // All runs, or the one named `below` and those below it, by name; hidden ones too.
  virtual std::vector<RunOverview> Overview(const std::string& below) const = 0;
  // Whether files are shown under this name. Not for what was split off a run.
  virtual bool Has(const RunName& run) const = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_INDEX_H_
