#include "collector/serve/safe_html.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace tributary::serve {
namespace {

// `a` and `img` mean nothing without attributes, which only Markdown's own syntax gives.
constexpr std::array<absl::string_view, 23> kTags = {
    "blockquote", "br", "code", "em",     "h1",    "h2",    "h3", "h4", "h5",    "h6", "hr", "li",
    "ol",         "p",  "pre",  "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"};
constexpr size_t kOpenMax = 1'000;

bool IsAllowed(absl::string_view name) {
  return std::find(kTags.begin(), kTags.end(), name) != kTags.end();
}

bool IsVoid(absl::string_view name) { return name == "br" || name == "hr"; }

// The length of a character reference at the start of `text`, or 0: it passes as it is, so that
// what was escaped by hand is not escaped again.
size_t ReferenceLength(absl::string_view text) {
  constexpr size_t kLongest = 34;  // of HTML's names: "&CounterClockwiseContourIntegral;"
  const size_t end = text.substr(0, kLongest).find(';');
  if (end == absl::string_view::npos || end < 2) return 0;
  absl::string_view name = text.substr(1, end - 1);
  const bool numeric = name.front() == '#';
  if (numeric) name.remove_prefix(1);
  const bool hexadecimal = numeric && (absl::StartsWith(name, "x") || absl::StartsWith(name, "X"));
  if (hexadecimal) name.remove_prefix(1);
  const auto fits = [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    if (hexadecimal) return absl::ascii_isxdigit(byte);
    return numeric ? absl::ascii_isdigit(byte) : absl::ascii_isalnum(byte);
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), fits) ? end + 1 : 0;
}

}  // namespace

std::string EscapeHtml(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

bool IsSafeUrl(absl::string_view url) {
  std::string scheme;
  for (const char c : url) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || c == '`') continue;
    if (c == ':') return scheme == "http" || scheme == "https" || scheme == "mailto";
    if (c == '/' || c == '?' || c == '#') return true;
    scheme.push_back(absl::ascii_tolower(byte));
  }
  return true;
}

void HtmlFilter::Append(absl::string_view html) {
  no_comment_ends_ = false;
  while (!html.empty()) {
    size_t taken = 1;
    switch (html.front()) {
      case '<':
        taken = AppendTag(html);
        break;
      case '&':
        taken = ReferenceLength(html);
        absl::StrAppend(out_, taken > 0 ? html.substr(0, taken) : "&amp;");
        taken = std::max<size_t>(taken, 1);
        break;
      case '>':
        absl::StrAppend(out_, "&gt;");
        break;
      default:
        taken = std::min(html.find_first_of("<&>"), html.size());
        absl::StrAppend(out_, html.substr(0, taken));
    }
    html.remove_prefix(taken);
  }
}

size_t HtmlFilter::AppendTag(absl::string_view html) {
  if (!no_comment_ends_ && absl::StartsWith(html, "<!--")) {
    const size_t end = html.find("-->", 4);
    if (end != absl::string_view::npos) return end + 3;
    no_comment_ends_ = true;
  }
  constexpr size_t kLongest = 32;  // of a tag without attributes; so a long text costs no more
  const size_t end = html.substr(0, kLongest).find('>');
  const bool closes = absl::StartsWith(html, "</");
  std::string name;
  if (end != absl::string_view::npos) {
    absl::string_view inside = html.substr(closes ? 2 : 1, end - (closes ? 2 : 1));
    if (!closes && absl::EndsWith(inside, "/")) inside.remove_suffix(1);
    name = absl::AsciiStrToLower(absl::StripTrailingAsciiWhitespace(inside));
  }
  const auto opened = std::find(open_.rbegin(), open_.rend(), name);
  const bool passes =
      IsAllowed(name) && (closes ? opened != open_.rend() : open_.size() < kOpenMax);
  if (!passes) {
    absl::StrAppend(out_, "&lt;");
    return 1;
  }
  if (!closes) {
    absl::StrAppend(out_, "<", name, ">");
    if (!IsVoid(name)) open_.push_back(name);
    return end + 1;
  }
  // What opened within the element ends with it.
  while (open_.back() != name) {
    absl::StrAppend(out_, "</", open_.back(), ">");
    open_.pop_back();
  }
  absl::StrAppend(out_, "</", name, ">");
  open_.pop_back();
  return end + 1;
}

void HtmlFilter::Finish() {
  for (; !open_.empty(); open_.pop_back()) absl::StrAppend(out_, "</", open_.back(), ">");
}

std::string SafeHtml(absl::string_view text) {
  std::string html;
  HtmlFilter filter(&html);
  filter.Append(text);
  filter.Finish();
  return html;
}

}  // namespace tributary::serve
