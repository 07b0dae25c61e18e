// What a command does with its number is found out, and a person is told what is not as it should
// be.
#include "agent/ports/command_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agent/ports/fake_ports.h"
#include "tests/support/fake_clock.h"

namespace tributary::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CommandListenerTest : public ::testing::Test {
 protected:
  void Pass(absl::Duration time) {
    const absl::Duration end = clock_.Monotonic() + time;
    for (;;) {
      if (clock_.Monotonic() >= listener_.next_look()) listener_.Look();
      if (listener_.next_look() > end) break;
      clock_.Advance(listener_.next_look() - clock_.Monotonic());
    }
    clock_.Advance(end - clock_.Monotonic());
  }
  void ListenOn(std::set<uint16_t> ports) {
    ports_.of_command = ports;
    ports_.taken = std::move(ports);
  }

  FakeClock clock_;
  FakePorts ports_;
  CommandListener listener_{6006, 4711, &ports_, &clock_};
};

TEST_F(CommandListenerTest, TheGivenNumberIsFoundAtOnce) {
  Pass(absl::Seconds(3));
  EXPECT_EQ(listener_.port(), 0);
  ListenOn({6006, 40'000});
  Pass(absl::Milliseconds(100));
  EXPECT_EQ(listener_.port(), 6006);
  ListenOn({});
  Pass(absl::Minutes(1));
  EXPECT_EQ(listener_.port(), 6006);
  EXPECT_EQ(listener_.line(), "");
}

TEST_F(CommandListenerTest, WhoListensNowhereIsSpokenOfAfterTenSecondsUntilItDoes) {
  Pass(absl::Seconds(9));
  EXPECT_EQ(listener_.line(), "");
  Pass(absl::Seconds(2));
  const std::string line = listener_.line();
  EXPECT_THAT(line, HasSubstr("nobody listens yet on port 6006"));
  EXPECT_THAT(line, HasSubstr("{port} and $PORT"));
  Pass(absl::Minutes(1));
  EXPECT_EQ(listener_.line(), line);
  ListenOn({6006});
  Pass(absl::Seconds(2));
  EXPECT_EQ(listener_.port(), 6006);
  EXPECT_EQ(listener_.line(), "");
}

TEST_F(CommandListenerTest, AnotherNumberAloneIsTakenForTheServiceAfterTenSeconds) {
  Pass(absl::Seconds(1));
  ListenOn({8889});
  Pass(absl::Seconds(10));
  EXPECT_EQ(listener_.port(), 0);
  Pass(absl::Seconds(4));
  EXPECT_EQ(listener_.port(), 8889);
  const std::string line = listener_.line();
  EXPECT_THAT(line, HasSubstr("nobody listens yet on port 6006"));
  EXPECT_THAT(line, HasSubstr("the command listens on 8889: that opens instead"));
  // What it starts later is not the service.
  ListenOn({8889, 50'001, 50'002});
  Pass(absl::Minutes(1));
  EXPECT_EQ(listener_.port(), 8889);
  EXPECT_EQ(listener_.line(), line);
  // It moves on.
  ListenOn({8890});
  Pass(absl::Seconds(14));
  EXPECT_EQ(listener_.port(), 8890);
  // The number that it was given is better than any.
  ListenOn({6006, 8890});
  Pass(absl::Seconds(2));
  EXPECT_EQ(listener_.port(), 6006);
  EXPECT_EQ(listener_.line(), "");
}

TEST_F(CommandListenerTest, AHelperThatIsThereALittleEarlierIsNotTheService) {
  Pass(absl::Seconds(30));
  ListenOn({40'000});
  Pass(absl::Seconds(5));
  ListenOn({40'000, 6006});
  Pass(absl::Seconds(2));
  EXPECT_EQ(listener_.port(), 6006);
}

TEST_F(CommandListenerTest, HelpersAreFurtherDown) {
  ports_.of_children = {40'000, 40'001};
  ListenOn({8889});
  Pass(absl::Seconds(14));
  EXPECT_EQ(listener_.port(), 8889);
}

TEST_F(CommandListenerTest, OfSeveralNumbersNoneIsGuessed) {
  ListenOn({8889, 8890});
  Pass(absl::Seconds(12));
  EXPECT_EQ(listener_.port(), 0);
  EXPECT_THAT(listener_.line(), HasSubstr("the command listens on 8889, 8890"));
}

TEST_F(CommandListenerTest, WhoHasTheNumberIsNamed) {
  ports_.taken = {6006};
  Pass(absl::Seconds(12));
  EXPECT_EQ(listener_.port(), 0);
  EXPECT_THAT(listener_.line(), HasSubstr("port 6006 is held by another program"));
  EXPECT_THAT(listener_.line(), HasSubstr("register"));
  ports_.holders[6006] = "docker-proxy (pid 5)";
  Pass(absl::Seconds(2));
  EXPECT_THAT(listener_.line(), HasSubstr("port 6006 is held by docker-proxy (pid 5)"));
  ports_.of_command = {8889};
  Pass(absl::Seconds(14));
  EXPECT_EQ(listener_.port(), 8889);
  EXPECT_THAT(listener_.line(), HasSubstr("docker-proxy (pid 5)"));
  EXPECT_THAT(listener_.line(), Not(HasSubstr("register")));
}

TEST_F(CommandListenerTest, AListenerThatThisMachineDoesNotReachIsNone) {
  ListenOn({6006});
  ports_.command_ip = "10.0.0.5";
  Pass(absl::Seconds(12));
  EXPECT_EQ(listener_.port(), 0);
  EXPECT_THAT(listener_.line(), HasSubstr("listens on port 6006 for 10.0.0.5 only"));
}

}  // namespace
}  // namespace tributary::agent
