#include "common/yaml.h"

#include <yaml-cpp/yaml.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace tributary {
namespace {

YamlValue Convert(const YAML::Node& node) {
  YamlValue value;
  switch (node.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null:
      return value;
    case YAML::NodeType::Scalar:
      value.kind = YamlValue::Kind::kScalar;
      value.scalar = node.Scalar();
      return value;
    case YAML::NodeType::Sequence:
      value.kind = YamlValue::Kind::kList;
      for (const auto& entry : node) {
        if (!entry.IsScalar()) return {.kind = YamlValue::Kind::kNested};
        value.list.push_back(entry.Scalar());
      }
      return value;
    case YAML::NodeType::Map:
      value.kind = YamlValue::Kind::kMap;
      for (const auto& entry : node) {
        if (!entry.first.IsScalar() || !entry.second.IsScalar()) {
          return {.kind = YamlValue::Kind::kNested};
        }
        value.map.emplace_back(entry.first.Scalar(), entry.second.Scalar());
      }
      return value;
  }
  return value;
}

}  // namespace

absl::StatusOr<std::vector<YamlEntry>> ParseYamlMap(absl::string_view text) {
  try {
    std::vector<YamlEntry> entries;
    const YAML::Node root = YAML::Load(std::string(text));
    if (root.IsNull()) return entries;
    if (!root.IsMap()) return absl::InvalidArgumentError("1: must hold \"key: value\" lines");
    for (const auto& entry : root) {
      const int line = entry.first.Mark().line + 1;
      if (!entry.first.IsScalar()) {
        return absl::InvalidArgumentError(absl::StrCat(line, ": the key is no plain text"));
      }
      entries.push_back({entry.first.Scalar(), line, Convert(entry.second)});
    }
    return entries;
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(error.mark.line + 1, ": ", absl::StrReplaceAll(error.msg, {{"\n", " "}})));
  }
}

std::string YamlQuoted(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "''"}}), "'");
}

}  // namespace tributary
