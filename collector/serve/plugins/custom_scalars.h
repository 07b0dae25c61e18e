// The Custom Scalars dashboard's routes.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_CUSTOM_SCALARS_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_CUSTOM_SCALARS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "collector/index/index_reader.h"
#include "collector/serve/plugins/scalars.h"
#include "collector/serve/plugins/series_listing.h"
#include "collector/serve/router.h"
#include "common/http/message.h"

namespace tributary::serve {

// Layouts are tensors of writers; the points are those of the Scalars dashboard.
//
// Thread-safe. Its routes live as long as it does.
class CustomScalarsPlugin {
 public:
  explicit CustomScalarsPlugin(const SampleLimits& limits)
      : points_max_(SampleLimit(limits, kScalars, kScalarPointsMax)) {}

  void AddRoutes(Router* router) const;

 private:
  absl::StatusOr<http::Response> Layout(const http::Request& request,
                                        const IndexReader& index) const;
  absl::StatusOr<http::Response> Scalars(const http::Request& request,
                                         const IndexReader& index) const;
  absl::StatusOr<http::Response> DownloadData(const http::Request& request,
                                              const IndexReader& index) const;

  const uint64_t points_max_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_CUSTOM_SCALARS_H_
