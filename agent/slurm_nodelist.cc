#include "agent/slurm_nodelist.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/status_macros.h"

namespace tributary::agent {
namespace {

absl::Status Bad(absl::string_view nodelist, absl::string_view reason) {
  return absl::InvalidArgumentError(
      absl::StrCat("node list \"", nodelist.substr(0, 200), "\": ", reason));
}

bool IsNumber(absl::string_view text) {
  // Eighteen digits fit into 64 bits.
  return !text.empty() && text.size() <= 18 &&
         std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// The texts of one bracket: "07-09,12".
absl::StatusOr<std::vector<std::string>> ExpandBracket(absl::string_view nodelist,
                                                       absl::string_view bracket) {
  std::vector<std::string> texts;
  for (const absl::string_view range : absl::StrSplit(bracket, ',')) {
    const std::vector<absl::string_view> ends = absl::StrSplit(range, absl::MaxSplits('-', 1));
    uint64_t low = 0;
    uint64_t high = 0;
    if (!IsNumber(ends.front()) || !IsNumber(ends.back()) ||
        !absl::SimpleAtoi(ends.front(), &low) || !absl::SimpleAtoi(ends.back(), &high)) {
      return Bad(nodelist, absl::StrCat("\"", range.substr(0, 50), "\" is no range of numbers"));
    }
    if (high < low) return Bad(nodelist, absl::StrCat("\"", range, "\" goes backwards"));
    if (high - low >= kNodelistNamesMax - texts.size()) {
      return Bad(nodelist, absl::StrCat("more than ", kNodelistNamesMax, " names"));
    }
    for (uint64_t n = low; n <= high; ++n) {
      texts.push_back(absl::StrFormat("%0*d", static_cast<int>(ends.front().size()), n));
    }
  }
  return texts;
}

// One element without commas outside of brackets: "rack[0-1]node[01-04]".
absl::Status ExpandElement(absl::string_view nodelist, absl::string_view element,
                           std::vector<std::string>* names) {
  std::vector<std::string> expanded = {""};
  while (!element.empty()) {
    const size_t open = element.find('[');
    const absl::string_view literal = element.substr(0, open);
    for (std::string& name : expanded) absl::StrAppend(&name, literal);
    if (open == absl::string_view::npos) break;
    // The caller matched the brackets.
    const size_t close = element.find(']');
    ASSIGN_OR_RETURN(const std::vector<std::string> texts,
                     ExpandBracket(nodelist, element.substr(open + 1, close - open - 1)));
    if (expanded.size() * texts.size() > kNodelistNamesMax - names->size()) {
      return Bad(nodelist, absl::StrCat("more than ", kNodelistNamesMax, " names"));
    }
    std::vector<std::string> longer;
    longer.reserve(expanded.size() * texts.size());
    for (const std::string& name : expanded) {
      for (const std::string& text : texts) longer.push_back(absl::StrCat(name, text));
    }
    expanded = std::move(longer);
    element.remove_prefix(close + 1);
  }
  if (expanded.size() > kNodelistNamesMax - names->size()) {
    return Bad(nodelist, absl::StrCat("more than ", kNodelistNamesMax, " names"));
  }
  names->insert(names->end(), expanded.begin(), expanded.end());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ExpandNodelist(absl::string_view nodelist) {
  std::vector<std::string> names;
  size_t start = 0;
  bool inside = false;
  for (size_t i = 0; i <= nodelist.size(); ++i) {
    const char c = i < nodelist.size() ? nodelist[i] : ',';
    if (c == '[') {
      if (inside) return Bad(nodelist, "a bracket opens inside another");
      inside = true;
    } else if (c == ']') {
      if (!inside) return Bad(nodelist, "a bracket closes that was not opened");
      inside = false;
    } else if (i == nodelist.size() && inside) {
      return Bad(nodelist, "a bracket is not closed");
    } else if (!inside && (c == ',' || absl::ascii_isspace(static_cast<unsigned char>(c)))) {
      if (i > start)
        RETURN_IF_ERROR(ExpandElement(nodelist, nodelist.substr(start, i - start), &names));
      start = i + 1;
    }
  }
  return names;
}

absl::StatusOr<std::optional<size_t>> PlaceInNodelist(absl::string_view nodelist,
                                                      const std::vector<std::string>& names) {
  ASSIGN_OR_RETURN(const std::vector<std::string> listed, ExpandNodelist(nodelist));
  for (const std::string& name : names) {
    const auto found = std::find(listed.begin(), listed.end(), name);
    if (found != listed.end()) return static_cast<size_t>(found - listed.begin());
  }
  return std::nullopt;
}

}  // namespace tributary::agent
