// What the collector says of the cluster, as it says it to the Cluster tab.
#ifndef TRIBUTARY_AGENT_COMMANDS_CLUSTER_ANSWER_H_
#define TRIBUTARY_AGENT_COMMANDS_CLUSTER_ANSWER_H_

#include <string>

#include "absl/status/statusor.h"
#include "agent/commands/world.h"
#include "agent/config.h"
#include "tributary/cluster/v1/picture.pb.h"

namespace tributary::agent {

struct ClusterAnswer {
  // One JSON object, as it came.
  std::string json;
  cluster::v1::ClusterPicture picture;
  // Where paths of the answer begin: "http://head:6006".
  std::string origin;
  // That answered: ".../tb/api/v1/cluster", without a query.
  std::string url;
};

// GET /api/v1/cluster without the files of nodes: of one node, or of all if `node` is empty.
// Conflicts are always those of all. Waits for each step up to --connect-timeout. Errors are one
// line for people:
//   - Unavailable: the collector cannot be reached, or only over gRPC;
//   - NotFound: it has no such page; Unimplemented: what answers is no collector;
//   - FailedPrecondition: it is not the store that --store names;
//   - Internal, ResourceExhausted: the answer is not one, or larger than 64 MiB.
absl::StatusOr<ClusterAnswer> AskCluster(const AgentConfig& config, const std::string& node,
                                         const World& world);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_CLUSTER_ANSWER_H_
