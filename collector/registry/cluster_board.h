// What is known of the cluster right now, for whoever shows it. Ingest publishes, serve reads; they
// meet only here.
#ifndef TRIBUTARY_COLLECTOR_REGISTRY_CLUSTER_BOARD_H_
#define TRIBUTARY_COLLECTOR_REGISTRY_CLUSTER_BOARD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/mutex.h"

namespace tributary {

struct StreamStatus {
  struct Hole {
    uint64_t offset = 0;
    uint64_t length_bytes = 0;
    std::string cause;
  };
  std::string run;
  std::string logdir_name;
  std::string file;         // path below the logdir
  uint64_t size_bytes = 0;  // at the source, as last told
  uint64_t records = 0;
  uint64_t received_bytes = 0;
  uint64_t durable_bytes = 0;
  std::string state;  // "live", "source_shorter", "source_gone", "overwritten", "failed"
  std::vector<Hole> holes;
  std::string kind = "event";  // or "asset": a side file
};

// Whether somebody should look at the stream: it has holes, or a state other than live. A source
// that is gone after its last byte became durable is the normal end of a file.
bool NeedsAttention(const StreamStatus& stream);

// Sums over the streams of a node: for viewers of many nodes, who do not ask for each stream.
struct StreamTotals {
  uint64_t streams = 0;
  uint64_t size_bytes = 0;
  uint64_t records = 0;
  uint64_t received_bytes = 0;
  uint64_t durable_bytes = 0;
  uint64_t holes = 0;
  uint64_t hole_bytes = 0;
  uint64_t behind = 0;     // live streams with known bytes that are not durable
  uint64_t attention = 0;  // see NeedsAttention
};
StreamTotals TotalsOf(const std::vector<StreamStatus>& streams);

struct AgentStatus {
  int64_t pid = 0;
  std::string version;
  std::string peer;
  std::vector<std::string> logdirs;  // "name=path" or "path"
};

struct NodeStatus {
  std::string name;
  std::string state;  // "connected", "away"
  std::string version;
  std::vector<AgentStatus> agents;  // live sessions
  double clock_offset_s = 0;        // the node's clock minus ours
  absl::Time last_record;           // when bytes last arrived; InfinitePast if not since the start
  std::vector<StreamStatus> streams;  // by (logdir name, file)
  StreamTotals totals;                // of `streams`
};

struct ConflictStatus {
  std::string kind;  // "name", "port"
  std::string wanted;
  std::vector<std::string> holders;
  std::string resolution;
};

struct ClusterSnapshot {
  std::string store_id;
  std::vector<NodeStatus> nodes;  // by name
  std::vector<ConflictStatus> conflicts;
};

// Thread-safe.
class ClusterBoard {
 public:
  void Publish(std::shared_ptr<const ClusterSnapshot> snapshot) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    snapshot_ = std::move(snapshot);
  }
  // Never null.
  std::shared_ptr<const ClusterSnapshot> Get() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return snapshot_;
  }

 private:
  mutable Mutex mu_;
  std::shared_ptr<const ClusterSnapshot> snapshot_ ABSL_GUARDED_BY(mu_) =
      std::make_shared<ClusterSnapshot>();
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_REGISTRY_CLUSTER_BOARD_H_
