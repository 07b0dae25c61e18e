// The Mesh dashboard's routes.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_MESH_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_MESH_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "collector/index/index_reader.h"
#include "collector/serve/plugins/series_listing.h"
#include "collector/serve/router.h"
#include "common/http/message.h"

namespace tributary::serve {

inline constexpr char kMesh[] = "mesh";
inline constexpr uint64_t kMeshPointsMax = 100;

// What the user names a mesh is up to three series: vertices, faces, colours. They are found by the
// name in their metadata.
//
// Thread-safe. Its routes live as long as it does.
class MeshPlugin {
 public:
  explicit MeshPlugin(const SampleLimits& limits)
      : points_max_(SampleLimit(limits, kMesh, kMeshPointsMax)) {}

  void AddRoutes(Router* router) const;

 private:
  http::Response Tags(const IndexReader& index) const;
  absl::StatusOr<http::Response> Meshes(const http::Request& request,
                                        const IndexReader& index) const;
  absl::StatusOr<http::Response> Data(const http::Request& request, const IndexReader& index) const;

  const uint64_t points_max_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_MESH_H_
