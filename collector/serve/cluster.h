// GET /api/v1/cluster: the collector, the nodes, their agents, files and services, and conflicts.
#ifndef TRIBUTARY_COLLECTOR_SERVE_CLUSTER_H_
#define TRIBUTARY_COLLECTOR_SERVE_CLUSTER_H_

#include <string>

#include "absl/time/time.h"
#include "collector/registry/cluster_board.h"
#include "collector/registry/run_decisions.h"
#include "collector/serve/cluster_services.h"
#include "common/http/message.h"

namespace tributary::serve {

// What a viewer should know of the collector itself.
struct CollectorFacts {
  std::string version;
  std::string join_command;  // joins a training node; empty if none can join
  std::string join_note;     // what else must be done for that; one sentence, or empty
};

// The nodes and streams that the query chooses (HTTP_API.md). `now` is the wall clock.
// Runs have the names that they are shown under. Thread-safe.
http::Response ClusterAnswer(const ClusterSnapshot& snapshot, const ServiceView& services,
                             const RunDecisions& decisions, const CollectorFacts& collector,
                             absl::Time now, const http::Request& request);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_CLUSTER_H_
