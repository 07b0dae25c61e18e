// The only file that meets CLI11 and its exceptions.
#include "common/config.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "common/check.h"
#include "common/config_option.h"
#include "common/status_macros.h"
#include "common/yaml.h"

namespace tributary {
namespace {

absl::Status Invalid(absl::string_view text) { return absl::InvalidArgumentError(text); }

absl::StatusOr<bool> ParseTruth(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  if (lower == "true" || lower == "yes" || lower == "on" || lower == "1") return true;
  if (lower == "false" || lower == "no" || lower == "off" || lower == "0") return false;
  return Invalid(absl::StrCat("\"", text, "\" is neither true nor false"));
}

absl::StatusOr<int64_t> ParseInteger(absl::string_view text) {
  int64_t value = 0;
  if (!absl::SimpleAtoi(text, &value)) {
    return Invalid(absl::StrCat("\"", text, "\" is no whole number"));
  }
  return value;
}

absl::StatusOr<absl::Duration> ParseDurationOrSeconds(absl::string_view text, bool bare_seconds) {
  double seconds = 0;
  if (bare_seconds && absl::SimpleAtod(text, &seconds) && seconds >= 0 && seconds < 1e12) {
    return absl::Seconds(seconds);
  }
  return ParseDuration(text);
}

// The single value of an option that is no list; flags given twice count by their last.
absl::string_view Single(const std::vector<std::string>& values) { return values.back(); }

// Suggestion at the end of an error, empty without a near name.
std::string DidYouMean(absl::string_view word, const std::vector<std::string>& names) {
  const std::string nearest = NearestWord(word, names);
  return nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?");
}

// Kubernetes sets <SERVICE>_PORT=tcp://10.0.0.1:6006 for each service of a namespace: one named
// "tributary" would otherwise be taken for the option "port".
bool IsServiceLink(absl::string_view value) {
  return absl::StartsWith(value, "tcp://") || absl::StartsWith(value, "udp://") ||
         absl::StartsWith(value, "sctp://");
}

// What a YAML value says as the values of one option.
absl::StatusOr<std::vector<std::string>> YamlValues(const YamlValue& value, bool list) {
  switch (value.kind) {
    case YamlValue::Kind::kNull:
      return Invalid("has no value; remove the line, or write '' for an empty one");
    case YamlValue::Kind::kScalar:
      return std::vector<std::string>{value.scalar};
    case YamlValue::Kind::kList:
      if (list) return value.list;
      break;
    case YamlValue::Kind::kMap:
      if (list) {
        std::vector<std::string> values;
        for (const auto& [key, text] : value.map) values.push_back(absl::StrCat(key, "=", text));
        return values;
      }
      break;
    case YamlValue::Kind::kNested:
      if (list) return Invalid("takes a list or a map of plain values");
      break;
  }
  return Invalid("takes one value, not a list or a map");
}

}  // namespace

std::string CanonicalName(absl::string_view name) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"_", "-"}});
}

Options::Options(Program program) : program_(std::move(program)) {
  Add(&config_path_, {.name = "config",
                      .section = "General",
                      .value = "FILE",
                      .help = "YAML file with any of these options, written without \"--\"."});
}

Options::~Options() = default;

Options::Option* Options::Declare(OptionSpec spec) {
  CHECK(Find(spec.name) == nullptr, "Option ", spec.name, " is declared twice.");
  options_.push_back(std::make_unique<Option>());
  options_.back()->spec = std::move(spec);
  return options_.back().get();
}

Options::Option* Options::Find(absl::string_view name) const {
  const std::string canonical = CanonicalName(name);
  for (const auto& option : options_) {
    if (CanonicalName(option->spec.name) == canonical) return option.get();
  }
  return nullptr;
}

