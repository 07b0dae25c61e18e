// The PR Curves dashboard's routes.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PR_CURVES_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PR_CURVES_H_

#include <cstdint>

#include "collector/index/index_reader.h"
#include "collector/serve/plugins/series_listing.h"
#include "collector/serve/router.h"
#include "common/http/message.h"

namespace tributary::serve {

inline constexpr char kPrCurves[] = "pr_curves";
inline constexpr uint64_t kPrCurvePointsMax = 100;

// Thread-safe. Its routes live as long as it does.
class PrCurvesPlugin {
 public:
  explicit PrCurvesPlugin(const SampleLimits& limits)
      : points_max_(SampleLimit(limits, kPrCurves, kPrCurvePointsMax)) {}

  void AddRoutes(Router* router) const;

 private:
  http::Response Tags(const IndexReader& index) const;
  http::Response PrCurves(const http::Request& request, const IndexReader& index) const;

  const uint64_t points_max_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PR_CURVES_H_
