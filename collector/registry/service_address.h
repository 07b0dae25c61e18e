// Where a service of a node opens at the collector's one URL.
#ifndef TRIBUTARY_COLLECTOR_REGISTRY_SERVICE_ADDRESS_H_
#define TRIBUTARY_COLLECTOR_REGISTRY_SERVICE_ADDRESS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace tributary {

// "/node/<node>/<service>", percent-encoded, without a slash at its end: below --path_prefix, which
// a service that knows its own prefix must be given in front of it.
std::string ServicePath(absl::string_view node, absl::string_view service);

// "<service>--<node>", the one DNS label under which the service has an origin of its own:
// `<label>.localhost`. Names that are no part of a label as they are (upper case, '.', '~', "--",
// too long) are changed to one and get a mark made of both names at the end, so that no two
// services share one.
std::string ServiceHostLabel(absl::string_view node, absl::string_view service);

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_REGISTRY_SERVICE_ADDRESS_H_
