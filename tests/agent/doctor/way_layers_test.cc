#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "agent/doctor/layer.h"
#include "tests/agent/doctor/fakes.h"
#include "tests/support/fake_clock.h"

namespace tributary::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class WayTest : public ::testing::Test {
 protected:
  WayTest() {
    target_.host = "head";
    target_.port = 6006;
    target_.own_host_name = "node07.cluster";
    target_.own_version = "1.2.3";
    senses_.network = &network_;
    senses_.machine = &machine_;
    senses_.clock = &clock_;
    senses_.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
    network_.names.insert_or_assign("head", std::vector<std::string>{"10.0.0.5"});
    network_.ends.insert_or_assign(
        "10.0.0.5",
        std::deque<std::string>{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "ok\n"});
  }

  Finding Run(LayerCheck check) {
    const Finding finding = check(target_, senses_, &evidence_);
    EXPECT_THAT(finding.found, Not(HasSubstr("\n")));
    EXPECT_NE(finding.found, "");
    const bool has_fix = finding.state == LayerState::kFails || finding.state == LayerState::kWarns;
    EXPECT_EQ(has_fix, !finding.fix.empty()) << finding.found;
    return finding;
  }
  // The layers up to and with the last one; those below must be well.
  Finding Walk(std::vector<LayerCheck> checks) {
    for (size_t i = 0; i + 1 < checks.size(); ++i) {
      EXPECT_NE(Run(checks[i]).state, LayerState::kFails) << i;
    }
    return Run(checks.back());
  }
  Finding Resolution() { return Walk({CheckProxy, CheckResolution}); }
  Finding Port() { return Walk({CheckProxy, CheckResolution, CheckPort}); }
  Finding Bind() { return Walk({CheckProxy, CheckResolution, CheckPort, CheckBind}); }
  Finding Tcp() { return Walk({CheckProxy, CheckResolution, CheckPort, CheckBind, CheckTcp}); }
  Finding Http() {
    return Walk({CheckProxy, CheckResolution, CheckPort, CheckBind, CheckTcp, CheckTls, CheckHttp});
  }
  // This machine is the head node.
  void AtHead(std::vector<ListeningSocket> listeners) {
    target_.own_host_name = "head.cluster";
    network_.own = {"10.0.0.5"};
    machine_.listeners = std::move(listeners);
  }
  void HeadAnswers(std::deque<std::string> parts) {
    network_.ends.insert_or_assign("10.0.0.5", std::move(parts));
  }
  void HeadIs(const absl::Status& status) { network_.ends.insert_or_assign("10.0.0.5", status); }

  static ListeningSocket Listener(std::string ip, uint16_t port,
                                  std::string program = "tributary-collector") {
    return {std::move(ip), port, 1, 0, 4711, std::move(program)};
  }

  Target target_;
  FakeNetwork network_;
  FakeMachine machine_;
  FakeClock clock_;
  std::map<std::string, std::string> variables_;
  Senses senses_;
  Evidence evidence_;
};

TEST_F(WayTest, AGoodWay) {
  EXPECT_EQ(Http().state, LayerState::kOk);
  EXPECT_EQ(evidence_.endpoint->ip, "10.0.0.5");
  EXPECT_FALSE(evidence_.on_this_machine);
}

TEST_F(WayTest, Resolution_NoSuchName) {
  target_.host = "haed";
  const Finding finding = Resolution();
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.found, HasSubstr("haed"));
  EXPECT_THAT(finding.fix, HasSubstr("spelling"));
}

TEST_F(WayTest, Resolution_NoNameServer) {
  network_.names.insert_or_assign("head", absl::UnavailableError("Temporary failure"));
  const Finding finding = Resolution();
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.fix, HasSubstr("/etc/resolv.conf"));
}

TEST_F(WayTest, Resolution_ANameOfAnotherMachineThatLeadsHere) {
  network_.names.insert_or_assign("head", std::vector<std::string>{"127.0.1.1"});
  const Finding finding = Resolution();
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.found, AllOf(HasSubstr("127.0.1.1"), HasSubstr("node07.cluster")));
  EXPECT_THAT(finding.fix, HasSubstr("/etc/hosts"));
  // A tunnel may be meant.
  machine_.listeners = {Listener("127.0.1.1", 6006, "ssh")};
  EXPECT_EQ(Run(CheckResolution).state, LayerState::kWarns);
  // And at the head node itself Debian has that line.
  machine_.listeners.clear();
  target_.own_host_name = "head";
  EXPECT_EQ(Run(CheckResolution).state, LayerState::kOk);
}