namespace {

// Fills in the parts of an option that depend on its type. `Parse` and `Format` are pure.
template <typename Value, typename Target, typename Option, typename Parse, typename Format>
void Bind(Option* option, OptionKind kind, Target* target, Parse parse, Format format) {
  option->kind = kind;
  option->assign = [option, target, parse](const std::vector<std::string>& values) -> absl::Status {
    const absl::string_view text = Single(values);
    absl::StatusOr<Value> value = parse(text);
    if (!value.ok()) {
      const std::string bounds = option->BoundsText();
      return bounds.empty() ? value.status()
                            : Invalid(absl::StrCat(value.status().message(), " (", bounds, ")"));
    }
    const OptionSpec& spec = option->spec;
    if ((!spec.min.empty() && *value < *parse(spec.min)) ||
        (!spec.max.empty() && *parse(spec.max) < *value)) {
      return Invalid(absl::StrCat(text, " is out of bounds: ", option->BoundsText()));
    }
    *target = *std::move(value);
    return absl::OkStatus();
  };
  option->read = [target, format]() -> std::vector<std::string> {
    if constexpr (std::is_same_v<Target, std::optional<Value>>) {
      if (!target->has_value()) return {};
      return {format(**target)};
    } else {
      return {format(*target)};
    }
  };
  option->defaults = option->read();
  for (const std::string& bound : {option->spec.min, option->spec.max}) {
    CHECK(bound.empty() || parse(bound).ok(), "Option ", option->spec.name, ", bound ", bound);
  }
}

template <typename Target, typename Option>
void BindText(Option* option, Target* target) {
  const auto parse = [option](absl::string_view text) -> absl::StatusOr<std::string> {
    const std::vector<std::string>& choices = option->spec.choices;
    if (choices.empty() || std::find(choices.begin(), choices.end(), text) != choices.end()) {
      return std::string(text);
    }
    return Invalid(absl::StrCat("\"", text, "\" is not one of its values"));
  };
  Bind<std::string>(option, OptionKind::kText, target, parse,
                    [](const std::string& text) { return text; });
}

template <typename Target, typename Option>
void BindInteger(Option* option, Target* target) {
  Bind<int64_t>(option, OptionKind::kInteger, target, ParseInteger,
                [](int64_t value) { return absl::StrCat(value); });
}

template <typename Target, typename Option>
void BindBytes(Option* option, Target* target) {
  Bind<uint64_t>(option, OptionKind::kBytes, target, ParseByteSize, ByteSizeText);
}

}  // namespace

void Options::Add(std::string* value, OptionSpec spec) {
  BindText(Declare(std::move(spec)), value);
}
void Options::Add(std::optional<std::string>* value, OptionSpec spec) {
  BindText(Declare(std::move(spec)), value);
}
void Options::Add(int64_t* value, OptionSpec spec) { BindInteger(Declare(std::move(spec)), value); }
void Options::Add(std::optional<int64_t>* value, OptionSpec spec) {
  BindInteger(Declare(std::move(spec)), value);
}
void Options::AddBytes(uint64_t* value, OptionSpec spec) {
  BindBytes(Declare(std::move(spec)), value);
}
void Options::AddBytes(std::optional<uint64_t>* value, OptionSpec spec) {
  BindBytes(Declare(std::move(spec)), value);
}

void Options::Add(absl::Duration* value, OptionSpec spec) {
  const bool bare_seconds = spec.bare_seconds;
  const auto parse = [bare_seconds](absl::string_view text) {
    return ParseDurationOrSeconds(text, bare_seconds);
  };
  Bind<absl::Duration>(Declare(std::move(spec)), OptionKind::kDuration, value, parse, DurationText);
}

void Options::Add(bool* value, OptionSpec spec) {
  Bind<bool>(Declare(std::move(spec)), OptionKind::kTruth, value, ParseTruth,
             [](bool truth) { return std::string(truth ? "true" : "false"); });
}

void Options::Add(std::vector<std::string>* value, OptionSpec spec) {
  Option* const option = Declare(std::move(spec));
  option->kind = OptionKind::kList;
  option->assign = [value](const std::vector<std::string>& values) {
    *value = values;
    return absl::OkStatus();
  };
  option->read = [value] { return *value; };
  option->defaults = *value;
}

