// Options of a program, declared once each. From one declaration come the flag (--connect-timeout),
// the environment variable (TRIBUTARY_CONNECT_TIMEOUT), the YAML key (connect-timeout), the text of
// --help and the commented reference configuration.
//
// Flags win over the environment, that over the file given by --config, that over the defaults; a
// list is taken whole from the highest source that has it. '-' and '_' are the same in names of
// flags and keys.
#ifndef TRIBUTARY_COMMON_CONFIG_H_
#define TRIBUTARY_COMMON_CONFIG_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace tributary {

// "512", "4KiB", "1.5GiB" (powers of 1024), "4KB" (powers of 1000). InvalidArgument says what is
// wrong: "256M" names no power.
absl::StatusOr<uint64_t> ParseByteSize(absl::string_view text);
// "250ms", "10s", "1m30s", "2h", "7d", "0". InvalidArgument for a number without unit, and for what
// is negative or infinite.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);
// What the two above read back as the same value, in the largest unit that is exact.
std::string ByteSizeText(uint64_t bytes);
std::string DurationText(absl::Duration duration);
// The candidate that `word` is most likely a slip of; empty if none is near.
std::string NearestWord(absl::string_view word, const std::vector<std::string>& candidates);

// What is said about one option where it is declared.
struct OptionSpec {
  // As in the flag, without "--". Lower case.
  std::string name;
  // Heading under which help and reference list it.
  std::string section = {};
  // What stands for the value in help: "HOST:PORT". Empty: by kind.
  std::string value = {};
  // A value that shows the form. Stands in the reference configuration of what is not set by
  // default, so that each of its lines is one that would be taken.
  std::string example = {};
  // The effect, and why one would change it. Sentences.
  std::string help = {};
  // Bounds, in the text of the option's kind ("1s", "4KiB", "65535"); empty: none.
  std::string min = {};
  std::string max = {};
  // The only values allowed, if not empty.
  std::vector<std::string> choices = {};
  // Commands that take it as a flag; empty: all. Elsewhere its flag is an error, its other sources
  // are ignored.
  std::vector<std::string> commands = {};
  // A list takes several values after one flag: --logdir A B.
  bool many_values = false;
  // A bool that takes a value as TensorBoard's do: --x false, never --x alone.
  bool needs_value = false;
  // A duration may be given as a bare number of seconds, as TensorBoard's are.
  bool bare_seconds = false;
  // Only a flag: neither environment nor YAML, not in the reference configuration.
  bool flag_only = false;
  // Accepted, but not listed in help.
  bool hidden = false;
};

// Where a program's options come from.
struct OptionSources {
  // argv without the program's name.
  std::vector<std::string> arguments;
  // nullopt if the variable is not set.
  std::function<std::optional<std::string>(const std::string& name)> environment;
  // The whole content of the configuration file.
  std::function<absl::StatusOr<std::string>(const std::string& path)> read_file;
};

// What the arguments hold besides options.
struct CommandLine {
  // One of Program::commands; Program::default_command if none was given.
  std::string command;
  // Words that belong to the command: DIR of "mark DIR".
  std::vector<std::string> arguments;
  // What followed "--".
  std::vector<std::string> rest;
  // --help or --version was given: nothing else was looked at but the command.
  bool help = false;
  bool version = false;
};

// The options of one program. Not thread-safe: used by main before anything else starts. Bound
// variables must outlive it; their values at declaration are the defaults.
class Options {
 public:
  struct Command {
    std::string name;
    std::string summary;
    // Words it takes, for help: "DIR". Empty: none.
    std::string argument;
  };
  struct Program {
    std::string name;     // "tributary-agent"
    std::string summary;  // One or two sentences at the top of help.
    std::vector<std::string> usage;
    std::vector<Command> commands;
    std::string default_command;
    std::string footer;  // Examples and exit codes, at the end of help; lines as they are.
  };
  enum class Origin { kDefault, kFile, kEnvironment, kFlag };
  struct Effective {
    std::string name;
    std::vector<std::string> values;  // Empty for what is not set.
    Origin origin;
    // "default", "agent.yaml:3", "TRIBUTARY_NODE", "--node".
    std::string where;
  };

  explicit Options(Program program);
  ~Options();

  // Declares an option. A name declared twice, or a default or bound that does not parse, is a bug.
  // Without a value, an optional stays nullopt; "" is a value.
  void Add(std::string* value, OptionSpec spec);
  void Add(std::optional<std::string>* value, OptionSpec spec);
  void Add(std::vector<std::string>* value, OptionSpec spec);
  void Add(int64_t* value, OptionSpec spec);
  void Add(std::optional<int64_t>* value, OptionSpec spec);
  void Add(absl::Duration* value, OptionSpec spec);
  void Add(bool* value, OptionSpec spec);
  void AddBytes(uint64_t* value, OptionSpec spec);
  void AddBytes(std::optional<uint64_t>* value, OptionSpec spec);

  // Fills the bound variables. --config, --help and --version are always there. InvalidArgument
  // with one line for people that names the source (flag, variable, or file and line), the key, the
  // value and what is allowed; the program then ends with exit code 2. Once.
  absl::StatusOr<CommandLine> Parse(const OptionSources& sources);

  // Text of --help: of the whole program for an empty `command`, else what concerns that command.
  std::string HelpText(absl::string_view command) const;
  // A YAML file in which every option stands commented out with its default, its bounds and its
  // effect.
  std::string ReferenceYaml() const;
  // After Parse: each option's value and where it came from, in the order of declaration.
  std::vector<Effective> EffectiveValues() const;

 private:
  struct Option;
  Option* Declare(OptionSpec spec);
  Option* Find(absl::string_view name) const;
  absl::StatusOr<CommandLine> ParseArguments(const std::vector<std::string>& arguments);
  // The arguments with declared spellings, last first, as CLI11 takes them.
  std::vector<std::string> ForCli11(absl::Span<const std::string> arguments) const;
  // Sorts what is neither a command nor an option: the command's own argument, or an error.
  absl::Status TakeWords(const std::vector<std::string>& words, CommandLine* line) const;
  absl::Status TakeEnvironment(const OptionSources& sources);
  absl::Status TakeFile(const std::string& path, const OptionSources& sources);

  const Program program_;
  std::optional<std::string> config_path_;
  std::vector<std::unique_ptr<Option>> options_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_CONFIG_H_
