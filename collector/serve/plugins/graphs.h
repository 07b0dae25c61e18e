// The Graphs dashboard's routes.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_GRAPHS_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_GRAPHS_H_

#include "absl/status/statusor.h"
#include "collector/index/index_reader.h"
#include "collector/serve/router.h"
#include "common/http/message.h"

namespace tributary::serve {

// Graphs are blobs of five kinds of series; they are answered in protobuf's text format, which the
// page reads line by line.
//
// Thread-safe. Its routes live as long as it does.
class GraphsPlugin {
 public:
  void AddRoutes(Router* router) const;

 private:
  absl::StatusOr<http::Response> Info(const http::Request& request, const IndexReader& index) const;
  absl::StatusOr<http::Response> Graph(const http::Request& request,
                                       const IndexReader& index) const;
  absl::StatusOr<http::Response> RunMetadata(const http::Request& request,
                                             const IndexReader& index) const;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_GRAPHS_H_
