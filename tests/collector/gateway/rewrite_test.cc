#include "collector/gateway/rewrite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace tributary::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Route Strip() {
  Route route;
  route.service.node = "n1";
  route.service.service = "board";
  route.service.port = 8888;
  route.prefix = "/node/n1/board";
  route.strips = true;
  route.target = "/a?b";
  return route;
}
Route Keep() {
  Route route = Strip();
  route.strips = false;
  route.target = "/node/n1/board/a?b";
  return route;
}
Route Own() {
  Route route = Keep();
  route.prefix = "";
  route.target = "/a?b";
  return route;
}

RequestHead Request(const std::string& fields) {
  const auto head = ParseRequestHead(
      absl::StrCat("GET /node/n1/board/a?b HTTP/1.1\r\nHost: head:6006\r\n", fields, "\r\n"));
  EXPECT_TRUE(head.ok()) << head.status();
  return *head;
}
std::string Response(const std::string& head, const Route& route) {
  const auto response = ParseResponseHead(absl::StrCat(head, "\r\n"), "GET");
  EXPECT_TRUE(response.ok()) << response.status();
  return ForwardedResponse(*response, Request(""), route, false, false);
}

TEST(ForwardedRequestTest, TheServiceSeesWhatItWouldOnItsOwnNode) {
  const std::string head = ForwardedRequest(
      Request("Origin: http://head:6006\r\nReferer: http://head:6006/node/n1/board/x\r\n"), Strip(),
      "10.0.0.9");
  EXPECT_THAT(head, StartsWith("GET /a?b HTTP/1.1\r\nHost: localhost:8888\r\n"));
  EXPECT_THAT(head, HasSubstr("Origin: http://localhost:8888\r\n"));
  EXPECT_THAT(head, HasSubstr("Referer: http://localhost:8888/x\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Forwarded-For: 10.0.0.9\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Forwarded-Host: head:6006\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Forwarded-Proto: http\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Forwarded-Prefix: /node/n1/board\r\n"));
  EXPECT_THAT(head, HasSubstr("Connection: close\r\n"));
}

TEST(ForwardedRequestTest, AServiceBelowAPathOfItsOwn) {
  Route route = Strip();
  route.service.base_path = "/tb";
  const std::string head =
      ForwardedRequest(Request("Referer: http://head:6006/node/n1/board/x\r\n"), route, "x");
  EXPECT_THAT(head, HasSubstr("Referer: http://localhost:8888/tb/x\r\n"));
  EXPECT_EQ(MappedLocation("/tb/", "head:6006", route), "/node/n1/board/");
  EXPECT_EQ(MappedLocation("http://localhost:8888/tb/a", "head:6006", route), "/node/n1/board/a");
  EXPECT_EQ(MappedLocation("/tbx/", "head:6006", route), "/node/n1/board/tbx/");
  EXPECT_EQ(MappedCookie("a=b; Path=/tb/", route), "a=b; Path=/node/n1/board/");
}

TEST(ForwardedRequestTest, ForeignOriginsStayForeign) {
  const std::string head = ForwardedRequest(Request("Origin: http://evil.com\r\n"), Strip(), "x");
  EXPECT_THAT(head, HasSubstr("Origin: http://evil.com\r\n"));
}

