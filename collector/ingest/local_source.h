// Serves directories of this machine in place: follows --logdir and keeps the index up to date.
#ifndef TRIBUTARY_COLLECTOR_INGEST_LOCAL_SOURCE_H_
#define TRIBUTARY_COLLECTOR_INGEST_LOCAL_SOURCE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "collector/index/index.h"
#include "collector/ingest/local_file.h"
#include "collector/ingest/metrics.h"
#include "collector/registry/projector_board.h"
#include "common/clock.h"
#include "common/eventfile/tailer.h"
#include "common/file.h"
#include "common/log.h"
#include "common/mutex.h"
#include "common/task_queue.h"

namespace tributary {

// Threads: the tailer and the state of all files belong to the `follow` queue. The bytes are read
// and indexed on the `loaders` queues, a part of one file at a time; a file is with one loader at
// most, and its LocalFile passes from queue to queue with the tasks. Small changes go before large
// ones, newer files before older.
//
// Life: Start once. All queues must be stopped before this is destroyed.
class LocalSource {
 public:
  struct Logdir {
    std::string name;  // prefix of its runs; may be empty
    std::string path;
  };
  struct Options {
    std::vector<Logdir> logdirs;
    // Of one file, before others have their turn.
    uint64_t slice_bytes = 8u << 20;
    // How long zeros may wait to be filled: after the file last grew, and at most.
    absl::Duration zeros_wait = absl::Seconds(5);
    absl::Duration zeros_wait_max = absl::Seconds(30);
    // Only what exists at the start is read, to where it then ends.
    bool read_once = false;
    // Runs vanish with their files.
    bool follow_deletes = false;
  };
  struct Dependencies {
    FileSystem* files;  // all of them outlive this
    Clock* clock;
    ChangeNotifier* notifier;  // may be null: sweeps only
    Index* index;
    Logger* log;
    TaskQueue* follow;
    std::vector<TaskQueue*> loaders;  // at least one
    // Is told where configurations of the Projector are found. May be null.
    ProjectorBoard* projector = nullptr;
    // Counts what is damaged. May be null.
    LocalMetrics* metrics = nullptr;
  };

  // What /readyz and the progress line tell.
  struct State {
    // All that existed when it started was read, or failed with an error that is told.
    bool loaded = false;
    uint64_t bytes_total = 0;  // of what existed then
    uint64_t bytes_done = 0;
    uint64_t files = 0;  // followed now
    // One line for each thing that is wrong: a logdir that is missing, a directory that cannot be
    // listed, a file that cannot be read.
    std::vector<std::string> problems;
    // Paths of logdirs that are there and can be listed, without an event file since the start.
    std::vector<std::string> empty_logdirs;
  };

  LocalSource(const Options& options, const Dependencies& dependencies);
  ~LocalSource();

  void Start();
  // Thread-safe: the notifier has something to tell. `done` is called on the follow queue when it
  // was told.
  void Wake(std::function<void()> done = nullptr);
  // Thread-safe.
  State state() const ABSL_LOCKS_EXCLUDED(state_mu_);

  // The run of a file: the name of its logdir, then the directory below it; "." if both are empty.
  static RunName RunOf(absl::string_view logdir_name, absl::string_view relative_path);
  // False for what is an event file by name only: marks of the profiler.
  static bool IsIndexed(absl::string_view file_name);

 private:
  struct File {
    std::shared_ptr<LocalFile> local;  // null: not indexed
    uint64_t size_bytes = 0;
    uint64_t read_to = 0;
    uint64_t initial_bytes = 0;  // to be read before all is loaded
    uint64_t initial_done = 0;
    bool initial = false;  // some of them are left
    bool waiting = false;  // in a queue of files to load
    bool loading = false;
    bool changed = false;  // while loading
    int failures = 0;      // in a row
    absl::Duration grown_at;
    // Where it stands at zeros, since when, and how long it was then.
    std::optional<uint64_t> zeros_at;
    absl::Duration zeros_since;
    uint64_t zeros_size_bytes = 0;
    std::string problem;
    // That were counted, of the bytes that it has now.
    uint64_t damaged_places = 0;
    uint64_t damaged_bytes = 0;
    bool damage_told = false;
  };

  // All below on the follow queue.
  void Step();
  void NoteListings();
  void ScheduleStep();
  void Changed(TailedFileId id);
  void NoteProjector(const TailedFile& file);
  File* Get(TailedFileId id);
  void Enqueue(TailedFileId id);
  void EnqueueAfter(absl::Duration delay, TailedFileId id);
  void Dispatch();
  void Load(TailedFileId id, size_t loader);
  // Zeros below it were waited for long enough.
  uint64_t ZerosOverTo(const File& file) const;
  void NoteZeros(File* file, std::optional<uint64_t> zeros_at);
  void Loaded(TailedFileId id, size_t loader, uint64_t zeros_over_to,
              const LocalFile::Result& result);
  // The file no longer holds up the first load.
  void EndInitial(File* file);
  void NoteProgress(File* file);
  void NoteProblem(TailedFileId id, std::string problem);
  void NoteDamage(File* file, const LocalFile::Result& result);
  void PublishState() ABSL_LOCKS_EXCLUDED(state_mu_);

  const Options options_;
  const Dependencies dependencies_;

  // Of the follow queue.
  std::unique_ptr<const SideFileFilter> side_files_;
  std::unique_ptr<Tailer> tailer_;
  std::deque<File> files_;  // by id
  std::deque<TailedFileId> small_;
  std::deque<TailedFileId> large_;
  std::vector<int> in_flight_;  // for each loader
  bool listed_ = false;         // all that exists is known
  std::set<TailedFileId> troubled_;
  std::vector<std::pair<std::string, std::string>> projector_found_;  // run, directory
  std::vector<std::string> listing_problems_;
  std::vector<std::string> empty_logdirs_;
  std::vector<bool> has_files_;  // by logdir, since the start
  uint64_t step_number_ = 0;
  uint64_t initial_left_ = 0;  // files
  uint64_t bytes_total_ = 0;
  uint64_t bytes_done_ = 0;

  // Of one loader each.
  std::vector<std::vector<char>> buffers_;

  mutable Mutex state_mu_;
  State state_ ABSL_GUARDED_BY(state_mu_);
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_LOCAL_SOURCE_H_
