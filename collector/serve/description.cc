#include "collector/serve/description.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace tributary::serve {

std::string EscapeHtml(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::string DescriptionHtml(absl::string_view description) {
  std::string html;
  for (const absl::string_view block : absl::StrSplit(description, "\n\n")) {
    const absl::string_view text = absl::StripAsciiWhitespace(block);
    if (text.empty()) continue;
    absl::StrAppend(&html, html.empty() ? "" : "\n", "<p>", EscapeHtml(text), "</p>");
  }
  return html;
}

std::string CombinedDescriptionHtml(
    const std::map<std::string, std::set<std::string>>& runs_by_description) {
  if (runs_by_description.size() == 1) return DescriptionHtml(runs_by_description.begin()->first);
  std::string html = "<h1>Multiple descriptions</h1>";
  for (const auto& [description, runs] : runs_by_description) {
    absl::StrAppend(&html, "\n<h2>For run", runs.size() == 1 ? "" : "s", ": ",
                    EscapeHtml(absl::StrJoin(runs, ", ")), "</h2>\n", DescriptionHtml(description));
  }
  return html;
}

}  // namespace tributary::serve
