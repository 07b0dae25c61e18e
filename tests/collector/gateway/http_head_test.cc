#include "collector/gateway/http_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tributary::gateway {
namespace {

using ::testing::HasSubstr;

std::string Why(const std::string& head) {
  return std::string(ParseRequestHead(head).status().message());
}

TEST(RequestHeadTest, ReadsWhatABrowserSends) {
  const auto head = ParseRequestHead(
      "GET /node/n/s/?a=b|c HTTP/1.1\r\nHost: localhost:6006\r\nAccept:  text/html "
      "\r\nX-Empty:\r\n\r\n");
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(head->method, "GET");
  EXPECT_EQ(head->target, "/node/n/s/?a=b|c");
  EXPECT_EQ(head->minor_version, 1);
  EXPECT_EQ(head->fields.Get("HOST"), "localhost:6006");
  EXPECT_EQ(head->fields.Get("accept"), "text/html");
  EXPECT_EQ(head->body.kind, BodyFraming::Kind::kNone);
}

TEST(RequestHeadTest, KnowsWhereBodiesEnd) {
  const std::string post = "POST / HTTP/1.1\r\nHost: x\r\n";
  const auto length = ParseRequestHead(post + "Content-Length: 1073741824\r\n\r\n");
  ASSERT_TRUE(length.ok());
  EXPECT_EQ(length->body.kind, BodyFraming::Kind::kLength);
  EXPECT_EQ(length->body.length, 1u << 30);
  const auto chunked = ParseRequestHead(post + "transfer-encoding: Chunked\r\n\r\n");
  ASSERT_TRUE(chunked.ok());
  EXPECT_EQ(chunked->body.kind, BodyFraming::Kind::kChunked);
}

TEST(RequestHeadTest, Malicious_WhatTwoServersMayReadDifferentlyIsRefused) {
  const std::string post = "POST / HTTP/1.1\r\nHost: x\r\n";
  for (const std::string& lengths : std::vector<std::string>{
           "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
           "Content-Length: 4\r\nContent-Length: 4\r\n", "Content-Length: +4\r\n",
           "Content-Length: 4, 4\r\n", "Content-Length: 0x4\r\n", "Content-Length:\r\n",
           "Content-Length: 9999999999999999999\r\n", "Transfer-Encoding: gzip, chunked\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: identity\r\n", "Transfer-Encoding: \vchunked\r\n"}) {
    EXPECT_FALSE(ParseRequestHead(post + lengths + "\r\n").ok()) << lengths;
  }
  EXPECT_THAT(Why("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), HasSubstr("coding"));
}

TEST(RequestHeadTest, Malicious_LinesAreStrict) {
  EXPECT_FALSE(ParseRequestHead("GET / HTTP/1.1\nHost: x\n\n").ok());
  EXPECT_FALSE(ParseRequestHead("GET / HTTP/1.1\r\nHost: x\n\r\n").ok());
  EXPECT_FALSE(ParseRequestHead("GET / HTTP/1.1\r\nHost: x\r\rA: b\r\n\r\n").ok());
  EXPECT_FALSE(ParseRequestHead("GET / HTTP/1.1\r\nHost : x\r\n\r\n").ok());
  EXPECT_FALSE(ParseRequestHead("GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n").ok());
  EXPECT_FALSE(ParseRequestHead("GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n").ok());
  EXPECT_FALSE(ParseRequestHead(std::string("GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n", 29)).ok());
  EXPECT_FALSE(ParseRequestHead("GET  / HTTP/1.1\r\nHost: x\r\n\r\n").ok());
  EXPECT_FALSE(ParseRequestHead("GET / HTTP/1.1 \r\nHost: x\r\n\r\n").ok());
  EXPECT_FALSE(ParseRequestHead("GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n").ok());
  EXPECT_FALSE(ParseRequestHead("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n").ok());
  EXPECT_FALSE(ParseRequestHead("GET /#a HTTP/1.1\r\nHost: x\r\n\r\n").ok());
  EXPECT_FALSE(ParseRequestHead("GET / HTTP/2.0\r\nHost: x\r\n\r\n").ok());
  EXPECT_FALSE(ParseRequestHead("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n").ok());
  EXPECT_FALSE(ParseRequestHead("GET / HTTP/1.1\r\n\r\n").ok());
  EXPECT_FALSE(ParseRequestHead("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n").ok());
  EXPECT_FALSE(ParseRequestHead("GET / HTTP/1.1\r\nHost: x\r\n\r\nmore").ok());
  EXPECT_FALSE(ParseRequestHead("").ok());
}

TEST(RequestHeadTest, Malicious_HeadsAreLimited) {
  const std::string start = "GET / HTTP/1.1\r\nHost: x\r\n";
  std::string many = start;
  for (int i = 0; i < 300; ++i) many += "a: b\r\n";
  EXPECT_THAT(Why(many + "\r\n"), HasSubstr("too many"));
  EXPECT_THAT(Why(start + "a: " + std::string(70'000, 'x') + "\r\n\r\n"), HasSubstr("too long"));
}

TEST(ResponseHeadTest, KnowsWhichAnswersHaveABody) {
  const auto parse = [](const std::string& head, const std::string& method) {
    const auto response = ParseResponseHead(head, method);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->body.kind : BodyFraming::Kind::kNone;
  };
  using Kind = BodyFraming::Kind;
  EXPECT_EQ(parse("HTTP/1.0 200 OK\r\n\r\n", "GET"), Kind::kUntilClose);
  EXPECT_EQ(parse("HTTP/1.1 200\r\nContent-Length: 3\r\n\r\n", "GET"), Kind::kLength);
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD"), Kind::kNone);
  EXPECT_EQ(parse("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", "GET"), Kind::kNone);
  EXPECT_EQ(parse("HTTP/1.1 204 No Content\r\n\r\n", "GET"), Kind::kNone);
  EXPECT_EQ(parse("HTTP/1.1 100 Continue\r\n\r\n", "POST"), Kind::kNone);
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "GET"), Kind::kChunked);
}

TEST(ResponseHeadTest, Malicious_AnswersAreStrictToo) {
  for (const std::string& head : std::vector<std::string>{
           "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 +20 OK\r\n\r\n",
           "HTTP/1.1 099 OK\r\n\r\n", "ICY 200 OK\r\n\r\n", "HTTP/1.1\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
           "HTTP/1.1 200 OK\nA: b\n\n"}) {
    EXPECT_FALSE(ParseResponseHead(head, "GET").ok()) << head;
  }
}

TEST(FieldsTest, TokensOfLists) {
  Fields fields;
  fields.Add("Connection", "keep-alive, Upgrade");
  fields.Add("connection", "close");
  EXPECT_TRUE(fields.HasToken("CONNECTION", "upgrade"));
  EXPECT_TRUE(fields.HasToken("connection", "close"));
  EXPECT_FALSE(fields.HasToken("connection", "keep"));
}

}  // namespace
}  // namespace tributary::gateway
