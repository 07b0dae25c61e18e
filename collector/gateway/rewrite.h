// Heads as they are passed on. Pure functions.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_REWRITE_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_REWRITE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "collector/gateway/http_head.h"
#include "collector/gateway/routes.h"

namespace tributary::gateway {

// Whether the request asks for a WebSocket: the one protocol that is switched to.
bool WantsWebSocket(const RequestHead& request);

// The request as its service gets it. The service sees what it would if it had been opened on its
// own node: Host is localhost and its port, Origin and Referer of its own pages likewise. What is
// about one connection only, and what is named "tributary…", stays here.
std::string ForwardedRequest(const RequestHead& request, const Route& route,
                             absl::string_view peer_address);

// The answer as the viewer gets it. `chunked`: the body is sent in chunks whatever the service
// did; `close`: the connection ends after it. Location and cookie paths are mapped to where the
// service opens; a cookie that would reach beyond it is dropped.
std::string ForwardedResponse(const ResponseHead& response, const RequestHead& request,
                              const Route& route, bool chunked, bool close);

// nullopt: dropped. Both are for the tests of their own.
std::optional<std::string> MappedCookie(absl::string_view set_cookie, const Route& route);
std::string MappedLocation(absl::string_view location, absl::string_view host, const Route& route);

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_REWRITE_H_
