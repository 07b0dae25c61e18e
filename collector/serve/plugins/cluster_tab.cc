#include "collector/serve/plugins/cluster_tab.h"

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "collector/serve/answers.h"
#include "collector/serve/csp.h"
#include "collector/serve/static_assets.h"
#include "common/check.h"
#include "common/eventfile/crc32c.h"

namespace tributary::serve {
namespace {

constexpr absl::string_view kPage = "index.html";

http::Response FileAnswer(const EmbeddedFile& file, const std::string& etag,
                          const http::Request& request) {
  http::Response response;
  ForbidReuse(&response);
  response.headers.emplace_back("ETag", etag);
  if (HasCurrent(request, etag)) {
    response.status = 304;
    return response;
  }
  response.content_type = ContentTypeOf(file.name);
  response.body = std::string(file.bytes);
  return response;
}

}  // namespace

void ClusterTab::AddRoutes(Router* router) const {
  if (!has_store_) return;
  for (const EmbeddedFile& file : ClusterTabFiles()) {
    if (file.name == kPage) continue;  // it names its files from another folder: see EntryPage
    // Weak: the bytes may be sent with or without compression.
    const std::string etag = absl::StrFormat("W/\"%08x\"", Crc32c(file.bytes));
    router->Add(absl::StrCat("/data/plugin/cluster/", file.name), false,
                [file, etag](const http::Request& request, const Location&) {
                  return FileAnswer(file, etag, request);
                });
  }
}

ClusterTab::Place ClusterTab::PlaceIn(const Location& location) const {
  if (!has_store_) return Place::kAbsent;
  if (location.view == Location::View::kBelow) return Place::kLast;
  const std::shared_ptr<const ClusterSnapshot> cluster = board_->Get();
  const bool connected =
      std::any_of(cluster->nodes.begin(), cluster->nodes.end(),
                  [](const NodeStatus& node) { return node.state == "connected"; });
  return connected ? Place::kFirst : Place::kLast;
}

http::Response ClusterTab::EntryPage() const {
  const absl::Span<const EmbeddedFile> files = ClusterTabFiles();
  const auto page = std::find_if(files.begin(), files.end(),
                                 [](const EmbeddedFile& file) { return file.name == kPage; });
  CHECK(page != files.end(), "the program was built without ", kPage);
  http::Response response;
  response.content_type = "text/html; charset=utf-8";
  response.headers.emplace_back("Content-Security-Policy", kClusterPagePolicy);
  ForbidReuse(&response);
  response.body = std::string(page->bytes);
  return response;
}

}  // namespace tributary::serve
