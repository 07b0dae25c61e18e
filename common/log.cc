#include "common/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/utf8.h"

namespace tributary {
namespace {

void AppendEscaped(absl::string_view text, std::string* out) {
  constexpr char kHex[] = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out->append("\\n");
    } else if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (byte < 0x20 || byte == 0x7f) {
      out->append({'\\', 'x', kHex[byte >> 4], kHex[byte & 15]});
    } else {
      out->push_back(c);
    }
  }
}

bool NeedsQuotes(absl::string_view value) {
  return value.empty() || std::any_of(value.begin(), value.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte <= 0x20 || byte == 0x7f || c == '"' || c == '\\' || c == '=';
         });
}

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::shared_ptr<spdlog::logger> MakeSpdlog(LogLevel level) {
  // Colours only on a terminal: the sink's automatic mode asks isatty.
  auto sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("tributary", std::move(sink));
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      "%Y-%m-%dT%H:%M:%S.%eZ %^%-7l%$ %v", spdlog::pattern_time_type::utc));
  logger->set_level(SpdlogLevel(level));
  logger->flush_on(spdlog::level::debug);
  return logger;
}

class StderrLogger : public Logger {
 public:
  StderrLogger(const StderrLoggerOptions& options, Clock* clock)
      : level_(options.level),
        clock_(clock),
        throttle_(options.throttle),
        spdlog_(MakeSpdlog(options.level)) {}

  ~StderrLogger() override {
    for (const LogThrottle::Remainder& remainder : throttle_.TakeRemainders()) {
      Emit(remainder.level, remainder.message, {{"left_out", remainder.left_out}});
    }
  }

  bool enabled(LogLevel level) const override { return level >= level_; }

 protected:
  void Write(LogLevel level, absl::string_view message, std::vector<LogField> fields) override {
    const LogThrottle::Decision decision = throttle_.Decide(level, message, clock_->Monotonic());
    if (!decision.write) return;
    if (decision.left_out > 0) fields.emplace_back("left_out", decision.left_out);
    Emit(level, message, fields);
  }

 private:
  void Emit(LogLevel level, absl::string_view message, const std::vector<LogField>& fields) {
    const std::string line = FormatLogLine(message, fields);
    const auto time = std::chrono::time_point_cast<spdlog::log_clock::duration>(
        absl::ToChronoTime(clock_->Wall()));
    spdlog_->log(time, spdlog::source_loc{}, SpdlogLevel(level),
                 spdlog::string_view_t(line.data(), line.size()));
  }

  const LogLevel level_;
  Clock* const clock_;
  LogThrottle throttle_;
  const std::shared_ptr<spdlog::logger> spdlog_;
};

}  // namespace

absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view text) {
  for (const LogLevel level :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    if (text == LogLevelName(level)) return level;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is no log level: debug, info, warn or error"));
}

absl::string_view LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

std::string FormatLogLine(absl::string_view message, const std::vector<LogField>& fields) {
  std::string line;
  AppendEscaped(message, &line);
  for (const LogField& field : fields) {
    absl::StrAppend(&line, " ", field.key, "=");
    const bool quotes = NeedsQuotes(field.value);
    if (quotes) line.push_back('"');
    AppendEscaped(field.value, &line);
    if (quotes) line.push_back('"');
  }
  return ValidUtf8(line);
}

LogThrottle::Decision LogThrottle::Decide(LogLevel level, absl::string_view message,
                                          absl::Duration now) {
  MutexLock lock(&mu_);
  auto found = windows_.find(message);
  if (found == windows_.end()) {
    if (windows_.size() >= options_.messages_max) {
      windows_.erase(std::min_element(windows_.begin(), windows_.end(), [](auto& a, auto& b) {
        return a.second.start < b.second.start;
      }));
    }
    found = windows_.emplace(message, Window{level, now}).first;
  }
  Window& window = found->second;
  window.level = level;
  if (now - window.start >= options_.window) {
    window.start = now;
    window.written = 0;
  }
  if (window.written >= options_.burst) {
    ++window.left_out;
    return {.write = false, .left_out = window.left_out};
  }
  ++window.written;
  return {.write = true, .left_out = std::exchange(window.left_out, 0)};
}

std::vector<LogThrottle::Remainder> LogThrottle::TakeRemainders() {
  MutexLock lock(&mu_);
  std::vector<Remainder> remainders;
  for (auto& [message, window] : windows_) {
    if (window.left_out == 0) continue;
    remainders.push_back({window.level, message, std::exchange(window.left_out, 0)});
  }
  std::sort(remainders.begin(), remainders.end(),
            [](const Remainder& a, const Remainder& b) { return a.message < b.message; });
  return remainders;
}

std::unique_ptr<Logger> MakeStderrLogger(const StderrLoggerOptions& options, Clock* clock) {
  return std::make_unique<StderrLogger>(options, clock);
}

}  // namespace tributary
