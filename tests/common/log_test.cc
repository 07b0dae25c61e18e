#include "common/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/capture_logger.h"
#include "tests/support/fake_clock.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(FormatLogLineTest, Malicious_ValuesCannotForgeALine) {
  EXPECT_EQ(FormatLogLine("file unreadable", {{"path", "/a\n2026 error forged"}}),
            "file unreadable path=\"/a\\n2026 error forged\"");
  EXPECT_EQ(FormatLogLine("m", {{"k", "\x1b[31m"}}), "m k=\"\\x1b[31m\"");
  EXPECT_EQ(FormatLogLine("m", {{"k", "a=b"}, {"l", "say \"x\" \\"}}),
            "m k=\"a=b\" l=\"say \\\"x\\\" \\\\\"");
  EXPECT_EQ(FormatLogLine("m", {{"k", "\xff"}}), "m k=\xef\xbf\xbd");
}

TEST(FormatLogLineTest, FieldsOfEachKind) {
  EXPECT_EQ(FormatLogLine("m", {{"n", 5},
                                {"text", "plain"},
                                {"empty", ""},
                                {"flag", true},
                                {"wait", absl::Milliseconds(1500)},
                                {"error", absl::NotFoundError("no such file")}}),
            "m n=5 text=plain empty=\"\" flag=true wait=1.5s error=\"no such file\"");
}

TEST(LogLevelTest, ParsesItsNamesOnly) {
  for (const LogLevel level :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    EXPECT_EQ(*ParseLogLevel(LogLevelName(level)), level);
  }
  EXPECT_FALSE(ParseLogLevel("").ok());
  EXPECT_FALSE(ParseLogLevel("Info").ok());
}

TEST(LogThrottleTest, LeavesOutWhatRepeatsAndTellsTheCount) {
  LogThrottle throttle({.burst = 2, .window = absl::Seconds(60)});
  const absl::Duration start = absl::Seconds(100);
  EXPECT_TRUE(throttle.Decide(LogLevel::kWarn, "a", start).write);
  EXPECT_TRUE(throttle.Decide(LogLevel::kWarn, "a", start).write);
  EXPECT_FALSE(throttle.Decide(LogLevel::kWarn, "a", start).write);
  EXPECT_FALSE(throttle.Decide(LogLevel::kWarn, "a", start + absl::Seconds(59)).write);
  // Another message is not held up.
  EXPECT_TRUE(throttle.Decide(LogLevel::kWarn, "b", start).write);
  const LogThrottle::Decision later =
      throttle.Decide(LogLevel::kWarn, "a", start + absl::Seconds(60));
  EXPECT_TRUE(later.write);
  EXPECT_EQ(later.left_out, 2u);
  EXPECT_EQ(throttle.Decide(LogLevel::kWarn, "a", start + absl::Seconds(60)).left_out, 0u);
}

TEST(LogThrottleTest, RemaindersAreToldOnce) {
  LogThrottle throttle({.burst = 1});
  throttle.Decide(LogLevel::kError, "a", absl::ZeroDuration());
  throttle.Decide(LogLevel::kError, "a", absl::ZeroDuration());
  const std::vector<LogThrottle::Remainder> remainders = throttle.TakeRemainders();
  ASSERT_EQ(remainders.size(), 1u);
  EXPECT_EQ(remainders[0].message, "a");
  EXPECT_EQ(remainders[0].level, LogLevel::kError);
  EXPECT_EQ(remainders[0].left_out, 1u);
  EXPECT_TRUE(throttle.TakeRemainders().empty());
}

TEST(LogThrottleTest, ForgetsTheStalestMessageAtItsLimit) {
  LogThrottle throttle({.burst = 1, .messages_max = 2});
  throttle.Decide(LogLevel::kWarn, "a", absl::Seconds(1));
  throttle.Decide(LogLevel::kWarn, "b", absl::Seconds(2));
  throttle.Decide(LogLevel::kWarn, "c", absl::Seconds(3));
  EXPECT_FALSE(throttle.Decide(LogLevel::kWarn, "b", absl::Seconds(4)).write);
  EXPECT_TRUE(throttle.Decide(LogLevel::kWarn, "a", absl::Seconds(4)).write);
}

TEST(StderrLoggerTest, WritesUtcLevelAndFieldsWithoutColourOffTerminal) {
  FakeClock clock;
  testing::internal::CaptureStderr();
  {
    const std::unique_ptr<Logger> logger =
        MakeStderrLogger({.level = LogLevel::kInfo, .throttle = {.burst = 1}}, &clock);
    EXPECT_FALSE(logger->enabled(LogLevel::kDebug));
    logger->Debug("hidden");
    logger->Info("session opened", {{"node", "node07"}});
    logger->Info("session opened", {{"node", "node08"}});
    logger->Error("braces {} are text");
  }
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_EQ(out,
            "2026-01-01T00:00:00.000Z info    session opened node=node07\n"
            "2026-01-01T00:00:00.000Z error   braces {} are text\n"
            "2026-01-01T00:00:00.000Z info    session opened left_out=1\n");
}

TEST(CaptureLoggerTest, KeepsLines) {
  CaptureLogger logger;
  logger.Warn("file unreadable", {{"path", "/a"}});
  EXPECT_THAT(logger.lines(), ElementsAre("warn file unreadable path=/a"));
  EXPECT_TRUE(logger.Contains("unreadable"));
  EXPECT_FALSE(logger.Contains("lost"));
}

}  // namespace
}  // namespace tributary
