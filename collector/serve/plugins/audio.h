// The Audio dashboard.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_AUDIO_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_AUDIO_H_

#include <cstdint>

#include "collector/index/index_reader.h"
#include "collector/serve/plugins/series_listing.h"
#include "collector/serve/router.h"
#include "common/http/message.h"

namespace tributary::serve {

inline constexpr char kAudio[] = "audio";
inline constexpr uint64_t kClipsMax = 10;

// Thread-safe. Its routes live as long as it does.
class AudioPlugin {
 public:
  explicit AudioPlugin(const SampleLimits& limits)
      : points_max_(SampleLimit(limits, kAudio, kClipsMax)) {}

  void AddRoutes(Router* router) const;

 private:
  http::Response Tags(const IndexReader& index) const;
  http::Response Clips(const http::Request& request, const IndexReader& index) const;
  http::Response IndividualClip(const http::Request& request, const IndexReader& index) const;

  const uint64_t points_max_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_AUDIO_H_
