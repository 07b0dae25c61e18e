#include "agent/doctor/http_answer.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "agent/doctor/proxy_rules.h"
#include "tests/agent/doctor/fakes.h"

namespace tributary::agent {
namespace {

TEST(HttpAnswerTest, StatusServerAndBody) {
  const auto answer = ParseHttpAnswer("HTTP/1.1 404 NOT FOUND\r\nserver:  nginx \r\n\r\nno");
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(answer->server, "nginx");
  EXPECT_EQ(answer->body, "no");
}

TEST(HttpAnswerTest, Malformed) {
  for (const char* bytes :
       {"", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 x\r\n\r\n",
        "HTTP/1.1 -20 x\r\n\r\n", "HTTP/2 200\r\n\r\n", "SSH-2.0\r\n\r\n"}) {
    EXPECT_FALSE(ParseHttpAnswer(bytes).has_value()) << bytes;
  }
}

TEST(HttpAnswerTest, AskEndsWithTheContent) {
  // Nothing follows what is asked for; a further read would fail.
  FakeConnection connection({"HTTP/1.1 200 OK\r\nContent-Le", "ngth: 3\r\n\r\no", "k\n"},
                            absl::DeadlineExceededError("read on"));
  const auto bytes = Ask(&connection, "GET /");
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ(ParseHttpAnswer(*bytes)->body, "ok\n");
  EXPECT_EQ(connection.sent, "GET /");
}

TEST(HttpAnswerTest, AnAnswerThatBreaksOffIsNotWhole) {
  EXPECT_FALSE(ParseHttpAnswer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok")->whole);
  EXPECT_TRUE(ParseHttpAnswer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")->whole);
  EXPECT_TRUE(ParseHttpAnswer("HTTP/1.1 200 OK\r\n\r\n")->whole);
}

TEST(HttpAnswerTest, AskForAHeadLeavesWhatFollows) {
  FakeConnection connection({"HTTP/1.1 200 Connection established\r\n\r\n", "tunnel"});
  EXPECT_TRUE(Ask(&connection, "CONNECT", {.head_only = true}).ok());
  EXPECT_EQ(*connection.Receive(), "tunnel");
}

TEST(HttpAnswerTest, AskFailsOnlyIfNothingCame) {
  FakeConnection silent({}, absl::DeadlineExceededError("no answer"));
  EXPECT_TRUE(absl::IsDeadlineExceeded(Ask(&silent, "x").status()));
  FakeConnection cut({"part"}, absl::AbortedError("reset"));
  EXPECT_EQ(*Ask(&cut, "x"), "part");
}

TEST(HttpAnswerTest, Malicious_AnEndlessAnswerIsCut) {
  FakeConnection connection(std::deque<std::string>(1000, std::string(10'000, 'x')));
  EXPECT_EQ(Ask(&connection, "x")->size(), 64u << 10);
}

TEST(HttpAnswerTest, Malicious_AHeadIsNotLookedForWithoutEnd) {
  const std::string begin = "HTTP/1.1 200 OK\r\nX: ";
  EXPECT_TRUE(ParseHttpAnswer(begin + std::string(60'000, 'x') + "\r\n\r\n").has_value());
  EXPECT_FALSE(ParseHttpAnswer(begin + std::string(70'000, 'x') + "\r\n\r\n").has_value());
}

TEST(HttpAnswerTest, Malicious_LengthsThatOverflow) {
  for (const char* length : {"18446744073709551615", "18446744073709551616", "-1"}) {
    FakeConnection connection(
        {absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", length, "\r\n\r\nok")});
    EXPECT_EQ(ParseHttpAnswer(*Ask(&connection, "x"))->body, "ok") << length;
  }
}

TEST(ProxyRulesTest, TheOrderOfGrpc) {
  std::map<std::string, std::string> variables;
  const Environment environment = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  EXPECT_FALSE(ProxyOfGrpc(environment, "head").has_value());
  variables["HTTP_PROXY"] = "upper";  // not obeyed by gRPC
  EXPECT_FALSE(ProxyOfGrpc(environment, "head").has_value());
  EXPECT_EQ(ProxyOfTools(environment, "head")->name, "HTTP_PROXY");
  variables["http_proxy"] = "last";
  variables["https_proxy"] = "middle";
  EXPECT_EQ(ProxyOfGrpc(environment, "head")->value, "middle");
  variables["grpc_proxy"] = "first";
  EXPECT_EQ(ProxyOfGrpc(environment, "head")->value, "first");
  variables["no_proxy"] = "localhost, .cluster";
  EXPECT_TRUE(ProxyOfGrpc(environment, "head").has_value());
  EXPECT_FALSE(ProxyOfGrpc(environment, "head.cluster").has_value());
  EXPECT_FALSE(ProxyOfTools(environment, "head.cluster").has_value());
  EXPECT_TRUE(ProxyOfTools(environment, "overcluster").has_value());
  variables["no_proxy"] = "*";
  EXPECT_FALSE(ProxyOfTools(environment, "head").has_value());
}

TEST(ProxyRulesTest, AddressesOfProxies) {
  EXPECT_EQ(ParseProxy("http://proxy:3128/")->port, 3128);
  EXPECT_EQ(ParseProxy("proxy")->host, "proxy");
  EXPECT_EQ(ParseProxy("proxy")->port, 80);
  EXPECT_EQ(ParseProxy("http://[fd00::1]:3128")->host, "fd00::1");
  const auto signed_in = ParseProxy("http://me:secret@proxy:3128");
  EXPECT_EQ(signed_in->host, "proxy");
  EXPECT_EQ(signed_in->authorization, "Basic bWU6c2VjcmV0");
  for (const char* value : {"", "https://proxy", "socks5://proxy:1", "proxy:", "proxy:x", "proxy:0",
                            "proxy:65536", "http://", "http://@"}) {
    EXPECT_FALSE(ParseProxy(value).has_value()) << value;
  }
}

}  // namespace
}  // namespace tributary::agent
