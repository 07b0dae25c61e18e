// The Custom Scalars dashboard's routes.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_CUSTOM_SCALARS_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_CUSTOM_SCALARS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "collector/index/index.h"
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
  // `index` must outlive this.
  CustomScalarsPlugin(const Index* index, const SampleLimits& limits)
      : index_(index), points_max_(SampleLimit(limits, kScalars, kScalarPointsMax)) {}

  void AddRoutes(Router* router) const;

 private:
  absl::StatusOr<http::Response> Layout(const http::Request& request) const;
  absl::StatusOr<http::Response> Scalars(const http::Request& request) const;
  absl::StatusOr<http::Response> DownloadData(const http::Request& request) const;

  const Index* const index_;
  const uint64_t points_max_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_CUSTOM_SCALARS_H_
