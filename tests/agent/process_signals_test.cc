// Real signals and real children of this process; nothing here waits for a time to pass.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "agent/signals.h"

namespace tributary::agent {
namespace {

class ProcessSignalsTest : public ::testing::Test {
 protected:
  // Waits for the end of the child by its signal.
  int ExitCode(ChildProcess* child) {
    for (;;) {
      if (const std::optional<int> code = child->Poll()) return *code;
      signals_.Wait(absl::Minutes(1));
    }
  }
  int Run(const std::string& script) {
    auto child = signals_.Start({"sh", "-c", script});
    EXPECT_TRUE(child.ok()) << child.status();
    return child.ok() ? ExitCode(child->get()) : -1;
  }

  // One per process, as in the program.
  static ProcessSignals& signals_;
};

ProcessSignals& ProcessSignalsTest::signals_ = *new ProcessSignals();

TEST_F(ProcessSignalsTest, ThereIsNoSuchProgram) {
  EXPECT_EQ(signals_.Start({"/no/such/program"}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(signals_.Start({"no-such-program"}).status().message()),
              ::testing::HasSubstr("no-such-program"));
}

TEST_F(ProcessSignalsTest, ThereIsNoProgramInIt) {
  EXPECT_EQ(signals_.Start({"/etc"}).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(ProcessSignalsTest, ExitCodesAreTheChilds) {
  EXPECT_EQ(Run("exit 0"), 0);
  EXPECT_EQ(Run("exit 7"), 7);
  EXPECT_EQ(Run("exit 255"), 255);
  EXPECT_EQ(Run("kill -KILL $$"), 128 + SIGKILL);
  EXPECT_EQ(Run("kill -TERM $$"), 128 + SIGTERM);
}

TEST_F(ProcessSignalsTest, TheCodeStays) {
  auto child = signals_.Start({"sh", "-c", "exit 3"});
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(ExitCode(child->get()), 3);
  EXPECT_EQ((*child)->Poll(), 3);
  // Its number may be somebody else's by now: this must go nowhere.
  (*child)->Send(SIGKILL);
  EXPECT_EQ((*child)->Poll(), 3);
}

TEST_F(ProcessSignalsTest, ASignalIsPassedOn) {
  // The child waits for a line that never comes.
  int line[2];
  ASSERT_EQ(pipe(line), 0);
  auto child = signals_.Start({"sh", "-c", "read x <&" + std::to_string(line[0])});
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ((*child)->Poll(), std::nullopt);
  (*child)->Send(SIGTERM);
  EXPECT_EQ(ExitCode(child->get()), 128 + SIGTERM);
  close(line[0]);
  close(line[1]);
}

// What the agent blocks and ignores for itself must not reach a training.
TEST_F(ProcessSignalsTest, TheChildHasTheSignalsThatThisProcessWasStartedWith) {
  EXPECT_EQ(Run("grep -q '^SigBlk:[[:space:]]*0*$' /proc/self/status"), 0);
  // A writer into a closed pipe dies of it, as it would without us.
  EXPECT_EQ(Run("grep '^SigIgn' /proc/self/status | grep -q '0*[02468ace][0-9a-f]\\{3\\}$'"), 0);
}

TEST_F(ProcessSignalsTest, TheChildIsNoGuest) {
  // Priorities are of the time of the start: the program starts the child first.
  EXPECT_EQ(Run("test $(nice) -eq " + std::to_string(getpriority(PRIO_PROCESS, 0))), 0);
}

TEST_F(ProcessSignalsTest, TheChildStaysInOurProcessGroup) {
  EXPECT_EQ(Run("test $(ps -o pgid= -p $$ 2>/dev/null || cut -d' ' -f5 /proc/$$/stat) -eq " +
                std::to_string(getpgrp())),
            0);
}

TEST_F(ProcessSignalsTest, OwnSignalsAreValues) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) {
    ASSERT_EQ(kill(getpid(), number), 0);
    const std::optional<ReceivedSignal> signal = signals_.Wait(absl::Minutes(1));
    ASSERT_TRUE(signal.has_value());
    EXPECT_EQ(signal->number, number);
    EXPECT_TRUE(signal->from_process);
  }
  EXPECT_FALSE(signals_.Wait(absl::ZeroDuration()).has_value());
  EXPECT_FALSE(signals_.Wait(-absl::Seconds(1)).has_value());
}

TEST_F(ProcessSignalsTest, WakeBeforeAndDuringAWait) {
  signals_.Wake();
  signals_.Wake();
  EXPECT_FALSE(signals_.Wait(absl::InfiniteDuration()).has_value());
  std::thread waker([] { signals_.Wake(); });
  EXPECT_FALSE(signals_.Wait(absl::InfiniteDuration()).has_value());
  waker.join();
}

TEST_F(ProcessSignalsTest, ABrokenPipeIsAnErrorAndNoDeath) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  EXPECT_EQ(write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  close(ends[1]);
}

}  // namespace
}  // namespace tributary::agent
