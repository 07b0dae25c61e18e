// The Images dashboard, and reading images for Time Series.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_IMAGES_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_IMAGES_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "collector/index/index.h"
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
absl::StatusOr<std::vector<RecordReference>> ReadImageReferences(const Index& index,
                                                                 const RunName& run, const Tag& tag,
                                                                 uint64_t sample,
                                                                 uint64_t points_max);

// The image's bytes with their type, or the error, for the key that a route gave out.
http::Response ImageAnswer(const Index& index, absl::string_view blob_key);

// Thread-safe. Its routes live as long as it does.
class ImagesPlugin {
 public:
  // `index` must outlive this.
  ImagesPlugin(const Index* index, const SampleLimits& limits)
      : index_(index), points_max_(SampleLimit(limits, kImages, kImagesMax)) {}

  void AddRoutes(Router* router) const;

 private:
  http::Response Tags() const;
  http::Response Images(const http::Request& request) const;
  http::Response IndividualImage(const http::Request& request) const;

  const Index* const index_;
  const uint64_t points_max_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_IMAGES_H_
