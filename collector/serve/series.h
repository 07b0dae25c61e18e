// GET /api/v1/series: exact points of one scalar series.
#ifndef TRIBUTARY_COLLECTOR_SERVE_SERIES_H_
#define TRIBUTARY_COLLECTOR_SERVE_SERIES_H_

#include <cstdint>

#include "collector/index/index_reader.h"
#include "common/http/message.h"

namespace tributary::serve {

// Most points of one answer, some 40 MB of text. A range that holds more is refused.
inline constexpr uint64_t kSeriesPointsMax = 1'000'000;

// Thread-safe.
http::Response SeriesAnswer(const IndexReader& index, const http::Request& request);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_SERIES_H_
