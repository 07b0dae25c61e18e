#include "collector/serve/plugins/pattern.h"

#include <re2/re2.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace tributary::serve {
namespace {

re2::StringPiece Piece(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace

absl::StatusOr<Pattern> Pattern::Compile(absl::string_view expression) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto compiled = std::make_shared<const re2::RE2>(Piece(expression), options);
  if (!compiled->ok()) {
    return absl::InvalidArgumentError(absl::StrCat("no regular expression: ", compiled->error()));
  }
  return Pattern(std::move(compiled));
}

bool Pattern::Search(absl::string_view text) const {
  return re2::RE2::PartialMatch(Piece(text), *expression_);
}

bool Pattern::MatchStart(absl::string_view text) const {
  return expression_->Match(Piece(text), 0, text.size(), re2::RE2::ANCHOR_START, nullptr, 0);
}

}  // namespace tributary::serve
