// The services of nodes, as /api/v1/cluster tells of them.
#ifndef TRIBUTARY_COLLECTOR_SERVE_CLUSTER_SERVICES_H_
#define TRIBUTARY_COLLECTOR_SERVE_CLUSTER_SERVICES_H_

#include <string>
#include <vector>

#include "collector/registry/cluster_board.h"
#include "collector/registry/service_board.h"
#include "collector/serve/json_writer.h"

namespace tributary::serve {

struct ServiceView {
  const ServiceSnapshot& snapshot;
  // As --path_prefix: "/tb", or empty.
  std::string path_prefix = {};
};

// The key "services" with those of one node.
void WriteServices(const std::string& node, const ServiceView& view, JsonWriter* writer);

// Nodes that have services, and are not among `known`, by name.
std::vector<NodeStatus> NodesOfServices(const ServiceView& view,
                                        const std::vector<NodeStatus>& known);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_CLUSTER_SERVICES_H_