absl::StatusOr<CommandLine> Options::Parse(const OptionSources& sources) {
  ASSIGN_OR_RETURN(CommandLine line, ParseArguments(sources.arguments));
  if (line.help || line.version) return line;
  RETURN_IF_ERROR(TakeEnvironment(sources));
  const Option* const config = Find("config");
  if (!config->given.empty()) RETURN_IF_ERROR(TakeFile(config->given.back(), sources));
  for (const auto& option : options_) {
    if (option->origin == Origin::kDefault) continue;
    if (absl::Status status = option->assign(option->given); !status.ok()) {
      // A file's place says which line, not which key.
      return Invalid(absl::StrCat(
          option->where,
          option->origin == Origin::kFile ? absl::StrCat(": ", option->spec.name) : std::string(),
          ": ", status.message()));
    }
  }
  return line;
}

std::vector<std::string> Options::ForCli11(absl::Span<const std::string> arguments) const {
  std::vector<std::string> prepared;
  for (const std::string& argument : arguments) {
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const Option* const option = absl::StartsWith(name, "--") ? Find(name.substr(2)) : nullptr;
    if (option == nullptr) {
      prepared.push_back(argument);
    } else if (equals == std::string::npos) {
      prepared.push_back(absl::StrCat("--", option->spec.name));
    } else if (equals + 1 == argument.size()) {
      // CLI11 takes "--x=" for a flag without value.
      prepared.push_back(absl::StrCat("--", option->spec.name));
      prepared.emplace_back();
    } else {
      prepared.push_back(absl::StrCat("--", option->spec.name, argument.substr(equals)));
    }
  }
  std::reverse(prepared.begin(), prepared.end());
  return prepared;
}

absl::Status Options::TakeWords(const std::vector<std::string>& words, CommandLine* line) const {
  std::vector<std::string> commands;
  bool takes_argument = false;
  for (const Command& command : program_.commands) {
    commands.push_back(command.name);
    if (command.name == line->command) takes_argument = !command.argument.empty();
  }
  for (const std::string& word : words) {
    if (absl::StartsWith(word, "-") && word.size() > 1) {
      std::vector<std::string> flags;
      for (const auto& option : options_) flags.push_back(absl::StrCat("--", option->spec.name));
      const std::string name = word.substr(0, word.find('='));
      return Invalid(absl::StrCat(name, ": no such option", DidYouMean(name, flags)));
    }
    if (!takes_argument || !line->arguments.empty()) {
      const std::string near = DidYouMean(word, commands);
      return Invalid(absl::StrCat("\"", word, "\": neither a command nor the value of an option",
                                  near.empty() ? "; --help lists them" : near));
    }
    line->arguments.push_back(word);
  }
  return absl::OkStatus();
}

absl::StatusOr<CommandLine> Options::ParseArguments(const std::vector<std::string>& arguments) {
  CommandLine line;
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  if (separator != arguments.end()) line.rest.assign(separator + 1, arguments.end());
  const auto before = static_cast<size_t>(separator - arguments.begin());
  try {
    CLI::App app;
    app.set_help_flag();
    app.allow_windows_style_options(false);
    app.allow_extras();
    app.require_subcommand(0, 1);
    for (const Command& command : program_.commands) {
      CLI::App* const sub = app.add_subcommand(command.name);
      sub->set_help_flag();
      sub->fallthrough();
      sub->allow_extras();
    }
    const CLI::Option* const help = app.add_flag("-h,--help");
    const CLI::Option* const version = app.add_flag("-V,--version");
    std::vector<std::pair<Option*, CLI::Option*>> bound;
    for (const auto& option : options_) {
      const std::string flag = absl::StrCat("--", option->spec.name);
      const bool bare = option->kind == OptionKind::kTruth && !option->spec.needs_value;
      CLI::Option* const made = bare ? app.add_flag(flag) : app.add_option(flag);
      made->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
      if (option->kind == OptionKind::kList) {
        made->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        made->expected(1, CLI::detail::expected_max_vector_size);
        made->allow_extra_args(option->spec.many_values);
      }
      bound.emplace_back(option.get(), made);
    }
    app.parse(ForCli11(absl::MakeConstSpan(arguments).first(before)));

    line.command = program_.default_command;
    for (const CLI::App* sub : app.get_subcommands()) line.command = sub->get_name();
    line.help = help->count() > 0;
    line.version = version->count() > 0;
    if (line.help || line.version) return line;
    RETURN_IF_ERROR(TakeWords(app.remaining(true), &line));
    for (const auto& [option, made] : bound) {
      if (made->count() == 0) continue;
      if (!option->TakenBy(line.command)) {
        return Invalid(absl::StrCat("--", option->spec.name, ": not an option of \"", line.command,
                                    "\", only of ", absl::StrJoin(option->spec.commands, ", ")));
      }
      option->origin = Origin::kFlag;
      option->where = absl::StrCat("--", option->spec.name);
      option->given = made->results();
    }
  } catch (const CLI::Error& error) {
    // Its messages are one line and name the option. "--x: 1 required TEXT missing" is for us.
    const std::string text = absl::StrReplaceAll(error.what(), {{"\n", " "}});
    const size_t missing = text.find(": 1 required ");
    return Invalid(missing == std::string::npos
                       ? text
                       : absl::StrCat(text.substr(0, missing), ": its value is missing"));
  }
  return line;
}

