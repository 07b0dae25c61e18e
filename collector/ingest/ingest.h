// Ingest put together: sessions, shards and the commit cycle on the queues that the owner gives.
//
// The simulation gives queues of its scheduler and a lossy link; the program gives threads and
// gRPC.
#ifndef TRIBUTARY_COLLECTOR_INGEST_INGEST_H_
#define TRIBUTARY_COLLECTOR_INGEST_INGEST_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "collector/index/index.h"
#include "collector/ingest/asset_desk.h"
#include "collector/ingest/cluster_publisher.h"
#include "collector/ingest/commit_cycle.h"
#include "collector/ingest/delivery.h"
#include "collector/ingest/metrics.h"
#include "collector/ingest/session_table.h"
#include "collector/ingest/shard.h"
#include "collector/ingest/stream_table.h"
#include "collector/registry/cluster_board.h"
#include "collector/registry/node_presence.h"
#include "collector/registry/run_decisions.h"
#include "collector/store/store.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/task_queue.h"

namespace tributary {

class Ingest {
 public:
  struct Options {
    SessionLimits limits;
    CreditPool::Options credit;
    CommitCycle::Options commit;
    // `number` is set by this.
    Shard::Options shard;
    std::string start_nonce;
    std::string collector_version;
    absl::Duration publish_interval = absl::Milliseconds(500);
  };
  // All outlive this, and every task on the queues.
  struct Dependencies {
    Store* store;
    Index* index;
    FileSystem* files;
    Clock* clock;
    ClusterBoard* board;
    // Who is here under which name, agents or not.
    NodePresence* nodes;
    ProjectorBoard* projector = nullptr;  // may be null
    // The names that agents are told are those that are shown.
    const RunDecisionBoard* decisions;
    IngestMetrics* metrics;
    Logger* log;
    TaskQueue* session;
    TaskQueue* commit;
    // Versions of side files are written there. Unused if the store takes none.
    TaskQueue* asset;
    // As many as the store has shards.
    std::vector<TaskQueue*> shards;
    // The registry cannot be trusted any more: end the process with exit code 1. Called on the
    // commit queue, once.
    std::function<void(absl::Status)> on_fatal;
  };

  Ingest(const Options& options, const Dependencies& dependencies);
  ~Ingest();

  // Begins: streams of the store are indexed, timers run. Before anything else, once, while no
  // task uses the store.
  void Start();

  // On the session queue, as are its methods.
  SessionTable* sessions() { return sessions_.get(); }
  using DescribedNode = Delivery::Answer<absl::StatusOr<ingest::v1::DescribeNodeResponse>>;
  // The call of that name; its errors, and InvalidArgument for a request out of bounds. On the
  // session queue, as is the answer: within this call unless `foresee` is asked for.
  void DescribeNode(const ingest::v1::DescribeNodeRequest& request, DescribedNode answer);

  // Event files that the store had at the start. After Start thread-safe.
  uint64_t streams_at_start() const { return streams_at_start_; }
  // Streams of the store that are still being indexed after the start. Thread-safe.
  int64_t streams_loading() const;

  // A shutdown, in this order: no new sessions and a Goodbye to each (session queue), what was
  // received becomes durable (commit queue), then `done` on the commit queue. Thread-safe.
  void Stop(const std::string& why, Task done);

  TaskQueue* session_queue() { return deps_.session; }
  Clock* clock() { return deps_.clock; }

 private:
  class Events;
  // A part of the streams that the store had at the start. On the shard's queue.
  void AdoptOn(Shard* shard, const std::vector<std::shared_ptr<MirrorStream>>& streams);
  void Tick();
  void Publish();
  // In ingest_describe.cc.
  // The store's name for the node that the facts describe; empty if none is known.
  std::string KnownNode(const ingest::v1::NodeFacts& facts) const;
  // One page of the node's streams.
  absl::StatusOr<ingest::v1::DescribeNodeResponse> DescribeStreams(
      const std::string& node, const ingest::v1::DescribeNodeRequest& request) const;
  ingest::v1::DescribeNodeResponse DescribeRuns(
      const ingest::v1::DescribeNodeRequest& request) const;

  const Options options_;
  const Dependencies deps_;
  std::unique_ptr<Events> events_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<AssetDesk> asset_desk_;  // null if the store takes no side files
  std::unique_ptr<Delivery> delivery_;
  std::unique_ptr<CommitCycle> commit_cycle_;
  StreamTable streams_;
  std::unique_ptr<SessionTable> sessions_;
  std::unique_ptr<ClusterPublisher> publisher_;
  uint64_t streams_at_start_ = 0;  // constant after Start
  // Streams of the store that their shards have not taken over yet. Synchronised by itself.
  std::atomic<int64_t> adopting_{0};
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_INGEST_H_
