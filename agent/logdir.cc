#include "agent/logdir.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/name_template.h"
#include "common/status_macros.h"

namespace tributary::agent {
namespace {

constexpr size_t kLogdirNameBytesMax = 200;

absl::Status Invalid(absl::string_view text) { return absl::InvalidArgumentError(text); }

absl::StatusOr<PatternName> ParsePatternName(absl::string_view text) {
  ASSIGN_OR_RETURN(const NameTemplate parsed, NameTemplate::Parse(text));
  const bool has_fact = std::any_of(parsed.pieces().begin(), parsed.pieces().end(),
                                    [](const NameTemplate::Piece& piece) { return piece.is_fact; });
  if (has_fact && parsed.pieces().size() > 1) {
    return Invalid(absl::StrCat("\"", text, "\": a {FACT} takes the whole name of a directory"));
  }
  if (text == "..") return Invalid("\"..\" cannot stand behind a {FACT}");
  return PatternName{has_fact, has_fact ? parsed.pieces()[0].text : std::string(text)};
}

// What stands before the first capture, and the names from there.
struct Pattern {
  std::string before;
  std::vector<PatternName> below;
};

absl::StatusOr<Pattern> ParsePattern(absl::string_view path) {
  Pattern pattern;
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (pattern.below.empty() && !absl::StrContains(part, '{')) {
      absl::StrAppend(&pattern.before, part, "/");
      continue;
    }
    if (part.empty() || part == ".") continue;
    ASSIGN_OR_RETURN(PatternName name, ParsePatternName(part));
    const bool again =
        name.is_capture &&
        std::any_of(pattern.below.begin(), pattern.below.end(),
                    [&](const auto& other) { return other.is_capture && other.text == name.text; });
    if (again) return Invalid(absl::StrCat("{", name.text, "} stands there twice"));
    pattern.below.push_back(std::move(name));
  }
  return pattern;
}

}  // namespace

std::string Logdir::Text() const {
  std::string text = path;
  for (const PatternName& part : below) {
    text = JoinPath(text, part.is_capture ? absl::StrCat("{", part.text, "}") : part.text);
  }
  return text;
}

PathPattern Logdir::Pattern() const {
  PathPattern pattern;
  for (const PatternName& part : below) {
    pattern.push_back(part.is_capture ? std::nullopt : std::optional(part.text));
  }
  return pattern;
}

std::pair<absl::string_view, absl::string_view> SplitNames(absl::string_view path, size_t names) {
  if (names == 0) return {"", path};
  size_t slash = path.find('/');
  for (size_t i = 1; i < names && slash != absl::string_view::npos; ++i) {
    slash = path.find('/', slash + 1);
  }
  if (slash == absl::string_view::npos) return {path, ""};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

absl::StatusOr<Logdir> ParseLogdir(const std::string& text, const std::string& working_directory,
                                   FileSystem* files) {
  const auto absolute = [&](absl::string_view path) {
    return CleanPath(absl::StartsWith(path, "/") ? std::string(path)
                                                 : JoinPath(working_directory, path));
  };
  const auto is_directory = [&](absl::string_view path) {
    const absl::StatusOr<FileStat> stat = files->Stat(absolute(path));
    return stat.ok() && stat->is_directory;
  };
  if (text.empty()) return Invalid("an empty directory name");
  Logdir logdir;
  const size_t equals = text.find('=');
  const bool is_path = equals == std::string::npos ||
                       absl::StrContains(text.substr(0, equals), '/') || is_directory(text);
  std::string path = text;
  if (!is_path) {
    logdir.name = text.substr(0, equals);
    path = text.substr(equals + 1);
    if (logdir.name.empty())
      return Invalid(absl::StrCat("\"", text, "\" has an empty name before '='"));
    if (logdir.name.size() > kLogdirNameBytesMax) {
      return Invalid(absl::StrCat("the name before '=' has ", logdir.name.size(),
                                  " bytes, at most ", kLogdirNameBytesMax, " are allowed"));
    }
    if (path.empty())
      return Invalid(absl::StrCat("\"", text, "\" has an empty directory after '='"));
  }
  if (absl::StrContains(path, '{') && !is_directory(path)) {
    absl::StatusOr<Pattern> pattern = ParsePattern(path);
    if (!pattern.ok()) return Invalid(absl::StrCat("\"", path, "\": ", pattern.status().message()));
    path = pattern->before;
    logdir.below = std::move(pattern->below);
  }
  logdir.path = absolute(path);
  return logdir;
}

}  // namespace tributary::agent
