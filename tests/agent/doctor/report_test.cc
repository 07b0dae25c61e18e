#include "agent/doctor/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agent/doctor/fakes.h"

namespace tributary::agent {
namespace {

using ::testing::HasSubstr;

TEST(ReportTest, TextNamesWhatFailsAndWhatToDo) {
  Report report;
  report.findings = {Ok("resolution", "head is 10.0.0.5"),
                     Fails("tcp", "refused\x1b[2J", "start it"), NotTried("http", "needs tcp"),
                     Warns("writers", "silent", "flush"), NotConfigured("tls", "none")};
  report.advice.ssh = "ssh -L 6007:localhost:6006 head";
  report.advice.ssh_url = "http://localhost:6007/";
  report.advice.note = "port 6006 of this machine is held by python3";
  EXPECT_EQ(ReportText(report),
            "LAYER       STATE           FOUND\n"
            "resolution  ok              head is 10.0.0.5\n"
            "tcp         fails           refused?[2J\n"
            "http        not tried       needs tcp\n"
            "writers     warns           silent\n"
            "tls         not configured  none\n"
            "\n"
            "tcp fails: refused?[2J\n"
            "  fix: start it\n"
            "\n"
            "writers warns: silent\n"
            "  fix: flush\n"
            "\n"
            "through SSH from here: ssh -L 6007:localhost:6006 head   then http://localhost:6007/\n"
            "  (port 6006 of this machine is held by python3)\n");
}

TEST(ReportTest, Json) {
  Report report;
  report.collector = "head:6006";
  report.findings = {Ok("tcp", "a \"b\""), Fails("http", "no", "yes")};
  report.advice.url = "http://head:6006/";
  EXPECT_EQ(ReportJson(report),
            "{\"collector\":\"head:6006\",\"layers\":["
            "{\"layer\":\"tcp\",\"state\":\"ok\",\"found\":\"a \\\"b\\\"\",\"fix\":null},"
            "{\"layer\":\"http\",\"state\":\"fails\",\"found\":\"no\",\"fix\":\"yes\"}],"
            "\"fails\":\"http\",\"url\":\"http://head:6006/\",\"ssh\":null}\n");
}

class AdviceTest : public ::testing::Test {
 protected:
  AdviceTest() {
    target_.host = "head";
    target_.port = 6006;
    target_.own_host_name = "laptop";
    senses_.machine = &machine_;
    evidence_.addresses = {"10.0.0.5"};
  }
  void Reached(const std::string& ip, const std::string& host_name) {
    evidence_.endpoint = Endpoint{ip, 6006};
    evidence_.collector.emplace();
    evidence_.collector->set_host_name(host_name);
  }
  Advice Where(bool answered) { return WhereToOpen(target_, senses_, evidence_, answered); }

  Target target_;
  FakeMachine machine_;
  Senses senses_;
  Evidence evidence_;
};

TEST_F(AdviceTest, TheUrlOfAnotherMachine) {
  Reached("10.0.0.5", "head");
  evidence_.collector->set_path_prefix("/tb");
  const Advice advice = Where(true);
  EXPECT_EQ(advice.url, "http://head:6006/tb/");
  EXPECT_EQ(advice.ssh, "ssh -L 6006:localhost:6006 head");
  EXPECT_EQ(advice.ssh_url, "http://localhost:6006/tb/");
}

TEST_F(AdviceTest, ByAddressWhereTheNameIsRefused) {
  Reached("10.0.0.5", "head");
  evidence_.name_refused = true;
  EXPECT_EQ(Where(true).url, "http://10.0.0.5:6006/");
}

TEST_F(AdviceTest, OnTheHeadNode) {
  target_.host = "localhost";
  target_.own_host_name = "head";
  Reached("127.0.0.1", "head");
  const Advice advice = Where(true);
  EXPECT_EQ(advice.url, "http://localhost:6006/");
  EXPECT_EQ(advice.ssh, "ssh -L 6006:localhost:6006 head");
}

TEST_F(AdviceTest, ThroughATunnel) {
  target_.host = "localhost";
  Reached("127.0.0.1", "head");
  const Advice advice = Where(true);
  EXPECT_EQ(advice.url, "http://localhost:6006/");
  EXPECT_EQ(advice.ssh, "");
}

TEST_F(AdviceTest, NotReached) {
  const Advice advice = Where(false);
  EXPECT_EQ(advice.url, "");
  EXPECT_EQ(advice.ssh, "ssh -L 6006:localhost:6006 head");
  EXPECT_EQ(advice.note, "");
}

TEST_F(AdviceTest, NotReachedAndTheNumberIsTakenHere) {
  machine_.listeners = {{"127.0.0.1", 6006, 1, 0, 7, "python3"}, {"127.0.0.1", 6007, 2, 0, 0, ""}};
  const Advice advice = Where(false);
  EXPECT_EQ(advice.ssh, "ssh -L 6008:localhost:6006 head");
  EXPECT_EQ(advice.ssh_url, "http://localhost:6008/");
  EXPECT_THAT(advice.note, HasSubstr("6006 of this machine is held by python3"));
}

TEST_F(AdviceTest, NothingHelpsWhereTheNameIsUnknownOrThisMachineIsMeant) {
  evidence_.on_this_machine = true;
  EXPECT_EQ(Where(false).ssh, "");
  evidence_ = Evidence();
  EXPECT_EQ(Where(false).ssh, "");
}

}  // namespace
}  // namespace tributary::agent
