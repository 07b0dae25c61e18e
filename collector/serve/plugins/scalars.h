// The Scalars dashboard's routes, and reading scalars as the dashboards want them.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_SCALARS_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_SCALARS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "collector/index/index_reader.h"
#include "collector/serve/json_writer.h"
#include "collector/serve/plugins/series_listing.h"
#include "collector/serve/router.h"
#include "common/http/message.h"

namespace tributary::serve {

inline constexpr char kScalars[] = "scalars";
inline constexpr uint64_t kScalarPointsMax = 1000;

// At most `points_max` (0: all) points of a series of the plugin "scalars". NotFound if there is
// none; the run may be a hidden attempt.
absl::StatusOr<ScalarPoints> ReadScalarSeries(const IndexReader& index, const RunName& run,
                                              const Tag& tag, uint64_t points_max);

// [[wall_time, step, value], ...], as the dashboards want points; the same as a CSV file.
void WriteScalarPoints(const ScalarPoints& points, JsonWriter* writer);
http::Response ScalarCsvAnswer(const ScalarPoints& points);

// Thread-safe. Its routes live as long as it does.
class ScalarsPlugin {
 public:
  explicit ScalarsPlugin(const SampleLimits& limits)
      : points_max_(SampleLimit(limits, kScalars, kScalarPointsMax)) {}

  void AddRoutes(Router* router) const;

 private:
  http::Response Tags(const IndexReader& index) const;
  http::Response Scalars(const http::Request& request, const IndexReader& index) const;
  http::Response ScalarsMultirun(const http::Request& request, const IndexReader& index) const;

  const uint64_t points_max_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_SCALARS_H_
