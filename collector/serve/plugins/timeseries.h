// The Time Series dashboard: scalars, histograms and images on one page.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_TIMESERIES_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_TIMESERIES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "collector/index/index_reader.h"
#include "collector/serve/json_value.h"
#include "collector/serve/json_writer.h"
#include "collector/serve/plugins/series_listing.h"
#include "collector/serve/router.h"
#include "common/http/message.h"

namespace tributary::serve {

// Most elements of one timeSeries request; the page sends one.
inline constexpr size_t kTimeSeriesRequestsMax = 1000;

// Thread-safe. Its routes live as long as it does.
class TimeseriesPlugin {
 public:
  explicit TimeseriesPlugin(SampleLimits limits) : limits_(std::move(limits)) {}

  void AddRoutes(Router* router) const;

 private:
  http::Response Tags(const IndexReader& index) const;
  http::Response TimeSeries(const http::Request& request, const IndexReader& index) const;
  http::Response ImageData(const http::Request& request, const IndexReader& index) const;

  // Writes one element of the answer. An error is one of ours (a file that cannot be read), which
  // fails the whole request; mistakes of the client are written into the element.
  absl::Status WriteElement(const JsonValue& request, const IndexReader& index,
                            JsonWriter* writer) const;
  // Each writes {run: [datum...]}. `run` empty: all.
  absl::Status WriteScalars(const IndexReader& index, const std::string& run, const Tag& tag,
                            JsonWriter* writer) const;
  absl::Status WriteHistograms(const IndexReader& index, const std::string& run, const Tag& tag,
                               JsonWriter* writer) const;
  absl::Status WriteImages(const IndexReader& index, const std::string& run, const Tag& tag,
                           int64_t sample, JsonWriter* writer) const;

  const SampleLimits limits_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_TIMESERIES_H_