TEST_F(WayTest, Proxy_OfTheEnvironmentIsToldThoughTheAgentDoesNotObeyIt) {
  variables_["http_proxy"] = "http://proxy:3128";
  const Finding finding = Run(CheckProxy);
  EXPECT_EQ(finding.state, LayerState::kWarns);
  EXPECT_THAT(finding.found, HasSubstr("http_proxy"));
  EXPECT_THAT(finding.fix, HasSubstr("add head to no_proxy"));
  variables_["no_proxy"] = "localhost,head";
  EXPECT_EQ(Run(CheckProxy).state, LayerState::kOk);
}

TEST_F(WayTest, Proxy_ThatIsToBeObeyedAndRefuses) {
  target_.use_proxy = true;
  variables_["http_proxy"] = "http://me:secret@proxy:3128";
  EXPECT_THAT(Run(CheckProxy).found, HasSubstr("Name or service not known"));
  network_.names.insert_or_assign("proxy", std::vector<std::string>{"10.0.0.9"});
  EXPECT_THAT(Run(CheckProxy).found, HasSubstr("refused"));
  network_.ends.insert_or_assign(
      "10.0.0.9", std::deque<std::string>{"HTTP/1.1 403 Forbidden\r\nServer: squid\r\n\r\n"});
  const Finding finding = Run(CheckProxy);
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.found,
              AllOf(HasSubstr("answers 403 to CONNECT head:6006"), Not(HasSubstr("secret"))));
  EXPECT_THAT(finding.fix, HasSubstr("no_proxy"));
}

TEST_F(WayTest, Proxy_ThatConnectsIsTheWay) {
  target_.use_proxy = true;
  variables_["grpc_proxy"] = "proxy:3128";
  network_.names.erase("head");  // only the proxy knows it
  network_.names.insert_or_assign("proxy", std::vector<std::string>{"10.0.0.9"});
  network_.ends.insert_or_assign(
      "10.0.0.9", std::deque<std::string>{"HTTP/1.1 200 Connection established\r\n\r\n",
                                          "HTTP/1.1 200 OK\r\n\r\nok\n"});
  EXPECT_EQ(Http().state, LayerState::kOk);
  EXPECT_THAT(network_.tried, ::testing::ElementsAre("10.0.0.9:3128"));
}

TEST_F(WayTest, Port_NothingListens) {
  AtHead({});
  const Finding finding = Port();
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.found, HasSubstr("nothing listens on port 6006"));
  EXPECT_THAT(finding.fix, HasSubstr("start the collector"));
}

TEST_F(WayTest, Port_TheCollectorHasAnother) {
  AtHead({Listener("127.0.0.1", 6007)});
  EXPECT_THAT(Port().fix, HasSubstr("--collector head:6007"));
}

TEST_F(WayTest, Bind_OnLoopbackOnly) {
  AtHead({Listener("127.0.0.1", 6006)});
  const Finding finding = Bind();
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.found, AllOf(HasSubstr("refused: "), HasSubstr("listens on 127.0.0.1 only")));
  EXPECT_THAT(finding.fix, AllOf(HasSubstr("--bind_all"), HasSubstr("localhost:6006")));
}

TEST_F(WayTest, Bind_ToldForThisMachineIsGoodAndSaysWhatOthersNeed) {
  target_.host = "localhost";
  network_.names.insert_or_assign("localhost", std::vector<std::string>{"::1", "127.0.0.1"});
  AtHead({Listener("127.0.0.1", 6006)});
  const Finding finding = Bind();
  EXPECT_EQ(finding.state, LayerState::kOk);
  EXPECT_THAT(finding.found, HasSubstr("--bind_all"));
}

TEST_F(WayTest, Bind_OfAllInterfaces) {
  AtHead({Listener("::", 6006)});
  EXPECT_EQ(Bind().state, LayerState::kOk);
}

TEST_F(WayTest, Tcp_RefusedElsewhere) {
  HeadIs(absl::UnavailableError("Connection refused"));
  const Finding finding = Tcp();
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.found, AllOf(HasSubstr("10.0.0.5:6006 refused"), HasSubstr("127.0.0.1")));
  EXPECT_THAT(finding.fix, AllOf(HasSubstr("--bind_all"), HasSubstr("doctor"), HasSubstr("SSH")));
}

TEST_F(WayTest, Tcp_AFirewallDrops) {
  HeadIs(absl::DeadlineExceededError("no answer in time"));
  const Finding finding = Tcp();
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.found, AllOf(HasSubstr("within 5s"), HasSubstr("firewall")));
  EXPECT_THAT(finding.fix, HasSubstr("open TCP port 6006"));
}

