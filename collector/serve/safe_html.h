// HTML from text of writers, which the UI takes as it is: a security boundary. Only the tags and
// attributes of TensorBoard's allow list come out; whatever else looks like markup is shown as
// text.
#ifndef TRIBUTARY_COLLECTOR_SERVE_SAFE_HTML_H_
#define TRIBUTARY_COLLECTOR_SERVE_SAFE_HTML_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tributary::serve {

// For text between tags and for quoted attributes.
std::string EscapeHtml(absl::string_view text);

// Whether a link may lead there: http, https, mailto, or relative. What a browser ignores in a
// scheme (control characters, white space) does not hide one.
bool IsSafeUrl(absl::string_view url);

// Takes pieces of HTML written by hand, as they come, and appends what is safe of them. Tags of the
// allow list pass if they have no attributes, comments vanish, the rest is escaped. Elements are
// closed: what opened in here ends in here. Not thread-safe.
class HtmlFilter {
 public:
  explicit HtmlFilter(std::string* out) : out_(out) {}

  void Append(absl::string_view html);
  // Closes what is still open.
  void Finish();

 private:
  // Appends the tag, or what could be one, that `html` begins with; returns its length.
  size_t AppendTag(absl::string_view html);

  std::string* const out_;
  std::vector<std::string> open_;
  // No comment of this piece ends any more: it is not looked for at each "<!--".
  bool no_comment_ends_ = false;
};

// The text with its harmless HTML, everything else escaped.
std::string SafeHtml(absl::string_view text);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_SAFE_HTML_H_
