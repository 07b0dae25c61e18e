// The one rhythm in which bytes become durable: while anything is dirty, every shard notes what it
// has, the store makes the notes durable, and only then the agents are told.
//
// A cycle starts at most each `interval`, and at once when the last one is longer ago: a single
// flush is durable after one sync, many flushes share one.
//
// On the commit queue, except MarkDirty.
#ifndef TRIBUTARY_COLLECTOR_INGEST_COMMIT_CYCLE_H_
#define TRIBUTARY_COLLECTOR_INGEST_COMMIT_CYCLE_H_

#include <atomic>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "collector/ingest/delivery.h"
#include "collector/ingest/metrics.h"
#include "collector/ingest/shard.h"
#include "collector/store/store.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/task_queue.h"

namespace tributary {

// Told on the commit queue, except OnRewound, which is told on the shard's; the implementer posts
// on.
class CommitEvents {
 public:
  virtual ~CommitEvents() = default;
  // These survive a power loss from now on. None of `advances` is sealed.
  virtual void OnDurable(std::vector<DurableAdvance> advances, std::vector<PendingFill> fills) = 0;
  // The stream went back to its durable bytes; its shard has followed.
  virtual void OnRewound(std::shared_ptr<MirrorStream> stream, StreamProgress progress) = 0;
  // The registry can no longer be trusted: the process must end and recover from the disk.
  virtual void OnFatal(absl::Status status) = 0;
};

class CommitCycle {
 public:
  struct Options {
    absl::Duration interval = absl::Milliseconds(200);
    // Pause after a commit for which there was no space, and while streams await it.
    absl::Duration retry_after = absl::Seconds(1);
  };
  // All outlive this, and every task that is posted.
  struct Dependencies {
    Store* store;
    Clock* clock;
    TaskQueue* commit;
    std::vector<Delivery::ShardSeat> shards;
    CommitEvents* events;
    IngestMetrics* metrics;
    Logger* log;
  };

  CommitCycle(const Options& options, const Dependencies& dependencies);

  // Something is to be made durable. Thread-safe; cheap when it was said before.
  void MarkDirty();
  // One more cycle as soon as possible, for a shutdown: all that the shards took so far is durable
  // when `done` runs, on the commit queue, unless the store fails.
  void Finish(Task done);

 private:
  void Schedule();
  void Begin();
  void OnNotes(ShardNotes notes);
  void Commit();
  void EndCycle();
  void TellAdvances(std::vector<DurableAdvance> advances);

  const Options options_;
  const Dependencies deps_;
  std::atomic<bool> marked_{false};

  // On the commit queue.
  bool scheduled_ = false;  // Begin is posted
  bool running_ = false;
  bool again_ = false;  // marked while a cycle ran
  bool failed_ = false;
  bool retry_posted_ = false;  // for streams that await the disk
  absl::Duration began_at_;
  size_t shards_left_ = 0;
  absl::btree_map<StreamId, CommitNote> notes_;  // the latest of each, not committed yet
  std::vector<PendingFill> fills_;               // covered by notes_
  std::vector<Task> finish_;     // wait for a cycle that begins after they were given
  std::vector<Task> finishing_;  // wait for the present cycle
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_COMMIT_CYCLE_H_
