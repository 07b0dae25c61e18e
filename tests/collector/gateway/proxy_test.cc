// Viewers, the gateway, a tunnel and a node with services: everything but the network.
#include "collector/gateway/proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/tunnel/tunnel_client.h"
#include "common/random.h"
#include "tests/support/fake_clock.h"
#include "tests/support/manual_task_queue.h"
#include "tests/support/memory_pipe.h"
#include "tests/support/memory_sockets.h"

namespace tributary::gateway {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class Tokens : public TunnelTokens {
 public:
  absl::StatusOr<uint64_t> SessionOfToken(absl::string_view token) override {
    if (token == "seven") return 7;
    return absl::UnauthenticatedError("no such session");
  }
};

class ProxyTest : public ::testing::Test {
 protected:
  ProxyTest() {
    Publish("board", ServiceMode::kStrip, ServiceState::kLive);
    sockets_.listening_port = 8888;
    MakeProxy({});
    StartNode();
  }
  ~ProxyTest() override {
    client_.reset();
    proxy_.reset();
    hub_.reset();
    queue_.RunAll();
  }

  void Publish(const std::string& name, ServiceMode mode, ServiceState state,
               const std::string& base_path = "") {
    auto snapshot = std::make_shared<ServiceSnapshot>(*board_.Get());
    ServiceStatus service;
    service.node = "n1";
    service.service = name;
    service.port = 8888;
    service.mode = mode;
    service.state = state;
    service.base_path = base_path;
    service.since = absl::FromUnixSeconds(1'700'000'000);
    service.away_since = absl::FromUnixSeconds(1'767'225'600);
    service.session = 7;
    snapshot->services[{"n1", name}] = service;
    board_.Publish(snapshot);
  }
  void MakeProxy(const Proxy::Options& options) {
    proxy_.reset();
    TunnelHub::Dependencies hub;
    hub.queue = &queue_;
    hub.clock = &clock_;
    hub.tokens = &tokens_;
    hub.log = &log_;
    hub_ = std::make_unique<TunnelHub>(TunnelHub::Options(), hub);
    Proxy::Dependencies dependencies;
    dependencies.queue = &queue_;
    dependencies.sockets = &sockets_;
    dependencies.clock = &clock_;
    dependencies.routes = &routes_;
    dependencies.hosts = &hosts_;
    dependencies.metrics = &gateway_metrics_;
    dependencies.hub = hub_.get();
    dependencies.give_back = [this](int descriptor, std::string bytes) {
      given_back_ = descriptor;
      given_bytes_ = bytes;
      // The server closes what the test does not use on.
    };
    proxy_ = std::make_unique<Proxy>(options, dependencies);
  }
  void StartNode() {
    agent::TunnelClient::Dependencies dependencies;
    dependencies.queue = &queue_;
    dependencies.sockets = &sockets_;
    dependencies.clock = &clock_;
    dependencies.random = &random_;
    dependencies.log = &log_;
    dependencies.connect = [this] {
      wire_ = std::make_shared<MemoryPipe::Wire>();
      auto [collector, node] = MemoryPipe::MakePair(&queue_, wire_);
      hub_->Accept(std::move(collector));
      return std::move(node);
    };
    client_ = std::make_unique<agent::TunnelClient>(agent::TunnelClient::Options(), dependencies);
    client_->SetServices(
        {{"board", 8888}, {"keep", 8888}, {"own", 8888}, {"below", 8888}, {"dead", 8889}});
    client_->SetToken("seven");
    queue_.RunAll();
    ASSERT_TRUE(client_->ready());
  }
  // A viewer's connection; the request was read by somebody else.
  std::unique_ptr<MemorySockets::End> Ask(const std::string& request,
                                          const std::string& peer = "127.0.0.1") {
    auto [descriptor, viewer] = sockets_.MakePair();
    proxy_->Take(descriptor, request, peer, local_port_);
    queue_.RunAll();
    return std::move(viewer);
  }
  static std::string Get(const std::string& target, const std::string& fields = "",
                         const std::string& host = "localhost:6006") {
    return absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: ", host, "\r\n", fields, "\r\n");
  }
  // The newest connection that a service got.
  MemorySockets::End& Service() { return *sockets_.accepted.back(); }
  void Say(const std::string& bytes) {
    Service().Say(bytes);
    queue_.RunAll();
  }
  // The service closes its connection.
  void ServiceCloses() {
    sockets_.accepted.pop_back();
    queue_.RunAll();
  }
  void Pass(absl::Duration time) {
    for (absl::Duration passed; passed < time; passed += absl::Seconds(1)) {
      clock_.Advance(absl::Seconds(1));
      proxy_->Tick();
      hub_->Tick();
      client_->Tick();
      queue_.RunAll();
    }
  }

  FakeClock clock_;
  SeededRandom random_{1};
  NullLogger log_;
  ManualTaskQueue queue_{&clock_};
  MemorySockets sockets_{&queue_};
  Tokens tokens_;
  ServiceBoard board_;
  HostTable hosts_{{.service_ports = {8880, 8890}}};
  Routes routes_{{.path_prefix = "/tb"}, &board_, &hosts_};
  std::shared_ptr<MemoryPipe::Wire> wire_;
  MetricsRegistry metrics_;
  GatewayMetrics gateway_metrics_{&metrics_};
  std::unique_ptr<TunnelHub> hub_;
  std::unique_ptr<Proxy> proxy_;
  std::unique_ptr<agent::TunnelClient> client_;
  uint16_t local_port_ = 6006;
  int given_back_ = -1;
  std::string given_bytes_;
};

TEST_F(ProxyTest, AnAnswerAndTheConnectionGoesBackWithWhatFollows) {
  const auto viewer = Ask(Get("/tb/node/n1/board/data?x=1") + "GET /next HTTP/1.1\r\n");
  EXPECT_THAT(Service().Hear(), StartsWith("GET /data?x=1 HTTP/1.1\r\nHost: localhost:8888\r\n"));
  Say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloGARBAGE");
  EXPECT_EQ(viewer->Hear(), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_TRUE(sockets_.was_released(given_back_));
  EXPECT_EQ(given_bytes_, "GET /next HTTP/1.1\r\n");
  EXPECT_EQ(proxy_->exchanges(), 0u);
  EXPECT_EQ(client_->connections(), 0u);
}

TEST_F(ProxyTest, AnAnswerUntilCloseIsSentInChunks) {
  const auto viewer = Ask(Get("/tb/node/n1/board/"));
  Say("HTTP/1.0 200 OK\r\n\r\nab");
  Say("cd");
  EXPECT_THAT(viewer->Hear(), EndsWith("\r\n\r\n2\r\nab\r\n2\r\ncd\r\n"));
  Service().Hear();
  ServiceCloses();
  EXPECT_EQ(viewer->Hear(), "0\r\n\r\n");
  EXPECT_GE(given_back_, 0);
}

TEST_F(ProxyTest, ServerSentEventsArriveOneByOne) {
  const auto viewer = Ask(Get("/tb/node/n1/board/events"));
  Say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_THAT(viewer->Hear(), HasSubstr("text/event-stream"));
  for (int i = 0; i < 3; ++i) {
    Say("9\r\ndata: 1\n\n\r\n");
    EXPECT_EQ(viewer->Hear(), "9\r\ndata: 1\n\n\r\n");
    Pass(absl::Minutes(10));  // silence after the first byte is the service's affair
  }
}

TEST_F(ProxyTest, HeadHasNoBody) {
  const auto viewer = Ask("HEAD /tb/node/n1/board/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
  Say("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
  EXPECT_EQ(viewer->Hear(), "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
  EXPECT_GE(given_back_, 0);
}

TEST_F(ProxyTest, OldViewersGetNoChunks) {
  const auto viewer = Ask("GET /tb/node/n1/board/ HTTP/1.0\r\nHost: localhost\r\n\r\n");
  Say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
  EXPECT_EQ(viewer->Hear(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab");
  EXPECT_TRUE(viewer->heard_end());
  EXPECT_EQ(given_back_, -1);
}

TEST_F(ProxyTest, ALargeUploadIsHeldBackByTheService) {
  sockets_.capacity = 4096;
  const auto viewer = Ask(
      "POST /tb/node/n1/board/up HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n");
  std::string sent;
  // As much as the gateway takes.
  for (int i = 0; i < 5000; ++i) {
    const auto taken = viewer->Write(std::string(4096, static_cast<char>('a' + i % 26)));
    ASSERT_TRUE(taken.ok());
    if (taken->has_value()) sent += std::string(**taken, static_cast<char>('a' + i % 26));
    queue_.RunAll();
  }
  EXPECT_LT(sent.size(), 400'000u);
  std::string heard;
  while (sent.size() < 2'000'000) {
    heard += Service().Hear();
    const size_t want = std::min<size_t>(4096, 2'000'000 - sent.size());
    const auto taken = viewer->Write(std::string(want, 'z'));
    if (taken.ok() && taken->has_value()) sent += std::string(**taken, 'z');
    queue_.RunAll();
  }
  for (int i = 0; i < 2000; ++i) {
    heard += Service().Hear();
    queue_.RunAll();
  }
  EXPECT_TRUE(absl::EndsWith(heard, sent));
  EXPECT_EQ(heard.size() - heard.find("\r\n\r\n") - 4, 2'000'000u);
  Say("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(viewer->Hear(), StartsWith("HTTP/1.1 201 Created\r\n"));
  EXPECT_GE(given_back_, 0);
}

TEST_F(ProxyTest, ChunkedUploadsAndContinue) {
  const auto viewer =
      Ask("PUT /tb/node/n1/board/up HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
          "Transfer-Encoding: chunked\r\n\r\n");
  EXPECT_THAT(Service().Hear(), HasSubstr("Expect: 100-continue\r\n"));
  Say("HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(viewer->Hear(), "HTTP/1.1 100 Continue\r\n\r\n");
  viewer->Say("1;x\r\na\r\n1\r\nb\r\n0\r\nTrailer: y\r\n\r\nGET /next");
  queue_.RunAll();
  EXPECT_EQ(Service().Hear(), "2\r\nab\r\n0\r\n\r\n");
  Say("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(viewer->Hear(), "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(given_bytes_, "GET /next");
}

TEST_F(ProxyTest, AnEarlyAnswerToAnUploadArrivesAndEndsTheConnection) {
  const auto viewer = Ask(
      "POST /tb/node/n1/board/up HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc");
  Say("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
  EXPECT_EQ(viewer->Hear(),
            "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  EXPECT_TRUE(viewer->heard_end());
  viewer->Say("the rest of the upload");
  queue_.RunAll();
  EXPECT_FALSE(viewer->is_reset());
  Pass(absl::Seconds(3));
  EXPECT_EQ(proxy_->exchanges(), 0u);
  EXPECT_EQ(given_back_, -1);
}

TEST_F(ProxyTest, AWebSocketIsPassedOnBothWays) {
  const auto viewer = Ask(Get("/tb/node/n1/board/ws",
                              "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nOrigin: "
                              "http://localhost:6006\r\n"));
  EXPECT_THAT(Service().Hear(), HasSubstr("Upgrade: websocket\r\n"));
  Say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: x\r\n\r\nfirst");
  EXPECT_EQ(viewer->Hear(),
            "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nConnection: "
            "Upgrade\r\nUpgrade: websocket\r\n\r\nfirst");
  viewer->Say("ping");
  queue_.RunAll();
  EXPECT_EQ(Service().Hear(), "ping");
  Pass(absl::Hours(1));
  Say("pong");
  EXPECT_EQ(viewer->Hear(), "pong");
  viewer->EndWrites();
  queue_.RunAll();
  EXPECT_TRUE(Service().heard_end());
  Say("bye");
  EXPECT_EQ(viewer->Hear(), "bye");
  ServiceCloses();
  EXPECT_TRUE(viewer->heard_end());
  EXPECT_EQ(proxy_->exchanges(), 0u);
}

TEST_F(ProxyTest, Malicious_ASwitchThatNobodyAskedForIsRefused) {
  const auto viewer = Ask(Get("/tb/node/n1/board/", "Connection: Upgrade\r\nUpgrade: h2c\r\n"));
  Say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n");
  EXPECT_THAT(viewer->Hear(), StartsWith("HTTP/1.1 502 "));
}

TEST_F(ProxyTest, Malicious_AnAnswerOfTwoLengthsIsRefused) {
  const auto viewer = Ask(Get("/tb/node/n1/board/"));
  Say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\nhello");
  EXPECT_THAT(viewer->Hear(), StartsWith("HTTP/1.1 502 "));
}

TEST_F(ProxyTest, Malicious_AMalformedUploadIsRefused) {
  const auto viewer =
      Ask("POST /tb/node/n1/board/up HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
          "\r\nzz\r\nGET /smuggled HTTP/1.1\r\n\r\n");
  EXPECT_THAT(viewer->Hear(), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Service().Hear(), Not(HasSubstr("smuggled")));
  EXPECT_EQ(given_back_, -1);
}

TEST_F(ProxyTest, Malicious_PagesOfOthersChangeNothing) {
  const std::string post = "POST /tb/node/n1/board/ HTTP/1.1\r\nHost: localhost:6006\r\n";
  EXPECT_THAT(Ask(post + "Origin: http://evil.com\r\n\r\n")->Hear(), StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(Ask(post + "Origin: null\r\n\r\n")->Hear(), StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(Ask(post + "Origin: http://own--n1.localhost:6006\r\n\r\n")->Hear(),
              StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(Ask(Get("/tb/node/n1/board/",
                      "Origin: http://evil.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"))
                  ->Hear(),
              StartsWith("HTTP/1.1 403 "));
  EXPECT_TRUE(sockets_.accepted.empty());
  const auto viewer = Ask(post + "Origin: http://localhost:6006\r\n\r\n");
  EXPECT_EQ(sockets_.accepted.size(), 1u);
}

TEST_F(ProxyTest, AnAnswerThatBreaksOffIsNotTakenForTheWhole) {
  const auto viewer = Ask(Get("/tb/node/n1/board/"));
  Say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  Service().Hear();
  ServiceCloses();
  EXPECT_THAT(viewer->Hear(), EndsWith("5\r\nhello\r\n"));
  EXPECT_TRUE(viewer->heard_end());
  EXPECT_EQ(given_back_, -1);
}

TEST_F(ProxyTest, AViewerThatLeavesIsHeardOfByTheService) {
  auto viewer = Ask(Get("/tb/node/n1/board/slow"));
  Service().Hear();
  viewer.reset();
  queue_.RunAll();
  EXPECT_TRUE(Service().heard_end());
  EXPECT_EQ(proxy_->exchanges(), 0u);
}

TEST_F(ProxyTest, AViewerThatReadsNothingHoldsLittleAndLosesNothing) {
  sockets_.capacity = 10'000;
  const auto viewer = Ask(Get("/tb/node/n1/board/"));
  const std::string body(3'000'000, 'b');
  Say(absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
  Pass(absl::Minutes(10));
  std::string heard;
  for (int i = 0; i < 2000 && given_back_ < 0; ++i) {
    heard += viewer->Hear();
    queue_.RunAll();
  }
  heard += viewer->Hear();
  EXPECT_TRUE(absl::EndsWith(heard, body));
  EXPECT_GE(given_back_, 0);
}

// --- What is said when there is nothing to pass on.

TEST_F(ProxyTest, UnknownServicesAreListed) {
  const std::string answer = Ask(Get("/tb/node/n1/nothing/"))->Hear();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(answer, HasSubstr("/tb/node/n1/board/"));
  EXPECT_THAT(Ask(Get("/tb/node/n9/board/"))->Hear(), HasSubstr("&#39;n9&#39; has no services"));
  EXPECT_THAT(Ask(Get("/tb/node/%3Cscript%3E/x/"))->Hear(), Not(HasSubstr("<script>")));
  EXPECT_THAT(Ask(Get("/tb/node/"))->Hear(), StartsWith("HTTP/1.1 404 "));
}

TEST_F(ProxyTest, StaleAndStartingServicesSaySo) {
  Publish("board", ServiceMode::kStrip, ServiceState::kStale);
  EXPECT_THAT(Ask(Get("/tb/node/n1/board/"))->Hear(),
              AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("since 2026-01-01 00:00:00 UTC"),
                    HasSubstr("Retry-After")));
  Publish("board", ServiceMode::kStrip, ServiceState::kStarting);
  EXPECT_THAT(Ask(Get("/tb/node/n1/board/"))->Hear(), StartsWith("HTTP/1.1 503 "));
}

TEST_F(ProxyTest, ADeadServiceAndADeadTunnelAre502) {
  Publish("dead", ServiceMode::kStrip, ServiceState::kLive);
  EXPECT_THAT(Ask(Get("/tb/node/n1/dead/"))->Hear(),
              AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("port 8889 on the node"),
                    HasSubstr("Connection refused")));
  client_.reset();
  queue_.RunAll();
  EXPECT_THAT(Ask(Get("/tb/node/n1/board/"))->Hear(),
              AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("no connection to the collector")));
}

TEST_F(ProxyTest, HalfOpen_ATunnelThatDiesUnderARequestIsNoticedWithinTwentySeconds) {
  const auto viewer = Ask(Get("/tb/node/n1/board/"));
  wire_->cut = true;
  for (int second = 0; second < 20 && viewer->Hear(0).empty() && !viewer->heard_end(); ++second) {
    clock_.Advance(absl::Seconds(1));
    hub_->Tick();
    queue_.RunAll();
  }
  EXPECT_THAT(viewer->Hear(), AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("silent")));
}

TEST_F(ProxyTest, AServiceThatNeverAnswersIs504) {
  const auto viewer = Ask(Get("/tb/node/n1/board/"));
  Pass(absl::Minutes(4));
  EXPECT_THAT(viewer->Hear(), IsEmpty());
  Pass(absl::Minutes(2));
  EXPECT_THAT(viewer->Hear(), StartsWith("HTTP/1.1 504 "));
}

TEST_F(ProxyTest, AnUploadThatStandsStillIsEnded) {
  const auto viewer = Ask(
      "POST /tb/node/n1/board/up HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc");
  Pass(absl::Seconds(70));
  EXPECT_TRUE(viewer->heard_end());
  EXPECT_EQ(proxy_->exchanges(), 0u);
}

TEST_F(ProxyTest, RequestsAreLimitedInAllAndForEachViewer) {
  Proxy::Options options;
  options.exchanges_max = 4;
  options.exchanges_per_viewer_max = 2;
  client_.reset();
  queue_.RunAll();
  MakeProxy(options);
  StartNode();
  std::vector<std::unique_ptr<MemorySockets::End>> open;
  const std::string request = Get("/tb/node/n1/board/");
  open.push_back(Ask(request, "10.0.0.1"));
  open.push_back(Ask(request, "10.0.0.1"));
  EXPECT_THAT(Ask(request, "10.0.0.1")->Hear(), StartsWith("HTTP/1.1 503 "));
  queue_.RunAll();
  open.push_back(Ask(request, "127.0.0.1"));
  open.push_back(Ask(request, "127.0.0.1"));
  EXPECT_THAT(Ask(request, "127.0.0.1")->Hear(), StartsWith("HTTP/1.1 503 "));
}

// --- Modes.

TEST_F(ProxyTest, TheSlashOfAPrefixIsAdded) {
  EXPECT_THAT(
      Ask(Get("/tb/node/n1/board?x=1"))->Hear(),
      AllOf(StartsWith("HTTP/1.1 302 "), HasSubstr("Location: /tb/node/n1/board/?x=1\r\n")));
}

TEST_F(ProxyTest, AServiceBelowAPathOfItsOwn) {
  Publish("below", ServiceMode::kStrip, ServiceState::kLive, "/rnode/h/1");
  const auto viewer = Ask(Get("/tb/node/n1/below/data?x"));
  EXPECT_THAT(Service().Hear(), StartsWith("GET /rnode/h/1/data?x HTTP/1.1\r\n"));
  Say("HTTP/1.1 302 Found\r\nLocation: /rnode/h/1/\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(viewer->Hear(), HasSubstr("Location: /tb/node/n1/below/\r\n"));
  const auto own = Ask(Get("/", "", "below--n1.localhost:6006"));
  EXPECT_THAT(own->Hear(), HasSubstr("Location: /rnode/h/1/\r\n"));
}

TEST_F(ProxyTest, KeepLeavesThePathAlone) {
  Publish("keep", ServiceMode::kKeep, ServiceState::kLive);
  const auto viewer = Ask(Get("/tb/node/n1/keep/tree?x"));
  EXPECT_THAT(Service().Hear(), StartsWith("GET /tb/node/n1/keep/tree?x HTTP/1.1\r\n"));
  const auto own = Ask(Get("/", "", "keep--n1.localhost:6006"));
  EXPECT_THAT(own->Hear(), HasSubstr("Location: /tb/node/n1/keep/\r\n"));
}

TEST_F(ProxyTest, AServiceWithAnOriginOfItsOwn) {
  Publish("own", ServiceMode::kHost, ServiceState::kLive);
  EXPECT_THAT(Ask(Get("/tb/node/n1/own/lab?x"))->Hear(),
              AllOf(StartsWith("HTTP/1.1 307 "),
                    HasSubstr("Location: //own--n1.localhost:6006/lab?x\r\n")));
  const auto viewer = Ask(Get("/lab?x", "", "own--n1.localhost:6006"));
  EXPECT_THAT(Service().Hear(), StartsWith("GET /lab?x HTTP/1.1\r\nHost: localhost:8888\r\n"));
  EXPECT_THAT(Ask(Get("/tb/node/n1/own/", "", "head:6006"))->Hear(),
              AllOf(HasSubstr("--mode strip"), HasSubstr("--gateway_base")));
  hosts_.SetOpenPorts({8888});
  EXPECT_THAT(Ask(Get("/tb/node/n1/own/x", "", "head:6006"))->Hear(),
              HasSubstr("Location: //head:8888/x\r\n"));
  EXPECT_THAT(Ask(Get("/", "", "what--n9.localhost"))->Hear(), StartsWith("HTTP/1.1 404 "));
}

TEST_F(ProxyTest, APortOfItsOwnLeadsToOneServiceOnly) {
  Publish("own", ServiceMode::kHost, ServiceState::kLive);
  local_port_ = 8888;
  const auto viewer = Ask(Get("/data/runs", "", "head:8888"));
  EXPECT_THAT(Service().Hear(), StartsWith("GET /data/runs HTTP/1.1\r\nHost: localhost:8888\r\n"));
  local_port_ = 8889;
  EXPECT_THAT(Ask(Get("/data/runs", "", "head:8889"))->Hear(), StartsWith("HTTP/1.1 404 "));
}

TEST_F(ProxyTest, APortOfTwoLeadsToTheOneThatIsThere) {
  Publish("away", ServiceMode::kHost, ServiceState::kStale);
  local_port_ = 8888;
  EXPECT_THAT(Ask(Get("/", "", "head:8888"))->Hear(), StartsWith("HTTP/1.1 503 "));
  Publish("own", ServiceMode::kHost, ServiceState::kLive);
  const auto viewer = Ask(Get("/data", "", "head:8888"));
  EXPECT_THAT(Service().Hear(), StartsWith("GET /data HTTP/1.1\r\n"));
}

TEST_F(ProxyTest, WhatIsTheCollectorsOwnIsNotTaken) {
  const auto is_ours = [this](const std::string& request) {
    const auto head = ParseRequestHead(request);
    return head.ok() && !routes_.Decide(*head, 6006).is_for_collector();
  };
  EXPECT_TRUE(is_ours(Get("/tb/node/n1/board/")));
  EXPECT_TRUE(is_ours(Get("/", "", "own--n1.localhost")));
  EXPECT_FALSE(is_ours(Get("/tb/data/runs")));
  EXPECT_FALSE(is_ours(Get("/node/n1/board/")));  // not below the prefix
  EXPECT_FALSE(is_ours(Get("/tb/node/n1/board/", "", "evil.com")));
}

}  // namespace
}  // namespace tributary::gateway
