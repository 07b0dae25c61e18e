// Regular expressions that clients send.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PATTERN_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PATTERN_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace re2 {
class RE2;
}  // namespace re2

namespace tributary::serve {

// One expression, in RE2's syntax: time and memory are linear, whatever a client sends. What Python
// has beyond it, lookarounds and back references, does not compile. Thread-safe; cheap to copy.
class Pattern {
 public:
  // InvalidArgument, with the reason, for what does not compile.
  static absl::StatusOr<Pattern> Compile(absl::string_view expression);

  // Whether it matches anywhere in the text.
  bool Search(absl::string_view text) const;
  // Whether it matches from the first byte on; the text may go on behind the match.
  bool MatchStart(absl::string_view text) const;

 private:
  explicit Pattern(std::shared_ptr<const re2::RE2> expression)
      : expression_(std::move(expression)) {}

  std::shared_ptr<const re2::RE2> expression_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_PATTERN_H_
