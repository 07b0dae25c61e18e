// Reads an event file as the rules say, slowly and with nothing of the code under test but the
// checksum: what the index must show of these bytes.
#ifndef TRIBUTARY_TESTS_SIM_REFERENCE_READER_H_
#define TRIBUTARY_TESTS_SIM_REFERENCE_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tributary::sim {

struct ReferencePoint {
  int64_t step = 0;
  double value = 0;             // of a scalar
  uint64_t payload_offset = 0;  // of the event
  friend bool operator==(const ReferencePoint&, const ReferencePoint&) = default;
};

struct ReferenceSeries {
  std::vector<ReferencePoint> scalars;   // of tag "loss"
  std::vector<ReferencePoint> pictures;  // of tag "picture"; value is 0
};

// The points of `file` that are served: every whole record once, in order, without those that a
// later point with a step <= theirs made obsolete.
ReferenceSeries ReadReference(absl::string_view file);

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_REFERENCE_READER_H_
