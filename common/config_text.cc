// What people read about options: --help and the reference configuration.
#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/config.h"
#include "common/config_option.h"
#include "common/yaml.h"

namespace tributary {
namespace {

constexpr size_t kColumns = 96;

// `text` in lines of at most kColumns, each begun with `indent`.
std::string Wrap(absl::string_view text, absl::string_view indent) {
  std::string wrapped;
  std::string line(indent);
  for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (line.size() > indent.size() && line.size() + 1 + word.size() > kColumns) {
      absl::StrAppend(&wrapped, line, "\n");
      line = std::string(indent);
    }
    absl::StrAppend(&line, line.size() > indent.size() ? " " : "", word);
  }
  absl::StrAppend(&wrapped, line, "\n");
  return wrapped;
}

absl::string_view KindName(OptionKind kind) {
  switch (kind) {
    case OptionKind::kText:
    case OptionKind::kList:
      return "TEXT";
    case OptionKind::kInteger:
      return "N";
    case OptionKind::kBytes:
      return "SIZE";
    case OptionKind::kDuration:
      return "DURATION";
    case OptionKind::kTruth:
      return "true|false";
  }
  return "";
}

std::string DefaultText(OptionKind kind, const std::vector<std::string>& defaults) {
  if (defaults.empty() || (defaults.size() == 1 && defaults[0].empty())) return "";
  if (kind == OptionKind::kTruth && defaults[0] == "false") return "";
  return absl::StrCat("Default ", absl::StrJoin(defaults, ", "), ".");
}

// A scalar that YAML reads back as this text.
std::string YamlScalar(const std::string& text, OptionKind kind) {
  if (kind != OptionKind::kText && kind != OptionKind::kList) return text;
  return YamlQuoted(text);
}

// Where the summaries of commands begin.
constexpr size_t kCommandColumn = 14;

}  // namespace

std::string Options::Option::Variable() const {
  if (spec.flag_only) return "";
  return absl::StrCat("TRIBUTARY_",
                      absl::StrReplaceAll(absl::AsciiStrToUpper(spec.name), {{"-", "_"}}));
}

bool Options::Option::TakenBy(absl::string_view command) const {
  return spec.commands.empty() ||
         std::find(spec.commands.begin(), spec.commands.end(), command) != spec.commands.end();
}

std::string Options::Option::BoundsText() const {
  if (!spec.choices.empty()) return absl::StrCat("one of ", absl::StrJoin(spec.choices, ", "));
  if (!spec.min.empty() && !spec.max.empty()) return absl::StrCat(spec.min, " to ", spec.max);
  if (!spec.min.empty()) return absl::StrCat("at least ", spec.min);
  if (!spec.max.empty()) return absl::StrCat("at most ", spec.max);
  return "";
}

