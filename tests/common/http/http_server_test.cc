#include "common/http/http_server.h"

#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/http/gzip.h"
#include "common/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/http/socket_client.h"

namespace tributary::http {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kHost[] = "Host: x\r\n";

// A server on loopback that tells what it was asked.
class HttpServerTest : public ::testing::Test {
 protected:
  void Serve(const HttpServer::Options& options) {
    server_ = std::make_unique<HttpServer>(
        options, [this](const Request& request) { return Answer(request); });
    auto mux = PortMux::Listen(PortMux::Options{}, nullptr,
                               [this](int socket) { server_->Adopt(socket); });
    ASSERT_TRUE(mux.ok()) << mux.status();
    mux_ = *std::move(mux);
  }
  void SetUp() override { Serve(HttpServer::Options{}); }
  void TearDown() override {
    mux_->Stop();
    server_->Stop(absl::ZeroDuration());
  }

  SocketClient Connect() { return SocketClient::Connect(mux_->port()); }
  // Sends the bytes on a fresh connection and reads until the server closes.
  std::string Exchange(const std::string& bytes) {
    SocketClient client = Connect();
    client.Send(bytes);
    client.EndSending();
    return client.ReadAll();
  }

  Response Answer(const Request& request) {
    ++answered_;
    Response response;
    if (request.path == "/large") {
      response.body = std::string(3u << 20, 'L');
      response.compress = false;
    } else if (request.path == "/huge") {
      response.body = std::string(48u << 20, 'H');
      response.compress = false;
    } else {
      response.body = absl::StrCat(request.method, " ", request.path, " body=", request.body);
      for (const auto& [key, value] : request.query) {
        absl::StrAppend(&response.body, " ", key, "=", value);
      }
    }
    return response;
  }

