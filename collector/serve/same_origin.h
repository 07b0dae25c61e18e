// Guards what changes something against pages of other sites: a browser sends a viewer's requests
// for whatever page is open in it.
#ifndef TRIBUTARY_COLLECTOR_SERVE_SAME_ORIGIN_H_
#define TRIBUTARY_COLLECTOR_SERVE_SAME_ORIGIN_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "collector/gateway/host_table.h"
#include "common/http/message.h"

namespace tributary::serve {

// PermissionDenied unless
//   - Origin, where there is one, is that of the host that was asked (HostTable::IsSameOrigin), and
//     the browser does not say that the page is of another site;
//   - Referer, where there is one, is a page of that origin and of ours, not of a node's service,
//     which stand below `path_prefix` in "/node/".
// Scripts say nothing of that, and may. Whether the host is one of the collector's own was checked
// before: a foreign name that leads here would be its own origin (DNS rebinding).
//
// A page below /node/ shares the collector's origin and could hide where it is from; this stops
// accidents and simple attempts. Services that are not trusted need an origin of their own.
absl::Status CheckSameOrigin(const http::Request& request, absl::string_view path_prefix,
                             const gateway::HostTable& hosts);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_SAME_ORIGIN_H_
