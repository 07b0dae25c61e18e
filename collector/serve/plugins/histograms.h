// The Histograms and Distributions dashboards, and reading histograms for Time Series.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HISTOGRAMS_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HISTOGRAMS_H_

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "collector/index/index_reader.h"
#include "collector/serve/plugins/record_values.h"
#include "collector/serve/router.h"
#include "common/http/message.h"

namespace tributary::serve {

inline constexpr char kHistograms[] = "histograms";
inline constexpr uint64_t kHistogramsMax = 51;
inline constexpr uint64_t kDistributionsMax = 501;

struct Histogram {
  Step step;
  WallTime wall_time;
  std::vector<Bucket> buckets;
};

// At most `points_max` (0: all) histograms of a series. Points that are no histogram are left out,
// as every dashboard would fail on them. NotFound if there is no such series.
absl::StatusOr<std::vector<Histogram>> ReadHistograms(const IndexReader& index, const RunName& run,
                                                      const Tag& tag, uint64_t points_max);

// (basis points, value): where a normal distribution has -inf, -1.5, -1 ... 1.5, +inf sigma.
using Distribution = std::array<std::pair<int, double>, 9>;
Distribution CompressHistogram(const std::vector<Bucket>& buckets);

// Thread-safe. Its routes live as long as it does.
class HistogramsPlugin {
 public:
  void AddRoutes(Router* router) const;

 private:
  http::Response Tags(const IndexReader& index) const;
  http::Response Histograms(const http::Request& request, const IndexReader& index) const;
  http::Response Distributions(const http::Request& request, const IndexReader& index) const;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HISTOGRAMS_H_
