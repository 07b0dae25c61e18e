// The Text dashboard.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_TEXT_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_TEXT_H_

#include <cstdint>
#include <string>

#include "collector/index/index_reader.h"
#include "collector/serve/plugins/series_listing.h"
#include "collector/serve/router.h"
#include "common/http/message.h"
#include "tensorboard/tensor.pb.h"

namespace tributary::serve {

inline constexpr char kText[] = "text";
inline constexpr uint64_t kTextsMax = 100;

// A tensor of strings as HTML that cannot act: a scalar as it is, a vector as a table of one
// column, a matrix as a table. Of a tensor of higher rank the first matrix, below a warning. Each
// string is Markdown if `markdown`, else HTML. InvalidArgument if the tensor is none of strings, or
// if their number is not that of its shape.
absl::StatusOr<std::string> TextTensorHtml(const tensorboard::TensorProto& tensor, bool markdown);

// Thread-safe. Its routes live as long as it does.
class TextPlugin {
 public:
  explicit TextPlugin(const SampleLimits& limits)
      : points_max_(SampleLimit(limits, kText, kTextsMax)) {}

  void AddRoutes(Router* router) const;

 private:
  http::Response Tags(const IndexReader& index) const;
  http::Response Text(const http::Request& request, const IndexReader& index) const;

  const uint64_t points_max_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_TEXT_H_
