// What the tags routes of the plugins have in common.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_SERIES_LISTING_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_SERIES_LISTING_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "collector/index/index_reader.h"
#include "collector/serve/json_writer.h"
#include "common/http/message.h"

namespace tributary::serve {

// Most points of one series in one answer, by plugin name; 0: all. A plugin that is not in it has
// the limit of its route.
using SampleLimits = std::map<std::string, uint64_t>;
uint64_t SampleLimit(const SampleLimits& limits, const std::string& plugin, uint64_t route_default);

// Series that the dashboard of `filter.plugin_name` reads, by (run, tag): a writer may give a
// plugin's name to data of another class.
std::vector<SeriesInfo> SeriesOf(const IndexReader& index, const SeriesFilter& filter);

// Those of one plugin whose content has a version that we know (0). Others are shown by no
// dashboard.
std::vector<SeriesInfo> KnownSeries(const IndexReader& index, const std::string& plugin);

// Writes {run: {tag: {"displayName", "description", ...}}}; `more` adds members, and may be null.
void WriteTags(const std::vector<SeriesInfo>& series, JsonWriter* writer,
               const std::function<void(const SeriesInfo&, JsonWriter*)>& more);

// The one series that a request names, or NotFound. A series of another plugin or class does not
// count.
absl::StatusOr<SeriesInfo> FindSeriesOf(const IndexReader& index, const std::string& plugin,
                                        const RunName& run, const Tag& tag);

// Which sample of which series a request names: "run", "tag", and "sample", 0 if absent.
struct SampleRequest {
  RunName run;
  Tag tag;
  uint64_t sample = 0;
};
// InvalidArgument for a parameter that is missing or malformed.
absl::StatusOr<SampleRequest> ParseSampleRequest(const http::Request& request);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_SERIES_LISTING_H_
