// Events that say one thing in several parts, which no known writer does: only libprotobuf merges
// them right.
#ifndef TRIBUTARY_COLLECTOR_INDEX_RARE_EVENT_H_
#define TRIBUTARY_COLLECTOR_INDEX_RARE_EVENT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace tributary {

// Rewrites the Event `payload` with each field at most once, so that the hand-written scan can read
// it. False if libprotobuf refuses it.
bool NormaliseEvent(absl::string_view payload, std::string* normal);

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_RARE_EVENT_H_
