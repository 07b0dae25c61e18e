// What is followed: a directory, or all directories of one pattern, "/scratch/{user}/{job}/tb".
#ifndef TRIBUTARY_AGENT_LOGDIR_H_
#define TRIBUTARY_AGENT_LOGDIR_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/eventfile/discovery.h"
#include "common/file.h"

namespace tributary::agent {

// One name of a pattern.
struct PatternName {
  // It stands for any name, and `text` is the fact that the name is taken for.
  bool is_capture = false;
  std::string text;
};

// A value.
struct Logdir {
  // The part of stream identity; empty for a logdir given without one. Holds no '/'.
  std::string name;
  // Absolute: the directory; of a pattern, what stands before the first capture. Paths of streams
  // begin below it.
  std::string path;
  // Of a pattern: the names below `path`, the first of them a capture.
  std::vector<PatternName> below = {};

  // As it was given, but absolute.
  std::string Text() const;
  // `below` for those who look for directories.
  PathPattern Pattern() const;
};

// Splits a path into its first `names` names and the rest: "a/b/c" and 2 give "a/b" and "c". A path
// that has no more gives all of it and "".
std::pair<absl::string_view, absl::string_view> SplitNames(absl::string_view path, size_t names);

// Splits one --logdir: NAME=PATH, or a PATH. A text that is an existing directory, or has a '/'
// before its first '=', is a PATH. `working_directory` makes the path absolute. InvalidArgument for
// an empty name or path, a name of more than 200 bytes, and, unless it is an existing directory,
// braces that are not around a whole name of the path, a fact that is captured twice, and ".."
// behind a capture.
absl::StatusOr<Logdir> ParseLogdir(const std::string& text, const std::string& working_directory,
                                   FileSystem* files);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_LOGDIR_H_
