// Invariants. A CHECK that fails is a bug of ours: the process says which numbers disagreed and
// aborts; it recovers from disk when it starts again. Never for input, never for the environment.
#ifndef TRIBUTARY_COMMON_CHECK_H_
#define TRIBUTARY_COMMON_CHECK_H_

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

namespace tributary::internal {

[[noreturn]] inline void CheckFailed(const char* file, int line, const std::string& message) {
  std::fprintf(stderr, "BUG: %s:%d: %s\n", file, line, message.c_str());
  std::abort();
}

}  // namespace tributary::internal

// CHECK(condition, pieces of the message...): the pieces, of which there may be none, go to
// absl::StrCat.
#define CHECK(condition, ...)                                                       \
  do {                                                                              \
    if (!(condition)) [[unlikely]] {                                                \
      ::tributary::internal::CheckFailed(                                           \
          __FILE__, __LINE__,                                                       \
          absl::StrCat(#condition, " does not hold. " __VA_OPT__(, ) __VA_ARGS__)); \
    }                                                                               \
  } while (false)

#endif  // TRIBUTARY_COMMON_CHECK_H_
