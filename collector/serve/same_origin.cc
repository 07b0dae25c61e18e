#include "collector/serve/same_origin.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace tributary::serve {
namespace {

// Takes scheme and host off; false if they are not those of `host`.
bool ConsumeOrigin(absl::string_view host, absl::string_view* url) {
  if (!absl::ConsumePrefix(url, "http://") && !absl::ConsumePrefix(url, "https://")) return false;
  const absl::string_view of_url = url->substr(0, url->find('/'));
  url->remove_prefix(of_url.size());
  return absl::EqualsIgnoreCase(of_url, host);
}

absl::Status Foreign(absl::string_view header, absl::string_view value) {
  return absl::PermissionDeniedError(
      absl::StrCat(header, " \"", value.substr(0, 200),
                   "\" is not this site's: only its own pages and scripts may change something"));
}

}  // namespace

absl::Status CheckSameOrigin(const http::Request& request, absl::string_view path_prefix) {
  const absl::string_view host = request.Header("host");
  absl::string_view origin = request.Header("origin");
  if (!origin.empty() && (!ConsumeOrigin(host, &origin) || !origin.empty())) {
    return Foreign("Origin", request.Header("origin"));
  }
  const absl::string_view site = request.Header("sec-fetch-site");
  if (!site.empty() && site != "same-origin" && site != "none") {
    return Foreign("Sec-Fetch-Site", site);
  }
  absl::string_view page = request.Header("referer");
  if (page.empty()) return absl::OkStatus();
  const bool same = ConsumeOrigin(host, &page);
  // A prefix or a slash may be encoded.
  const std::string path = http::PercentDecode(page.substr(0, page.find_first_of("?#")));
  if (!same || absl::StartsWith(path, absl::StrCat(path_prefix, "/node/"))) {
    return Foreign("Referer", request.Header("referer"));
  }
  return absl::OkStatus();
}

}  // namespace tributary::serve
