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

// For the page that loads a plugin's module into its frame: the one script that it holds.
inline constexpr absl::string_view kPluginEntryScript =
    "import(\"./index.js\").then((page) => page.render());";
inline constexpr absl::string_view kPluginEntryPolicy =
    "default-src 'self';font-src 'self' data:;frame-src 'self';img-src 'self' data: blob:;"
    "object-src 'none';style-src 'self' data: 'unsafe-inline';connect-src 'self';"
    "script-src 'self' 'sha256-UrA8N6n3vr2ZNwTgC5iIRmNP/rV5mVFHuf0eGA+A0qc=';"
    "base-uri 'self';frame-ancestors 'self'";

// For the pages of plugins: the projector compiles its arithmetic while it runs.
inline constexpr absl::string_view kPluginPagePolicy =
    "default-src 'self';font-src 'self' data:;frame-src 'self';img-src 'self' data: blob:;"
    "object-src 'none';style-src 'self' data: 'unsafe-inline';connect-src 'self';"
    "script-src 'self' 'unsafe-eval' 'unsafe-inline';base-uri 'self';frame-ancestors 'self'";

// For the Cluster tab. Nothing that is not named, no inline script or style, and no text that is
// turned into markup: names of nodes, runs and files are whatever somebody called them.
inline constexpr absl::string_view kClusterPagePolicy =
    "default-src 'none';script-src 'self';style-src 'self';font-src 'self';img-src 'self';"
    "connect-src 'self';base-uri 'self';form-action 'none';frame-ancestors 'self';"
    "require-trusted-types-for 'script';trusted-types 'none'";

// For pages that are only text.
inline constexpr absl::string_view kTextPolicy =
    "default-src 'none';base-uri 'none';frame-ancestors 'none'";

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_CSP_H_
