// YAML files of ours: one map of keys to plain values, to lists of them, or to maps of them. Hides
// yaml-cpp and its exceptions.
#ifndef TRIBUTARY_COMMON_YAML_H_
#define TRIBUTARY_COMMON_YAML_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tributary {

struct YamlValue {
  enum class Kind { kNull, kScalar, kList, kMap, kNested };
  Kind kind = Kind::kNull;
  std::string scalar = {};
  std::vector<std::string> list = {};
  std::vector<std::pair<std::string, std::string>> map = {};
};

struct YamlEntry {
  std::string key;
  int line = 0;  // of the key, from 1
  // kNested for what is neither plain nor a list or map of plain values.
  YamlValue value;
};

// The entries in the order of the text; none for an empty document. Keys may repeat: what that
// means is the caller's business. InvalidArgument with "LINE: reason" for text that is no such map.
absl::StatusOr<std::vector<YamlEntry>> ParseYamlMap(absl::string_view text);

// `text` quoted so that YAML reads back the same string. For text without control characters.
std::string YamlQuoted(absl::string_view text);

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_YAML_H_