std::string Options::HelpText(absl::string_view command) const {
  std::string text = Wrap(absl::StrCat(program_.name, ": ", program_.summary), "");
  const auto chosen = std::find_if(program_.commands.begin(), program_.commands.end(),
                                   [&](const Command& c) { return c.name == command; });
  if (chosen != program_.commands.end()) {
    text = Wrap(absl::StrCat(program_.name, " ", chosen->name, chosen->argument.empty() ? "" : " ",
                             chosen->argument, ": ", chosen->summary),
                "");
  } else {
    absl::StrAppend(&text, "\nUsage:\n");
    for (const std::string& usage : program_.usage) absl::StrAppend(&text, "  ", usage, "\n");
    if (!program_.commands.empty()) absl::StrAppend(&text, "\nCommands:\n");
    for (const Command& c : program_.commands) {
      const std::string name = c.argument.empty() ? c.name : absl::StrCat(c.name, " ", c.argument);
      std::string lines =
          Wrap(absl::StrCat(c.summary, c.name == program_.default_command ? " (the default)" : ""),
               std::string(kCommandColumn, ' '));
      if (2 + name.size() < kCommandColumn) {
        lines.replace(2, name.size(), name);
      } else {
        absl::StrAppend(&text, "  ", name, "\n");
      }
      absl::StrAppend(&text, lines);
    }
  }
  // Sections in the order of their first option; "General" last, as it is the least interesting.
  std::vector<std::string> sections;
  for (const auto& option : options_) {
    if (std::find(sections.begin(), sections.end(), option->spec.section) == sections.end()) {
      sections.push_back(option->spec.section);
    }
  }
  const auto general = std::find(sections.begin(), sections.end(), "General");
  if (general != sections.end()) std::rotate(general, general + 1, sections.end());
  for (const std::string& section : sections) {
    std::string listed;
    for (const auto& option : options_) {
      const OptionSpec& spec = option->spec;
      if (spec.section != section || spec.hidden) continue;
      if (chosen != program_.commands.end() && !option->TakenBy(command)) continue;
      const bool bare = option->kind == OptionKind::kTruth && !spec.needs_value;
      absl::StrAppend(&listed, "  --", spec.name, bare ? "" : " ",
                      bare                 ? ""
                      : spec.value.empty() ? KindName(option->kind)
                                           : absl::string_view(spec.value),
                      option->kind == OptionKind::kList ? " ..." : "", "\n");
      const std::string bounds = option->BoundsText();
      std::string about = absl::StrCat(spec.help, " ", DefaultText(option->kind, option->defaults));
      if (!bounds.empty()) absl::StrAppend(&about, " (", bounds, ")");
      if (!spec.commands.empty() && chosen == program_.commands.end()) {
        absl::StrAppend(&about, " [", absl::StrJoin(spec.commands, ", "), "]");
      }
      absl::StrAppend(&listed, Wrap(about, "        "));
    }
    if (section == "General") {
      absl::StrAppend(&listed,
                      "  -h, --help\n        This text; after a command, that command's.\n",
                      "  -V, --version\n        The version.\n");
    }
    if (!listed.empty()) absl::StrAppend(&text, "\n", section, ":\n", listed);
  }
  absl::StrAppend(
      &text, "\n",
      Wrap("Each option may also stand in the environment, as TRIBUTARY_ and its name in "
           "capitals with _ for - (lists separated by commas), or in the file of "
           "--config. Flags win over the environment, that over the file.",
           ""));
  if (!program_.footer.empty()) absl::StrAppend(&text, "\n", program_.footer);
  return text;
}

std::string Options::ReferenceYaml() const {
  std::string text =
      Wrap(absl::StrCat(
               "Every option of ", program_.name,
               " with its default. A key that is not listed here is an error. Flags (--key) and "
               "the environment (TRIBUTARY_KEY) win over this file."),
           "# ");
  std::vector<std::string> sections;
  for (const auto& option : options_) {
    if (std::find(sections.begin(), sections.end(), option->spec.section) == sections.end()) {
      sections.push_back(option->spec.section);
    }
  }
  for (const std::string& section : sections) {
    std::string listed;
    for (const auto& option : options_) {
      const OptionSpec& spec = option->spec;
      if (spec.section != section || spec.flag_only || spec.hidden || spec.name == "config")
        continue;
      absl::StrAppend(&listed, "\n", Wrap(spec.help, "# "));
      const std::string bounds = option->BoundsText();
      if (!bounds.empty())
        absl::StrAppend(&listed, Wrap(absl::StrCat("Bounds: ", bounds, "."), "# "));
      std::vector<std::string> values = option->defaults;
      if (!spec.example.empty() && (values.empty() || values.front().empty())) {
        absl::StrAppend(&listed, "# Not set by default; for example:\n");
        values = {spec.example};
      }
      if (option->kind == OptionKind::kList) {
        for (std::string& value : values) value = YamlScalar(value, option->kind);
        absl::StrAppend(&listed, "#", spec.name, ": [", absl::StrJoin(values, ", "), "]\n");
      } else if (values.empty()) {
        absl::StrAppend(&listed, "# Not set by default.\n#", spec.name, ": ",
                        spec.value.empty() ? KindName(option->kind) : absl::string_view(spec.value),
                        "\n");
      } else {
        absl::StrAppend(&listed, "#", spec.name, ": ", YamlScalar(values.front(), option->kind),
                        "\n");
      }
    }
    if (!listed.empty()) absl::StrAppend(&text, "\n# ---- ", section, " ----\n", listed);
  }
  return text;
}

}  // namespace tributary
