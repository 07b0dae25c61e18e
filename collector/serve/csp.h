// Content-Security-Policy of the pages we send.
#ifndef TRIBUTARY_COLLECTOR_SERVE_CSP_H_
#define TRIBUTARY_COLLECTOR_SERVE_CSP_H_

#include "absl/strings/string_view.h"

namespace tributary::serve {

// The stock UI works under it on every tab. Stricter than TensorBoard's own: no 'unsafe-eval' and
// no foreign hosts. The UI frames its own pages, hence frame-ancestors and not X-Frame-Options.
inline constexpr absl::string_view kUiPolicy =
    "default-src 'self';font-src 'self' data:;frame-src 'self';img-src 'self' data: blob:;"
    "object-src 'none';style-src 'self' data: 'unsafe-inline';connect-src 'self';"
    "script-src 'self';base-uri 'self';frame-ancestors 'self'";

// For pages that are only text.
inline constexpr absl::string_view kTextPolicy =
    "default-src 'none';base-uri 'none';frame-ancestors 'none'";

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_CSP_H_
