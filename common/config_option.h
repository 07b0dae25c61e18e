// One declared option, as the files behind config.h share it. Included by config*.cc only.
#ifndef TRIBUTARY_COMMON_CONFIG_OPTION_H_
#define TRIBUTARY_COMMON_CONFIG_OPTION_H_

#include <functional>
#include <string>
#include <vector>

#include "common/config.h"

namespace tributary {

enum class OptionKind { kText, kList, kInteger, kBytes, kDuration, kTruth };

struct Options::Option {
  OptionSpec spec;
  OptionKind kind = OptionKind::kText;
  // Checks the values and stores them in the bound variable. The error says what is wrong with
  // them, not where they came from.
  std::function<absl::Status(const std::vector<std::string>& values)> assign;
  // The bound variable's value as text; empty for a list without entries and for an unset optional.
  std::function<std::vector<std::string>()> read;
  std::vector<std::string> defaults;
  // The highest source so far that has the option.
  Origin origin = Origin::kDefault;
  std::string where = "default";
  std::vector<std::string> given;

  // "TRIBUTARY_CONNECT_TIMEOUT"; empty if there is none.
  std::string Variable() const;
  bool TakenBy(absl::string_view command) const;
  // "1s to 1h", "at least 1", "debug, info or warn"; empty without bounds.
  std::string BoundsText() const;
};

// Lower case, with '-' for '_'.
std::string CanonicalName(absl::string_view name);

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_CONFIG_OPTION_H_
