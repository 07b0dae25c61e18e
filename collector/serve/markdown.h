// Markdown of writers (texts, descriptions of tags) as HTML that cannot act; see safe_html.h.
#ifndef TRIBUTARY_COLLECTOR_SERVE_MARKDOWN_H_
#define TRIBUTARY_COLLECTOR_SERVE_MARKDOWN_H_

#include <cstddef>
#include <map>
#include <set>
#include <string>

#include "absl/strings/string_view.h"

namespace tributary::serve {

// A text beyond this is cut, and the HTML says so: a page of it is of no use to a person.
inline constexpr size_t kMarkdownBytesMax = 4u << 20;

// CommonMark with tables, by md4c, within TensorBoard's allow list: no class, no alignment, no
// scheme but http, https and mailto. Bytes that are not UTF-8 are U+FFFD, null characters vanish.
// Time is linear in the text.
std::string MarkdownToSafeHtml(absl::string_view markdown);

// Of one tag in several runs: {description: runs}. One description as above; several under
// headings that name their runs.
std::string CombinedDescriptionHtml(
    const std::map<std::string, std::set<std::string>>& runs_by_description);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_MARKDOWN_H_