TEST(ForwardedRequestTest, KeptPrefixesAreNotTold) {
  const std::string head = ForwardedRequest(Request(""), Keep(), "x");
  EXPECT_THAT(head, StartsWith("GET /node/n1/board/a?b HTTP/1.1\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("X-Forwarded-Prefix")));
}

TEST(ForwardedRequestTest, WhatIsOfOneConnectionStaysHere) {
  const std::string head = ForwardedRequest(
      Request("Connection: keep-alive, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
              "Proxy-Authorization: x\r\nUpgrade: h2c\r\nX-Kept: 2\r\n"),
      Strip(), "x");
  for (const char* gone : {"X-Secret", "Keep-Alive", "keep-alive", "TE:", "Proxy-", "Upgrade"}) {
    EXPECT_THAT(head, Not(HasSubstr(gone)));
  }
  EXPECT_THAT(head, HasSubstr("X-Kept: 2\r\n"));
}

TEST(ForwardedRequestTest, NothingOfOursIsTold) {
  const std::string head = ForwardedRequest(
      Request("Cookie: a=1; tributary_ab=secret; b=2\r\nAuthorization: Tributary secret\r\n"
              "Tributary-Token: secret\r\nX-Tributary-Token: secret\r\n"),
      Strip(), "x");
  EXPECT_THAT(head, Not(HasSubstr("secret")));
  EXPECT_THAT(head, HasSubstr("Cookie: a=1; b=2\r\n"));
  EXPECT_THAT(ForwardedRequest(Request("Cookie: tributary_ab=s\r\n"), Strip(), "x"),
              Not(HasSubstr("Cookie")));
  EXPECT_THAT(ForwardedRequest(Request("Authorization: token abc\r\n"), Strip(), "x"),
              HasSubstr("Authorization: token abc\r\n"));
}

TEST(ForwardedRequestTest, OnlyWebSocketsAreSwitchedTo) {
  const RequestHead socket = Request("Connection: Upgrade\r\nUpgrade: websocket\r\n");
  EXPECT_TRUE(WantsWebSocket(socket));
  EXPECT_THAT(ForwardedRequest(socket, Strip(), "x"),
              HasSubstr("Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  EXPECT_FALSE(WantsWebSocket(Request("Connection: Upgrade\r\nUpgrade: h2c\r\n")));
  EXPECT_FALSE(WantsWebSocket(Request("Upgrade: websocket\r\n")));
}

TEST(ForwardedRequestTest, OuterProxiesAreKeptInMind) {
  const std::string head = ForwardedRequest(
      Request("X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: "
              "tb.org\r\nX-Forwarded-Prefix: /out/\r\n"),
      Strip(), "10.0.0.9");
  EXPECT_THAT(head, HasSubstr("X-Forwarded-For: 1.2.3.4, 10.0.0.9\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Forwarded-Proto: https\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Forwarded-Host: tb.org\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Forwarded-Prefix: /out/node/n1/board\r\n"));
}

TEST(MappedCookieTest, PathsStayBelowThePrefix) {
  EXPECT_EQ(MappedCookie("a=1; Path=/; HttpOnly", Strip()), "a=1; Path=/node/n1/board/; HttpOnly");
  EXPECT_EQ(MappedCookie("a=1; Path=/node/n1/board/x", Strip()), "a=1; Path=/node/n1/board/x");
  EXPECT_EQ(MappedCookie("a=1; path=/node/n1/board/", Keep()), "a=1; path=/node/n1/board/");
  EXPECT_EQ(MappedCookie("a=1; Path=/", Keep()), std::nullopt);
  EXPECT_EQ(MappedCookie("a=1; Path=/node/n1/board2", Keep()), std::nullopt);
  EXPECT_EQ(MappedCookie("a=1", Keep()), "a=1");
  EXPECT_EQ(MappedCookie("a=1; Path=/", Own()), "a=1; Path=/");
  EXPECT_EQ(MappedCookie("a=1; Domain=localhost; Secure", Own()), "a=1; Secure");
  EXPECT_EQ(MappedCookie("tributary_ab=x; Path=/node/n1/board/", Keep()), std::nullopt);
  EXPECT_EQ(MappedCookie(" Tributary_ab=x", Own()), std::nullopt);
}

TEST(MappedLocationTest, LeadsToWhereTheServiceOpens) {
  const auto map = [](const std::string& location, const Route& route) {
    return MappedLocation(location, "head:6006", route);
  };
  EXPECT_EQ(map("/login?next=/", Strip()), "/node/n1/board/login?next=/");
  EXPECT_EQ(map("http://localhost:8888/x", Strip()), "/node/n1/board/x");
  EXPECT_EQ(map("http://head:6006/x", Strip()), "/node/n1/board/x");
  EXPECT_EQ(map("http://localhost:8888", Own()), "/");
  EXPECT_EQ(map("/node/n1/board/x", Strip()), "/node/n1/board/x");
  EXPECT_EQ(map("x/y", Strip()), "x/y");
  EXPECT_EQ(map("/x", Keep()), "/x");
  EXPECT_EQ(map("https://example.com/x", Strip()), "https://example.com/x");
  EXPECT_EQ(map("//example.com/x", Strip()), "//example.com/x");
  EXPECT_EQ(map("http://localhost:8888//evil.com", Own()), "/.//evil.com");
}

TEST(ForwardedResponseTest, WhatHoldsForTheWholeHostIsDropped) {
  const std::string head = Response(
      "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=1\r\nAlt-Svc: h3\r\n"
      "Clear-Site-Data: \"*\"\r\nService-Worker-Allowed: /\r\nContent-Type: text/html\r\n"
      "Content-Length: 0\r\nConnection: keep-alive\r\nSet-Cookie: tributary_x=1\r\n",
      Strip());
  EXPECT_EQ(head, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n");
}

TEST(ForwardedResponseTest, AnswersOfOldServicesAreSentInChunks) {
  const auto response = ParseResponseHead("HTTP/1.0 200 OK\r\nServer: old\r\n\r\n", "GET");
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(ForwardedResponse(*response, Request(""), Strip(), true, true),
            "HTTP/1.1 200 OK\r\nServer: old\r\nTransfer-Encoding: chunked\r\nConnection: "
            "close\r\n\r\n");
}

}  // namespace
}  // namespace tributary::gateway
