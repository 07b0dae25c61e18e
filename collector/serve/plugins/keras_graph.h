// A Keras model's JSON as a graph of its layers.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_KERAS_GRAPH_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_KERAS_GRAPH_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tensorboard/graph/graph.pb.h"

namespace tributary::serve {

// One node per layer, with its class and dtype as attributes; models within it are scopes.
// InvalidArgument for what is no model's JSON, or nested deeper than ParseJson goes.
absl::StatusOr<tensorboard::GraphDef> KerasGraph(absl::string_view model_json);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_KERAS_GRAPH_H_
