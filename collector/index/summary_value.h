// What a Summary.Value is to its series: the metadata that its first value gives, as TensorBoard's
// data server synthesises it, and whether a value is a valid point of the series' class.
#ifndef TRIBUTARY_COLLECTOR_INDEX_SUMMARY_VALUE_H_
#define TRIBUTARY_COLLECTOR_INDEX_SUMMARY_VALUE_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "collector/index/index.h"
#include "common/eventfile/event_scan.h"

namespace tributary {

// Of the series whose first value is `value`. The class is kUnknown if neither metadata nor kind
// tell. nullopt if the metadata is malformed.
std::optional<SeriesMetadata> InitialMetadata(const ScannedValue& value);

// For events that are no summary but shown as one.
SeriesMetadata GraphMetadata();
SeriesMetadata TaggedRunMetadataMetadata();
// The tag of a TaggedRunMetadata.
absl::string_view TaggedRunMetadataTag(absl::string_view message);

// Blobs in `value`, which is to be a point of a blob sequence of the plugin; nullopt if it cannot
// be one.
std::optional<uint32_t> BlobCount(const ScannedValue& value, absl::string_view plugin_name);

// True if `value` is a valid point of a tensor series.
bool IsTensorPoint(const ScannedValue& value);

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_SUMMARY_VALUE_H_
