// Log lines for operators: a level by consequence, a constant message, key=value fields, UTC.
//
//   error  data is lost, or somebody must act      info   lifecycle: started, connected, drained
//   warn   unexpected, recovering by itself        debug  per file or session; never per record
//
// A Logger is handed down by constructor; there is no global one.
#ifndef TRIBUTARY_COMMON_LOG_H_
#define TRIBUTARY_COMMON_LOG_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"

namespace tributary {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

// "debug", "info", "warn", "error".
absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view text);
absl::string_view LogLevelName(LogLevel level);

// One key=value of a line. Units belong to the key's name: bytes, seconds.
struct LogField {
  LogField(absl::string_view key_in, const absl::AlphaNum& value_in)
      : key(key_in), value(value_in.Piece()) {}
  LogField(absl::string_view key_in, const absl::Status& status) : key(key_in) {
    value = std::string(status.message());
  }
  LogField(absl::string_view key_in, absl::Duration duration)
      : key(key_in), value(absl::FormatDuration(duration)) {}
  // A template, so that pointers and integers do not turn into truth values.
  template <std::same_as<bool> Flag>
  LogField(absl::string_view key_in, Flag flag) : key(key_in), value(flag ? "true" : "false") {}

  std::string key;
  std::string value;
};

// "message key=value key="with space"": how a line is written, without time and level. Control
// characters and bytes that are not UTF-8 are escaped, so that no value can forge a line.
std::string FormatLogLine(absl::string_view message, const std::vector<LogField>& fields);

// Thread-safe.
class Logger {
 public:
  virtual ~Logger() = default;

  // `message` is constant text; what varies stands in fields. Lines of one message are throttled
  // together.
  void Debug(absl::string_view message, std::initializer_list<LogField> fields = {}) {
    Log(LogLevel::kDebug, message, fields);
  }
  void Info(absl::string_view message, std::initializer_list<LogField> fields = {}) {
    Log(LogLevel::kInfo, message, fields);
  }
  void Warn(absl::string_view message, std::initializer_list<LogField> fields = {}) {
    Log(LogLevel::kWarn, message, fields);
  }
  void Error(absl::string_view message, std::initializer_list<LogField> fields = {}) {
    Log(LogLevel::kError, message, fields);
  }
  // False: lines of this level go nowhere, and what they say need not be worked out.
  virtual bool enabled(LogLevel level) const = 0;

 protected:
  virtual void Write(LogLevel level, absl::string_view message, std::vector<LogField> fields) = 0;

 private:
  void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields) {
    if (enabled(level)) Write(level, message, std::vector<LogField>(fields));
  }
};

// Says nothing.
class NullLogger : public Logger {
 public:
  bool enabled(LogLevel) const override { return false; }

 protected:
  void Write(LogLevel, absl::string_view, std::vector<LogField>) override {}
};

// Decides which lines are written: of one message at most `burst` in each window. The first one
// after that carries the number of those left out. Thread-safe.
class LogThrottle {
 public:
  struct Options {
    int burst = 10;
    absl::Duration window = absl::Seconds(60);
    // Messages known at once; the stalest is forgotten, with its count, for one more.
    size_t messages_max = 1024;
  };
  struct Decision {
    bool write = true;
    // Lines of this message that were left out since the last one written.
    uint64_t left_out = 0;
  };
  struct Remainder {
    LogLevel level;
    std::string message;
    uint64_t left_out;
  };

  explicit LogThrottle(const Options& options) : options_(options) {}

  Decision Decide(LogLevel level, absl::string_view message, absl::Duration now)
      ABSL_LOCKS_EXCLUDED(mu_);
  // What was left out and not yet told; tells it.
  std::vector<Remainder> TakeRemainders() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Window {
    LogLevel level;
    absl::Duration start;
    int written = 0;
    uint64_t left_out = 0;
  };

  const Options options_;
  Mutex mu_;
  absl::flat_hash_map<std::string, Window> windows_ ABSL_GUARDED_BY(mu_);
};

struct StderrLoggerOptions {
  LogLevel level = LogLevel::kInfo;
  LogThrottle::Options throttle = {};
};

// Writes to standard error, coloured where that is a terminal. `clock` must outlive it. Counts not
// yet told are told by the destructor.
std::unique_ptr<Logger> MakeStderrLogger(const StderrLoggerOptions& options, Clock* clock);

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_LOG_H_
