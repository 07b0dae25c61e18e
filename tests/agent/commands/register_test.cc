#include "agent/commands/register.h"

#include <gmock/gmock.h>

#include <csignal>

#include "tests/agent/commands/services_harness.h"

namespace tributary::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RegisterCommandTest : public ServicesHarness {
 protected:
  int Register(std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), {"register", "--collector", "localhost:6006", "--service", "board",
                                 "--port", "8888"});
    return RegisterCommand(Config(flags), world_);
  }
};

TEST_F(RegisterCommandTest, HoldsUntilItIsToldToEnd) {
  ports_.taken = {8888};
  Answer([](const auto& claim, size_t) { return Granted(claim, 8888); });
  script_.on_listening = [this](uint32_t) { signals_.Send({SIGTERM, true}); };
  EXPECT_EQ(Register({"--mode", "strip"}), kExitGood);
  EXPECT_EQ(script_.claims[0].listens_on(), 8888u);
  EXPECT_EQ(script_.claims[0].mode(), cluster::v1::SERVICE_MODE_STRIP);
  EXPECT_THAT(script_.listening, ElementsAre(8888));
  EXPECT_THAT(script_.released, ElementsAre(1));
}

TEST_F(RegisterCommandTest, WaitsForSomebodyWhoListens) {
  script_.on_listening = [this](uint32_t) { signals_.Send({SIGINT, false}); };
  Answer([this](const auto& claim, size_t) {
    signals_.set_blocks(false);  // time passes from now on
    return Granted(claim, 8888);
  });
  signals_.on_wait = [this] { ports_.taken = {8888}; };
  EXPECT_EQ(Register(), kExitGood);
  EXPECT_THAT(TakeErr(), HasSubstr("nobody listens on port 8888 yet"));
  EXPECT_THAT(script_.listening, ElementsAre(8888));
}

TEST_F(RegisterCommandTest, ARefusalThatWaitingCannotCureEndsIt) {
  ports_.taken = {8888};
  Answer([](const auto& claim, size_t) {
    return RefusedClaim(claim, cluster::v1::REFUSED_REASON_NAME, "is no service name");
  });
  EXPECT_EQ(Register(), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("is no service name"));
}

TEST_F(RegisterCommandTest, ARefusedSessionEndsIt) {
  script_.refuse.emplace();
  script_.refuse->set_reason(cluster::v1::REFUSED_REASON_WRONG_STORE);
  script_.refuse->set_detail("it has the store abc, not def");
  signals_.set_blocks(true);
  EXPECT_EQ(Register({"--store", "def"}), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("it has the store abc, not def"));
}

}  // namespace
}  // namespace tributary::agent
