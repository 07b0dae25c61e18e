// What names streams and side files share: numbers are given once, and no two have one path.
#ifndef TRIBUTARY_COLLECTOR_STORE_STREAM_NAMES_H_
#define TRIBUTARY_COLLECTOR_STORE_STREAM_NAMES_H_

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "collector/registry/registry.h"
#include "collector/store/disk_names.h"
#include "collector/store/rows.h"

namespace tributary {

// Owned by the commit thread.
struct StreamNames {
  // The number of the next stream.
  uint64_t next_id = 1;
  MirrorPaths paths;

  // The number was given: the next ones are above it.
  void Saw(StreamId id) { next_id = std::max(next_id, id.value() + 1); }
  // To be committed with rows of the numbers below `next`.
  static RegistryEntry NextIdEntry(uint64_t next) {
    return MakeTextEntry(kNextStreamKey, absl::StrCat(next));
  }
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_STORE_STREAM_NAMES_H_
