// Names that people take for one another.
#ifndef TRIBUTARY_COMMON_LOOK_ALIKE_H_
#define TRIBUTARY_COMMON_LOOK_ALIKE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace tributary {

// Equal for two names that differ only in letter case, in how a letter with an accent is encoded,
// in kind or number of spaces and dashes, in characters that are not seen, or in the Cyrillic and
// Greek letters that are drawn as Latin ones in both cases. Spaces around a '/' are not seen
// either. To be compared, not to be shown; text that is no UTF-8 looks like itself.
std::string LookOf(absl::string_view name);

// The name in quotes, with \u{…} for whatever is no printable ASCII: so two names that look alike
// can be told apart. Takes valid UTF-8.
std::string Spelled(absl::string_view name);

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_LOOK_ALIKE_H_
