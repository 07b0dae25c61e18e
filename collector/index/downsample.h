// Which points of a series are drawn when there are too many: always the first, the last, and of
// every bucket of neighbours the smallest and the largest value, so that a spike of one point is
// never missed.
#ifndef TRIBUTARY_COLLECTOR_INDEX_DOWNSAMPLE_H_
#define TRIBUTARY_COLLECTOR_INDEX_DOWNSAMPLE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace tributary {

// Places in `values`, ascending, at most `points_max` (at least 1) of them; all if there are no
// more. Depends on nothing else. First and last are always among them, and with points_max >= 4 the
// smallest and the largest of every bucket; if a value is NaN (and points_max >= 5), the buckets
// are wider and the first NaN of every bucket is kept too. 1: the last. 2: the first and the last.
// 3: also the one farthest from the line between those.
std::vector<uint64_t> SampleExtremes(absl::Span<const double> values, uint64_t points_max);

// Places in a series of `count`, ascending, at most `points_max` (at least 1): all if there are no
// more, else evenly spread with the first and the last. 1: the last.
std::vector<uint64_t> SampleEvenly(uint64_t count, uint64_t points_max);

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_DOWNSAMPLE_H_
