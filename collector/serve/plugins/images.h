// The Images dashboard, and reading images for Time Series.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_IMAGES_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_IMAGES_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "collector/index/index_reader.h"
#include "collector/serve/plugins/series_listing.h"
#include "collector/serve/router.h"
#include "common/http/message.h"

namespace tributary::serve {

inline constexpr char kImages[] = "images";
inline constexpr uint64_t kImagesMax = 10;
// A point's first two blobs are width and height; its images follow.
inline constexpr uint64_t kBlobsBeforeImages = 2;

// At most `points_max` (0: all) points that have a `sample`-th image. NotFound if there is no such
// series.
absl::StatusOr<std::vector<RecordReference>> ReadImageReferences(const IndexReader& index,
                                                                 const RunName& run, const Tag& tag,
                                                                 uint64_t sample,
                                                                 uint64_t points_max);

// The image's bytes with their type, or the error, for the key that a route gave out.
http::Response ImageAnswer(const IndexReader& index, absl::string_view blob_key);

// Thread-safe. Its routes live as long as it does.
class ImagesPlugin {
 public:
  explicit ImagesPlugin(const SampleLimits& limits)
      : points_max_(SampleLimit(limits, kImages, kImagesMax)) {}

  void AddRoutes(Router* router) const;

 private:
  http::Response Tags(const IndexReader& index) const;
  http::Response Images(const http::Request& request, const IndexReader& index) const;
  http::Response IndividualImage(const http::Request& request, const IndexReader& index) const;

  const uint64_t points_max_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_IMAGES_H_
