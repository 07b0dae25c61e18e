// Guards what changes something against pages of other sites: a browser sends a viewer's requests
// for whatever page is open in it.
#ifndef TRIBUTARY_COLLECTOR_SERVE_SAME_ORIGIN_H_
#define TRIBUTARY_COLLECTOR_SERVE_SAME_ORIGIN_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/http/message.h"

namespace tributary::serve {

// PermissionDenied unless
//   - Origin, where there is one, is the host that was asked, and the browser does not say that the
//     page is of another site;
//   - Referer, where there is one, is a page of that host and of ours, not of a node's service,
//   which
//     stand below `path_prefix` in "/node/".
// Whether the host is one of the collector's own was checked before: a foreign name that leads here
// would be its own origin (DNS rebinding).
absl::Status CheckSameOrigin(const http::Request& request, absl::string_view path_prefix);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_SAME_ORIGIN_H_
