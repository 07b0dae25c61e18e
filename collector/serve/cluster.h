// GET /api/v1/cluster: nodes, their agents and files, and conflicts.
#ifndef TRIBUTARY_COLLECTOR_SERVE_CLUSTER_H_
#define TRIBUTARY_COLLECTOR_SERVE_CLUSTER_H_

#include "absl/time/time.h"
#include "collector/registry/cluster_board.h"
#include "common/http/message.h"

namespace tributary::serve {

// The nodes that `?node=`, `?after=` and `?limit=` choose. `now` is the wall clock. Thread-safe.
http::Response ClusterAnswer(const ClusterSnapshot& snapshot, absl::Time now,
                             const http::Request& request);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_CLUSTER_H_
