// GET /api/v1/views: what the view that is asked lists and leaves out. GET /api/v1/namespaces: the
// name spaces that can be opened as views.
#ifndef TRIBUTARY_COLLECTOR_SERVE_VIEWS_H_
#define TRIBUTARY_COLLECTOR_SERVE_VIEWS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "collector/index/index.h"
#include "collector/serve/main_view.h"
#include "collector/serve/router.h"
#include "common/http/message.h"

namespace tributary::serve {

// Where a view opens: "/tb/all/", "/tb/ns/4711%2Fnode0/".
std::string UrlOfAll(absl::string_view path_prefix);
std::string UrlOfNameSpace(absl::string_view path_prefix, absl::string_view name_space);

// `path_prefix` is the collector's. Thread-safe.
http::Response ViewsAnswer(const Index& index, const MainView::Snapshot& main, uint64_t runs_max,
                           absl::string_view path_prefix, const Location& at);

// The name spaces one component below `below=`, by name: `after=`, `limit=`. Thread-safe.
http::Response NameSpacesAnswer(const Index& index, absl::string_view path_prefix,
                                const http::Request& request);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_VIEWS_H_
