// The PR Curves dashboard's routes.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PR_CURVES_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PR_CURVES_H_

#include <cstdint>

#include "collector/index/index.h"
#include "collector/serve/plugins/series_listing.h"
#include "collector/serve/router.h"
#include "common/http/message.h"

namespace tributary::serve {

inline constexpr char kPrCurves[] = "pr_curves";
inline constexpr uint64_t kPrCurvePointsMax = 100;

// Thread-safe. Its routes live as long as it does.
class PrCurvesPlugin {
 public:
  // `index` must outlive this.
  PrCurvesPlugin(const Index* index, const SampleLimits& limits)
      : index_(index), points_max_(SampleLimit(limits, kPrCurves, kPrCurvePointsMax)) {}

  void AddRoutes(Router* router) const;

 private:
  http::Response Tags() const;
  http::Response PrCurves(const http::Request& request) const;

  const Index* const index_;
  const uint64_t points_max_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PR_CURVES_H_