  std::atomic<int> answered_ = 0;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<PortMux> mux_;
};

TEST_F(HttpServerTest, Malicious_RequestsThatTwoServersMayReadDifferentlyAreRefused) {
  const std::string post = absl::StrCat("POST / HTTP/1.1\r\n", kHost);
  for (const std::string& request : std::vector<std::string>{
           post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
           post + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
           post + "Content-Length: +4\r\n\r\nabcd", post + "Content-Length: -1\r\n\r\n",
           post + "Content-Length: 99999999999999999999\r\n\r\n",
           post + "Transfer-Encoding: gzip\r\n\r\n",
           post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
           "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
           post + "Content-Length : 4\r\n\r\nabcd", post + kHost + "\r\n"}) {
    const std::string answer = Exchange(request + "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(answer, ::testing::AnyOf(StartsWith("HTTP/1.1 400 "), StartsWith("HTTP/1.1 501 ")))
        << request;
    EXPECT_THAT(answer, Not(HasSubstr("smuggled"))) << request;
  }
  EXPECT_EQ(answered_, 0);
}

TEST_F(HttpServerTest, Malicious_GarbageIsAnsweredWith400) {
  for (const char* request : {"\r\n\r\n\r\n", "GET\r\n\r\n", "GET x HTTP/1.1\r\nHost: x\r\n\r\n",
                              "GET / HTTP/1.1\r\n\r\n", "G\x01T / HTTP/1.1\r\nHost: x\r\n\r\n",
                              "CONNECT host:80 HTTP/1.1\r\nHost: x\r\n\r\n"}) {
    EXPECT_THAT(Exchange(request), StartsWith("HTTP/1.1 400 Bad Request\r\n")) << request;
  }
  for (const char* request : {"GET / HTTP/3.0\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\nHost: x\n\n"}) {
    EXPECT_THAT(Exchange(request), StartsWith("HTTP/1.1 505 ")) << request;
  }
  EXPECT_EQ(answered_, 0);
}

TEST_F(HttpServerTest, Malicious_HeadersBeyondTheLimitAre431) {
  std::string request = absl::StrCat("GET / HTTP/1.1\r\n", kHost);
  for (int i = 0; i < 1000; ++i)
    absl::StrAppend(&request, "X-", i, ": ", std::string(90, 'x'), "\r\n");
  EXPECT_THAT(Exchange(request + "\r\n"), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerTest, Malicious_BodyBeyondTheLimitIs413) {
  const std::string post = absl::StrCat("POST / HTTP/1.1\r\n", kHost);
  EXPECT_THAT(Exchange(post + "Content-Length: 100000000\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Exchange(post + "Transfer-Encoding: chunked\r\n\r\n1100000\r\n" +
                       std::string(0x1100000, 'x') + "\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_EQ(answered_, 0);
}

TEST_F(HttpServerTest, RequestCutShortIsNotAnswered) {
  EXPECT_THAT(Exchange("GET /x HTTP/1.1\r\nHo"), IsEmpty());
  EXPECT_THAT(Exchange("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"), IsEmpty());
  EXPECT_EQ(answered_, 0);
}

TEST_F(HttpServerTest, AnswersAndKeepsTheConnection) {
  SocketClient client = Connect();
  for (int i = 0; i < 3; ++i) {
    client.Send("GET /data%2Fruns?tag=a+b HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string answer = client.ReadResponse();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\nDate: "));
    EXPECT_THAT(answer, HasSubstr("Connection: keep-alive\r\n"));
    EXPECT_THAT(answer, EndsWith("GET /data/runs body= tag=a b"));
  }
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  SocketClient client = Connect();
  client.Send(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: "
      "3\r\n\r\nabc"
      "POST /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n"
      "GET /4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.ReadResponse(), EndsWith("GET /1 body="));
  EXPECT_THAT(client.ReadResponse(), EndsWith("POST /2 body=abc"));
  EXPECT_THAT(client.ReadResponse(), EndsWith("POST /3 body=def"));
  const std::string last = client.ReadAll();
  EXPECT_THAT(last, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(last, EndsWith("GET /4 body="));
}

TEST_F(HttpServerTest, RequestSentByteByByteIsAnswered) {
  SocketClient client = Connect();
  for (const char c : std::string("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")) {
    client.Send(std::string(1, c));
  }
  EXPECT_THAT(client.ReadResponse(), EndsWith("GET /slow body="));
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  SocketClient client = Connect();
  client.Send("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadResponse(/*head_only=*/true), HasSubstr("Content-Length: 13\r\n"));
  EXPECT_THAT(client.ReadResponse(), EndsWith("GET /b body="));
}

TEST_F(HttpServerTest, OldClientsGetOneAnswer) {
  EXPECT_THAT(Exchange("GET /a HTTP/1.0\r\n\r\n"), HasSubstr("Connection: close\r\n"));
}

TEST_F(HttpServerTest, AbsoluteTargetIsReducedToItsPath) {
  EXPECT_THAT(Exchange("GET http://host:80/a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"),
              EndsWith("GET /a body= b=c"));
}

TEST_F(HttpServerTest, WaitingClientIsToldToContinue) {
  SocketClient client = Connect();
  client.Send("POST /c HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.ReadResponse(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("ok");
  EXPECT_THAT(client.ReadResponse(), EndsWith("POST /c body=ok"));
  EXPECT_THAT(Exchange("POST / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 2\r\n\r\n"),
              StartsWith("HTTP/1.1 417 "));
}

TEST_F(HttpServerTest, LargeBodyArrivesWhole) {
  SocketClient client = Connect();
  client.Send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = client.ReadResponse();
  EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, 3u << 20);
}

// Large answers that nobody reads fill the room for them.
class AnswerRoomTest : public HttpServerTest {
 protected:
  void SetUp() override {
    HttpServer::Options options;
    options.answers_bytes_max = 64u << 20;
    Serve(options);
  }
};

TEST_F(AnswerRoomTest, WhatDoesNotFitIsRefusedAndLaterServed) {
  constexpr char kHuge[] = "GET /huge HTTP/1.1\r\nHost: x\r\n\r\n";
  SocketClient slow = Connect();
  slow.Send(kHuge);
  // Its body is longer than any buffer of the system: it is under way as long as it is not read.
  slow.AwaitResponse();
  SocketClient next = Connect();
  next.Send(kHuge);
  const std::string refused = next.ReadResponse();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refused, HasSubstr("Retry-After: 1\r\n"));
  next.Send("GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(next.ReadResponse(), StartsWith("HTTP/1.1 200 "));

  EXPECT_GT(slow.ReadResponse().size(), 48u << 20);
  // The room is free as soon as the server knows that all was taken.
  std::string served;
  do {
    next.Send(kHuge);
    served = next.ReadResponse();
  } while (absl::StartsWith(served, "HTTP/1.1 503"));
  EXPECT_GT(served.size(), 48u << 20);
}

// Requests for /elsewhere go to somebody else, who gives the connection back.
class TakeOverTest : public HttpServerTest {
 protected:
  void SetUp() override {
    HttpServer::Options options;
    options.wants = [this](absl::string_view head, uint16_t local_port) {
      EXPECT_EQ(local_port, mux_->port());
      EXPECT_TRUE(absl::EndsWith(head, "\r\n\r\n"));
      ++offered_;
      return absl::StrContains(head, "/elsewhere");
    };
    options.take_over = [this](int socket, const std::string& bytes, const std::string& peer,
                               uint16_t) {
      EXPECT_EQ(peer, "127.0.0.1");
      const size_t end = bytes.find("\r\n\r\n") + 4;
      static constexpr absl::string_view kAnswer =
          "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nelse";
      EXPECT_EQ(::send(socket, kAnswer.data(), kAnswer.size(), 0),
                static_cast<ssize_t>(kAnswer.size()));
      server_->Adopt(socket, bytes.substr(end));
    };
    Serve(options);
  }
  std::atomic<int> offered_ = 0;
};

TEST_F(TakeOverTest, AConnectionGoesThereAndBack) {
  SocketClient client = Connect();
  client.Send(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answers = client.ReadAll();
  EXPECT_THAT(answers, HasSubstr("GET /1 body="));
  EXPECT_THAT(answers, HasSubstr("\r\n\r\nelse"));
  EXPECT_THAT(answers, HasSubstr("GET /2 body="));
  EXPECT_EQ(offered_, 3);
  EXPECT_EQ(answered_, 2);
}

TEST_F(TakeOverTest, AHeadSentByteByByteIsOfferedWhole) {
  SocketClient client = Connect();
  for (const char c : std::string("GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n")) {
    client.Send(std::string(1, c));
  }
  client.EndSending();
  EXPECT_THAT(client.ReadAll(), HasSubstr("else"));
  EXPECT_EQ(offered_, 1);
}

TEST_F(TakeOverTest, Malicious_WhatIsNoHeadIsRefusedAtOnce) {
  SocketClient client = Connect();
  client.Send("GET /elsewhere\r\nx");
  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(offered_, 0);
}

class SlowPeerTest : public HttpServerTest {
 protected:
  void SetUp() override {
    HttpServer::Options options;
    options.request_timeout = absl::Milliseconds(50);
    options.idle_timeout = absl::Milliseconds(400);  // a client may be slow under load
    Serve(options);
  }
};

TEST_F(SlowPeerTest, UnfinishedRequestIsCut) {
  SocketClient client = Connect();
  client.Send("GET / HTTP/1.1\r\nHost");
  EXPECT_THAT(client.ReadAll(), IsEmpty());
  EXPECT_EQ(answered_, 0);
}

TEST_F(SlowPeerTest, UnfinishedBodyIsCut) {
  SocketClient client = Connect();
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_THAT(client.ReadAll(), IsEmpty());
  EXPECT_EQ(answered_, 0);
}

TEST_F(SlowPeerTest, IdleConnectionIsClosed) {
  SocketClient client = Connect();
  client.Send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadAll(), EndsWith("GET /a body="));
}

class FewConnectionsTest : public HttpServerTest {
 protected:
  void SetUp() override {
    HttpServer::Options options;
    options.connections_max = 2;
    // With one thread the first connection is idle for sure once the second was answered.
    options.threads = 1;
    Serve(options);
  }
};

TEST_F(FewConnectionsTest, OldestIdleConnectionGivesWay) {
  SocketClient first = Connect();
  first.Send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(first.ReadResponse(), EndsWith("GET /1 body="));
  SocketClient second = Connect();
  second.Send("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(second.ReadResponse(), EndsWith("GET /2 body="));
  SocketClient third = Connect();
  third.Send("GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(third.ReadResponse(), EndsWith("GET /3 body="));
  EXPECT_THAT(first.ReadAll(), IsEmpty());
  second.Send("GET /4 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(second.ReadResponse(), EndsWith("GET /4 body="));
}

TEST_F(HttpServerTest, StopClosesIdleConnections) {
  SocketClient client = Connect();
  client.Send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
  client.ReadResponse();
  server_->Stop(absl::Seconds(30));
  EXPECT_THAT(client.ReadAll(), IsEmpty());
}

TEST(HttpServerStopTest, AnswerUnderWayIsSent) {
  Mutex mu;
  CondVar changed;
  bool entered = false;
  bool release = false;
  HttpServer server(HttpServer::Options{}, [&](const Request&) {
    MutexLock lock(&mu);
    entered = true;
    changed.SignalAll();
    while (!release) changed.Wait(&mu);
    Response response;
    response.body = "late";
    return response;
  });
  auto mux = PortMux::Listen(PortMux::Options{}, nullptr, [&](int s) { server.Adopt(s); });
  ASSERT_TRUE(mux.ok());
  SocketClient client = SocketClient::Connect((*mux)->port());
  client.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  {
    MutexLock lock(&mu);
    while (!entered) changed.Wait(&mu);
  }
  std::thread stopper([&] { server.Stop(absl::Seconds(30)); });
  {
    MutexLock lock(&mu);
    release = true;
    changed.SignalAll();
  }
  EXPECT_THAT(client.ReadAll(), EndsWith("late"));
  stopper.join();
  (*mux)->Stop();
}

}  // namespace
}  // namespace tributary::http
