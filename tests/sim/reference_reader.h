// Reads an event file as the rules say, slowly and with nothing of the code under test but the
// checksum: what the index must show of these bytes.
#ifndef TRIBUTARY_TESTS_SIM_REFERENCE_READER_H_
#define TRIBUTARY_TESTS_SIM_REFERENCE_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace tributary::sim {

struct ReferencePoint {
  int64_t step = 0;
  double value = 0;             // of a scalar
  uint64_t payload_offset = 0;  // of the event of a picture
  friend bool operator==(const ReferencePoint&, const ReferencePoint&) = default;
};

// The points of one tag.
struct ReferenceSeries {
  std::vector<ReferencePoint> points;
  // So many of them lie before the first damage. All of them, if there is none; none, if their
  // steps do not ascend.
  size_t certain = 0;

  // Whether `shown` is what an index may show: the certain ones, then some of the others. Which of
  // these depends on what was there when a damaged length was skipped or its end awaited; each one
  // is a whole record all the same. Else says what is wrong.
  absl::Status Allows(const std::vector<ReferencePoint>& shown) const;
};

struct ReferenceFile {
  ReferenceSeries scalars;   // of tag "loss"
  ReferenceSeries pictures;  // of tag "picture"; value is 0
};

// Every whole record of the file, wherever it stands.
ReferenceFile ReadReference(absl::string_view file);

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_REFERENCE_READER_H_
