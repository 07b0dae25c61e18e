// Text with facts in braces.
#ifndef TRIBUTARY_AGENT_NAME_TEMPLATE_H_
#define TRIBUTARY_AGENT_NAME_TEMPLATE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tributary::agent {

// "{job}/node{index}": text with facts in braces. A value.
class NameTemplate {
 public:
  // InvalidArgument for braces that do not match, and for a name in them that is not made of
  // letters, digits, '_', '-' and '.'.
  static absl::StatusOr<NameTemplate> Parse(absl::string_view text);

  struct Piece {
    bool is_fact = false;
    std::string text;
  };
  const std::vector<Piece>& pieces() const { return pieces_; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::vector<Piece> pieces_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_NAME_TEMPLATE_H_
