#include "agent/name_template.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace tributary::agent {
namespace {

bool IsFactName(absl::string_view name) {
  if (name.empty()) return false;
  for (const char c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-' && c != '.') {
      return false;
    }
  }
  return true;
}

}  // namespace

absl::StatusOr<NameTemplate> NameTemplate::Parse(absl::string_view text) {
  NameTemplate parsed;
  parsed.text_ = std::string(text);
  const auto bad = [text](absl::string_view reason) {
    return absl::InvalidArgumentError(absl::StrCat("template \"", text, "\": ", reason));
  };
  while (!text.empty()) {
    const size_t brace = text.find_first_of("{}");
    if (brace != 0) {
      parsed.pieces_.push_back({false, std::string(text.substr(0, brace))});
      if (brace == absl::string_view::npos) break;
      text.remove_prefix(brace);
      continue;
    }
    const size_t end = text.find('}');
    if (text.front() == '}') return bad("a '}' without a '{' before it");
    if (end == absl::string_view::npos) return bad("a '{' is not closed");
    const absl::string_view name = text.substr(1, end - 1);
    if (!IsFactName(name)) {
      return bad(absl::StrCat("\"{", name, "}\" is no fact: {node}, {job}, {job_name}, {index}, ",
                              "{rank}, {user}, or the key of a --label"));
    }
    parsed.pieces_.push_back({true, std::string(name)});
    text.remove_prefix(end + 1);
  }
  return parsed;
}

}  // namespace tributary::agent