TEST_F(WayTest, Tcp_NoRouteAndNotAllowed) {
  HeadIs(absl::NotFoundError("No route to host"));
  EXPECT_THAT(Tcp().found, HasSubstr("No route to host: no network leads there"));
  HeadIs(absl::PermissionDeniedError("Operation not permitted"));
  EXPECT_THAT(Run(CheckTcp).fix, HasSubstr("outgoing"));
  HeadIs(absl::InternalError("odd"));
  EXPECT_THAT(Run(CheckTcp).found, HasSubstr("odd"));
}

TEST_F(WayTest, Tcp_AnotherAddressIsReached) {
  network_.names.insert_or_assign("head", std::vector<std::string>{"fd00::5", "10.0.0.5"});
  const Finding finding = Tcp();
  EXPECT_EQ(finding.state, LayerState::kOk);
  EXPECT_THAT(finding.found, AllOf(HasSubstr("10.0.0.5:6006"), HasSubstr("not [fd00::5]:6006")));
}

TEST_F(WayTest, Tcp_RefusedHereThoughSomebodyListens) {
  AtHead({Listener("0.0.0.0", 6006)});
  HeadIs(absl::UnavailableError("Connection refused"));
  EXPECT_THAT(Tcp().found, HasSubstr("a firewall of this machine"));
}

TEST_F(WayTest, Tls_IsNotConfigured) { EXPECT_EQ(Run(CheckTls).state, LayerState::kNotConfigured); }

TEST_F(WayTest, Http_AnotherProgramHasThePort) {
  AtHead({Listener("0.0.0.0", 6006, "python3"), Listener("0.0.0.0", 6007)});
  HeadAnswers({"HTTP/1.1 404 NOT FOUND\r\nServer: Werkzeug/3.0.1 Python/3.11\r\n",
               "Content-Length: 9\r\n\r\nNot found"});
  const Finding finding = Http();
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.found, AllOf(HasSubstr("python3 (pid 4711) is no collector"),
                                   HasSubstr("404"), HasSubstr("Werkzeug")));
  EXPECT_THAT(finding.fix, HasSubstr("--collector head:6007"));
  machine_.listeners.pop_back();
  HeadAnswers({"HTTP/1.1 404 NOT FOUND\r\n\r\n"});
  Run(CheckTcp);
  EXPECT_THAT(Run(CheckHttp).fix,
              AllOf(HasSubstr("taken by another program"), HasSubstr("--port N")));
}

TEST_F(WayTest, Http_OtherProtocols) {
  const std::pair<std::string, std::string> kCases[] = {
      {std::string("\x15\x03\x01\x00\x02\x02\x46", 7), "speaks TLS"},
      {"HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to HTTPS port",
       "speaks TLS"},
      {"SSH-2.0-OpenSSH_9.2\r\n", "speaks SSH"},
      {std::string("\x00\x00\x12\x04\x00\x00\x00\x00\x00", 9), "speaks HTTP/2 only"},
      {"+OK ready\r\n", "speaks no HTTP"}};
  for (const auto& [bytes, found] : kCases) {
    HeadAnswers({bytes});
    evidence_ = Evidence();
    const Finding finding = Http();
    EXPECT_EQ(finding.state, LayerState::kFails);
    EXPECT_THAT(finding.found, HasSubstr(found));
  }
}

TEST_F(WayTest, Http_TlsThatClosesAtTheFirstWrongByte) {
  HeadAnswers({});
  network_.greets_tls_with = std::string("\x15\x03\x03\x00\x02\x02\x28", 7);
  EXPECT_THAT(Http().found, HasSubstr("speaks TLS"));
}

TEST_F(WayTest, Http_ATunnelWhoseOtherEndIsRefused) {
  HeadAnswers({});
  const Finding finding = Http();
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.found, HasSubstr("tunnel"));
  EXPECT_THAT(finding.fix, HasSubstr("ssh -L"));
  network_.said_last = absl::AbortedError("Connection reset by peer");
  Run(CheckTcp);
  EXPECT_THAT(Run(CheckHttp).found, HasSubstr("tunnel"));
}

TEST_F(WayTest, Http_NoAnswer) {
  HeadAnswers({});
  network_.said_last = absl::DeadlineExceededError("no answer in time");
  EXPECT_THAT(Http().found, HasSubstr("says nothing for 5s"));
}

TEST_F(WayTest, Malicious_EndlessAnswer) {
  HeadAnswers(std::deque<std::string>(100, std::string(16 << 10, 'x')));
  EXPECT_THAT(Http().found, HasSubstr("no HTTP"));
}

}  // namespace
}  // namespace tributary::agent
