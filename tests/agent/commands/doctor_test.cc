#include "agent/commands/doctor.h"

#include <gmock/gmock.h>

#include "tests/agent/commands/command_harness.h"

namespace tributary::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class DoctorTest : public CommandHarness {
 protected:
  DoctorTest() {
    network_.names.insert_or_assign("head", std::vector<std::string>{"10.0.0.5"});
    network_.ends.insert_or_assign("10.0.0.5",
                                   std::deque<std::string>{"HTTP/1.1 200 OK\r\n\r\nok\n"});
    collector_.set_host_name("head");
    collector_.set_clock_unix_nanos(absl::ToUnixNanos(clock_.Wall()));
  }
  int Doctor(std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), {"doctor", "--collector", "head:6006"});
    return DoctorCommand(Config(flags), world_);
  }
};

TEST_F(DoctorTest, AGoodWayFromALaptop) {
  EXPECT_EQ(Doctor(), kExitGood);
  const std::string text = TakeOut();
  EXPECT_THAT(text, AllOf(HasSubstr("tls          not configured"),
                          HasSubstr("delivery     not tried       no --logdir given"),
                          HasSubstr("open here: http://head:6006/"), Not(HasSubstr("fails"))));
}

TEST_F(DoctorTest, WhatFailsStopsTheWayAndNotTheNode) {
  network_.ends.erase("10.0.0.5");
  Write("a/tfevents", 10);
  EXPECT_EQ(Doctor({"--logdir", "/logs"}), kExitFailed);
  const std::string text = TakeOut();
  EXPECT_THAT(
      text, AllOf(HasSubstr("tcp          fails           10.0.0.5:6006 refused"),
                  HasSubstr("tls          not configured"),
                  HasSubstr("disk         not tried       needs tcp"), HasSubstr("logdir       ok"),
                  HasSubstr("delivery     not tried       needs tcp"),
                  HasSubstr("ssh -L 6006:localhost:6006 head")));
}

TEST_F(DoctorTest, ALayerThatCarriesNoOtherStopsNothing) {
  collector_.set_clock_unix_nanos(absl::ToUnixNanos(clock_.Wall() + absl::Minutes(2)));
  collector_.set_collector_version("9.0.0");
  EXPECT_EQ(Doctor({"--json"}), kExitFailed);
  const std::string text = TakeOut();
  EXPECT_THAT(text, AllOf(HasSubstr("\"layer\":\"clock\",\"state\":\"fails\""),
                          HasSubstr("\"layer\":\"version\",\"state\":\"warns\""),
                          HasSubstr("\"layer\":\"ready\",\"state\":\"ok\""),
                          HasSubstr("\"fails\":\"clock\"")));
}

TEST_F(DoctorTest, AnotherStoreTakesNoDelivery) {
  Write("a/tfevents", 10);
  EXPECT_EQ(Doctor({"--logdir", "/logs", "--store", "other"}), kExitFailed);
  EXPECT_THAT(TakeOut(), AllOf(HasSubstr("version      ok"),
                               HasSubstr("delivery     not tried       needs store")));
}

TEST_F(DoctorTest, AWarningCostsNothing) {
  variables_["http_proxy"] = "http://proxy:3128";
  EXPECT_EQ(Doctor(), kExitGood);
  EXPECT_THAT(TakeOut(), HasSubstr("proxy warns: http_proxy is set"));
}

TEST_F(DoctorTest, Malformed_NodeName) {
  world_.host_name = "";
  EXPECT_EQ(Doctor(), kExitUsage);
  EXPECT_EQ(TakeOut(), "");
}

}  // namespace
}  // namespace tributary::agent