absl::Status Options::TakeEnvironment(const OptionSources& sources) {
  for (const auto& option : options_) {
    if (option->origin != Origin::kDefault || option->spec.flag_only) continue;
    const std::string variable = option->Variable();
    std::optional<std::string> value = sources.environment(variable);
    if (!value.has_value()) continue;
    if (option->kind != OptionKind::kText && IsServiceLink(*value)) continue;
    // Set and empty means not set, as scripts write it - but where empty is a value of its own.
    if (value->empty() && option->kind != OptionKind::kText) continue;
    option->origin = Origin::kEnvironment;
    option->where = variable;
    option->given = {*value};
    if (option->kind == OptionKind::kList) {
      option->given = absl::StrSplit(*value, ',', absl::SkipEmpty());
    }
  }
  return absl::OkStatus();
}

absl::Status Options::TakeFile(const std::string& path, const OptionSources& sources) {
  absl::StatusOr<std::string> text = sources.read_file(path);
  if (!text.ok()) {
    const absl::string_view reason = text.status().message();
    return Invalid(absl::StrContains(reason, path)
                       ? absl::StrCat(Find("config")->where, ": ", reason)
                       : absl::StrCat(Find("config")->where, ": ", path, ": ", reason));
  }
  std::vector<std::string> keys;
  for (const auto& option : options_) {
    if (!option->spec.flag_only && option->spec.name != "config") keys.push_back(option->spec.name);
  }
  absl::StatusOr<std::vector<YamlEntry>> entries = ParseYamlMap(*text);
  if (!entries.ok()) return Invalid(absl::StrCat(path, ":", entries.status().message()));
  absl::flat_hash_map<std::string, int> seen;
  for (const YamlEntry& entry : *entries) {
    const std::string where = absl::StrCat(path, ":", entry.line);
    Option* const option = Find(entry.key);
    const std::string key = option == nullptr ? entry.key : option->spec.name;
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      return Invalid(absl::StrCat(where, ": ", key, ": no such option", DidYouMean(key, keys)));
    }
    if (const auto [first, inserted] = seen.emplace(key, entry.line); !inserted) {
      return Invalid(absl::StrCat(where, ": ", key, ": was given on line ", first->second));
    }
    absl::StatusOr<std::vector<std::string>> values =
        YamlValues(entry.value, option->kind == OptionKind::kList);
    if (!values.ok()) {
      return Invalid(absl::StrCat(where, ": ", key, ": ", values.status().message()));
    }
    if (option->origin != Origin::kDefault) continue;
    option->origin = Origin::kFile;
    option->where = where;
    option->given = *std::move(values);
  }
  return absl::OkStatus();
}

std::vector<Options::Effective> Options::EffectiveValues() const {
  std::vector<Effective> effective;
  for (const auto& option : options_) {
    effective.push_back({option->spec.name, option->read(), option->origin, option->where});
  }
  return effective;
}

}  // namespace tributary
