// Graphs as the page wants them: several as one, large attributes left out.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_GRAPH_SHAPING_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_GRAPH_SHAPING_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "tensorboard/graph/graph.pb.h"
#include "tensorboard/graph/run_metadata.pb.h"

namespace tributary::serve {

// The graphs of the functions that ran, before optimization. One is taken as it is; of several the
// n-th (from 1) has its nodes below "graph_<n>/" and its functions named "graph_<n>_...".
// InvalidArgument if their producers' versions differ. Takes the graphs out of `metadata`.
absl::StatusOr<tensorboard::GraphDef> MergeFunctionGraphs(tensorboard::RunMetadata* metadata);

// Replaces attributes of more than `bytes_max` serialized bytes by their names in the list of the
// attribute `large_attrs_key`.
void DropLargeAttributes(uint64_t bytes_max, const std::string& large_attrs_key,
                         tensorboard::GraphDef* graph);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_GRAPH_SHAPING_H_
