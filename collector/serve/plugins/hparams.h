// The HParams dashboard's routes.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HPARAMS_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HPARAMS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "collector/index/index_reader.h"
#include "collector/serve/plugins/scalars.h"
#include "collector/serve/plugins/series_listing.h"
#include "collector/serve/router.h"
#include "common/http/message.h"

namespace tributary::serve {

// A request is a message in proto3's JSON: the body of a POST, else the query's "request". Every
// answer is made anew from the metadata of series and the newest points of metrics.
//
// Thread-safe. Its routes live as long as it does.
class HparamsPlugin {
 public:
  explicit HparamsPlugin(const SampleLimits& limits)
      : points_max_(SampleLimit(limits, kScalars, kScalarPointsMax)) {}

  void AddRoutes(Router* router) const;

 private:
  absl::StatusOr<http::Response> Experiment(const http::Request& request,
                                            const IndexReader& index) const;
  absl::StatusOr<http::Response> SessionGroups(const http::Request& request,
                                               const IndexReader& index) const;
  absl::StatusOr<http::Response> MetricEvals(const http::Request& request,
                                             const IndexReader& index) const;
  absl::StatusOr<http::Response> DownloadData(const http::Request& request,
                                              const IndexReader& index) const;

  const uint64_t points_max_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HPARAMS_H_
