// Descriptions of tags as HTML. Their text comes from writers of event files and the UI takes the
// HTML as it is: nothing of the text may act as markup.
#ifndef TRIBUTARY_COLLECTOR_SERVE_DESCRIPTION_H_
#define TRIBUTARY_COLLECTOR_SERVE_DESCRIPTION_H_

#include <map>
#include <set>
#include <string>

#include "absl/strings/string_view.h"

namespace tributary::serve {

std::string EscapeHtml(absl::string_view text);

// The escaped text, a paragraph per block of lines; empty for an empty text. Markdown is shown as
// it was written.
std::string DescriptionHtml(absl::string_view description);

// Of one tag in several runs: {description: runs}. One description as above; several under
// headings that name their runs.
std::string CombinedDescriptionHtml(
    const std::map<std::string, std::set<std::string>>& runs_by_description);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_DESCRIPTION_H_
