// A logger that keeps what was said, for tests.
#ifndef TRIBUTARY_TESTS_SUPPORT_CAPTURE_LOGGER_H_
#define TRIBUTARY_TESTS_SUPPORT_CAPTURE_LOGGER_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/mutex.h"

namespace tributary {

// Thread-safe. Takes every level, throttles nothing.
class CaptureLogger : public Logger {
 public:
  bool enabled(LogLevel) const override { return true; }

  // "warn message key=value", in the order they were said.
  std::vector<std::string> lines() const {
    MutexLock lock(&mu_);
    return lines_;
  }
  bool Contains(absl::string_view part) const { return Count(part) > 0; }
  // How many lines have it.
  size_t Count(absl::string_view part) const {
    size_t count = 0;
    for (const std::string& line : lines()) count += absl::StrContains(line, part) ? 1 : 0;
    return count;
  }

 protected:
  void Write(LogLevel level, absl::string_view message, std::vector<LogField> fields) override {
    MutexLock lock(&mu_);
    lines_.push_back(absl::StrCat(LogLevelName(level), " ", FormatLogLine(message, fields)));
  }

 private:
  mutable Mutex mu_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tributary

#endif  // TRIBUTARY_TESTS_SUPPORT_CAPTURE_LOGGER_H_
