// Text that people and protocol buffers can take, from bytes that may be anything.
#ifndef TRIBUTARY_COMMON_UTF8_H_
#define TRIBUTARY_COMMON_UTF8_H_

#include <string>

#include "absl/strings/string_view.h"

namespace tributary {

// `bytes`, with U+FFFD for each maximal part that is no valid UTF-8, as Unicode recommends and
// TensorBoard's data server does. Valid text comes back unchanged.
std::string ValidUtf8(absl::string_view bytes);
// The same with %XX for each byte of such a part: what differed in them still differs. A '%' stays.
std::string EscapedUtf8(absl::string_view bytes);
bool IsValidUtf8(absl::string_view bytes);

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_UTF8_H_
