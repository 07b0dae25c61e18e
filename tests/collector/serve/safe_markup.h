// Judges HTML that was made of text of writers, by other means than the code that made it.
#ifndef TRIBUTARY_TESTS_COLLECTOR_SERVE_SAFE_MARKUP_H_
#define TRIBUTARY_TESTS_COLLECTOR_SERVE_SAFE_MARKUP_H_

#include <re2/re2.h>

#include <string>

#include "absl/strings/str_replace.h"
#include "collector/serve/safe_html.h"

namespace tributary::serve {

// The first tag that is none of the allow list, has an attribute or a quote too many, or leads to
// where it must not; empty if there is none.
inline std::string FirstMarkupThatActs(const std::string& html) {
  static const RE2 kTag(
      "</?(?:ul|ol|li|p|pre|code|blockquote|h[1-6]|hr|br|strong|em|table|thead|tbody|td|tr|th)>"
      "|<a(?: href=\"([^\"<>]*)\")?(?: title=\"[^\"<>]*\")?>|</a>"
      "|<img alt=\"[^\"<>]*\"(?: src=\"([^\"<>]*)\")?(?: title=\"[^\"<>]*\")?>"
      "|<!-- WARNING: discarded [0-9]+ null bytes in markdown string after UTF-8 decoding -->");
  static const RE2 kOurReferences("&(?:amp|quot|lt|gt|#39);");
  for (size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    re2::StringPiece parts[3];
    const bool is_ours = kTag.Match(html, at, html.size(), RE2::ANCHOR_START, parts, 3);
    if (!is_ours) return html.substr(at, 100);
    for (const int url : {1, 2}) {
      const std::string written = parts[url].as_string();
      // As a browser reads it; only references that we make are in it, and none is a colon.
      std::string without = written;
      RE2::GlobalReplace(&without, kOurReferences, "");
      const std::string read = absl::StrReplaceAll(
          written,
          {{"&amp;", "&"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&lt;", "<"}, {"&gt;", ">"}});
      if (without.find('&') != std::string::npos || !IsSafeUrl(read)) return written;
    }
  }
  return "";
}

}  // namespace tributary::serve

#endif  // TRIBUTARY_TESTS_COLLECTOR_SERVE_SAFE_MARKUP_H_
