// Draws the picture of the cluster that the board shows.
//
// Not thread-safe: on the session queue.
#ifndef TRIBUTARY_COLLECTOR_INGEST_CLUSTER_PUBLISHER_H_
#define TRIBUTARY_COLLECTOR_INGEST_CLUSTER_PUBLISHER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "collector/ingest/session_table.h"
#include "collector/ingest/stream_table.h"
#include "collector/registry/cluster_board.h"
#include "common/clock.h"

namespace tributary {

class ClusterPublisher {
 public:
  struct Options {
    std::string store_id;
    // Holes listed of one stream.
    size_t holes_max = 1'000;
    // Drawing takes at most one part in so many of the session queue's time.
    int share = 20;
  };
  // All outlive this.
  ClusterPublisher(const Options& options, Clock* clock, const SessionTable* sessions,
                   const StreamTable* streams, ClusterBoard* board)
      : options_(options), clock_(clock), sessions_(sessions), streams_(streams), board_(board) {}

  // Publishes if something changed since the last time and the last drawing is paid for.
  void PublishIfChanged();

 private:
  std::shared_ptr<ClusterSnapshot> Draw();
  StreamStatus DrawStream(const StreamEntry& entry) const;

  const Options options_;
  Clock* const clock_;
  const SessionTable* const sessions_;
  const StreamTable* const streams_;
  ClusterBoard* const board_;

  uint64_t published_version_ = ~uint64_t{0};
  absl::Duration not_before_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_CLUSTER_PUBLISHER_H_
