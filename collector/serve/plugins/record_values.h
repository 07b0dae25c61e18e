// The values behind references: read from the record, checked again.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_RECORD_VALUES_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_RECORD_VALUES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "collector/index/index_reader.h"
#include "tensorboard/summary.pb.h"

namespace tributary::serve {

// The value that `reference` means. Unavailable if its record cannot be read (now), DataLoss if
// what is there is no such record.
absl::StatusOr<tensorboard::Summary::Value> ReadValue(const RecordReference& reference);

// The index-th blob of the point that `reference` means, which may also be a graph or a tagged run
// metadata event. Fails as ReadValue and BlobOf do.
absl::StatusOr<std::string> ReadBlob(const RecordReference& reference, uint64_t index);

// One bucket of a histogram: what lies in [left, right).
struct Bucket {
  double left = 0;
  double right = 0;
  double count = 0;
};

// nullopt for a value that is no histogram: neither a legacy one whose arrays match nor a numeric
// tensor of shape [k, 3].
std::optional<std::vector<Bucket>> HistogramOf(const tensorboard::Summary::Value& value);

// The index-th blob of a legacy image (width, height, bytes), a legacy clip or a DT_STRING tensor
// (of clips with labels, the clips). NotFound if it has fewer.
absl::StatusOr<std::string> BlobOf(const tensorboard::Summary::Value& value, uint64_t index);

// Names one blob in a URL: letters, digits, '-' and '_' only. Opaque to clients.
struct BlobKey {
  RunName run;
  Tag tag;
  Step step;
  uint64_t index = 0;
};
std::string EncodeBlobKey(const BlobKey& key);
// InvalidArgument for what EncodeBlobKey did not make.
absl::StatusOr<BlobKey> DecodeBlobKey(absl::string_view text);
// The blob of a key that a route gave out. InvalidArgument for another text, NotFound if it is not
// there any more; else as ReadValue and BlobOf.
absl::StatusOr<std::string> ReadKeyedBlob(const IndexReader& index, absl::string_view text);

// "image/png" and the like by the first bytes; else "application/octet-stream".
std::string SniffImageType(absl::string_view bytes);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_RECORD_VALUES_H_
