#include "collector/serve/same_origin.h"

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tributary::serve {
namespace {

absl::Status Foreign(absl::string_view header, absl::string_view value) {
  return absl::PermissionDeniedError(absl::StrCat(
      header, " \"", value.substr(0, 200),
      "\" is not this site's: only its own pages and scripts may change something. Behind a proxy "
      "that changes the Host, start the collector with --allowed_hosts"));
}

bool IsOwnPage(absl::string_view url, absl::string_view host, absl::string_view path_prefix,
               const gateway::HostTable& hosts) {
  const size_t scheme = url.find("://");
  if (scheme == absl::string_view::npos) return false;
  const size_t path = std::min(url.find_first_of("/?#", scheme + 3), url.size());
  if (!hosts.IsSameOrigin(url.substr(0, path), host)) return false;
  // A prefix or a slash may be encoded.
  const std::string decoded =
      http::PercentDecode(url.substr(path, url.find_first_of("?#", path) - path));
  return !absl::StartsWith(decoded, absl::StrCat(path_prefix, "/node/"));
}

}  // namespace

absl::Status CheckSameOrigin(const http::Request& request, absl::string_view path_prefix,
                             const gateway::HostTable& hosts) {
  const absl::string_view host = request.Header("host");
  const absl::string_view origin = request.Header("origin");
  if (!origin.empty() && !hosts.IsSameOrigin(origin, host)) return Foreign("Origin", origin);
  const absl::string_view site = request.Header("sec-fetch-site");
  if (!site.empty() && site != "same-origin" && site != "none") {
    return Foreign("Sec-Fetch-Site", site);
  }
  const absl::string_view page = request.Header("referer");
  if (!page.empty() && !IsOwnPage(page, host, path_prefix, hosts)) return Foreign("Referer", page);
  return absl::OkStatus();
}

}  // namespace tributary::serve
