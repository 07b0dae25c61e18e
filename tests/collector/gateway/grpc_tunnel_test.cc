// A tunnel over real gRPC and real sockets: one port for viewers and processes, a service on
// loopback, and what happens when either end goes away.
#include "agent/tunnel/grpc_tunnel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "collector/gateway/gateway.h"
#include "collector/gateway/grpc_cluster_service.h"
#include "collector/gateway/grpc_tunnel_calls.h"
#include "collector/ingest/grpc_service.h"
#include "common/http/http_server.h"
#include "common/metrics.h"
#include "tests/common/http/socket_client.h"
#include "tests/support/fake_clock.h"

namespace tributary::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class Tokens : public TunnelTokens {
 public:
  absl::StatusOr<uint64_t> SessionOfToken(absl::string_view token) override {
    if (token == "seven") return 7;
    return absl::UnauthenticatedError("no such session");
  }
};

// Answers "GET /<n>" with n bytes, one request for each connection.
class Service {
 public:
  Service() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    socklen_t length = sizeof(address);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~Service() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  uint16_t port() const { return port_; }

 private:
  void Run() {
    for (;;) {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      std::string head;
      char buffer[4096];
      while (!absl::StrContains(head, "\r\n\r\n")) {
        const ssize_t count = read(connection, buffer, sizeof(buffer));
        if (count <= 0) break;
        head.append(buffer, static_cast<size_t>(count));
      }
      size_t bytes = 0;
      const size_t from = head.find('/') + 1;
      if (absl::SimpleAtoi(head.substr(from, head.find(' ', from) - from), &bytes)) {
        std::string answer = absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", bytes, "\r\n\r\n");
        answer.append(bytes, 'x');
        for (size_t at = 0; at < answer.size();) {
          const ssize_t count =
              send(connection, answer.data() + at, answer.size() - at, MSG_NOSIGNAL);
          if (count <= 0) break;
          at += static_cast<size_t>(count);
        }
      }
      close(connection);
    }
  }

  const int listener_;
  uint16_t port_ = 0;
  std::thread thread_;
};

// A collector of nothing but the gateway.
class Collector {
 public:
  explicit Collector(const ServiceBoard* board, uint16_t port = 0) {
    Gateway::Dependencies dependencies;
    dependencies.clock = RealClock();
    dependencies.services = board;
    dependencies.hosts = &hosts_;
    dependencies.tokens = &tokens_;
    dependencies.log = &log_;
    dependencies.metrics = &metrics_;
    dependencies.give_back = [this](int socket, const std::string& bytes) {
      http_->Adopt(socket, bytes);
    };
    gateway_ = std::make_unique<Gateway>(Gateway::Options(), dependencies);
    calls_ = std::make_unique<GrpcTunnelCalls>(gateway_->queue(),
                                               [this](std::unique_ptr<tunnel::FramePipe> pipe) {
                                                 gateway_->AcceptTunnel(std::move(pipe));
                                               });
    service_ = std::make_unique<GrpcClusterService>(nullptr, calls_.get());
    auto grpc = GrpcServer::Start({}, nullptr, {service_->service()});
    EXPECT_TRUE(grpc.ok());
    grpc_ = *std::move(grpc);
    http::HttpServer::Options options;
    options.wants = [this](absl::string_view head, uint16_t local_port) {
      return gateway_->Wants(head, local_port);
    };
    options.take_over = [this](int socket, std::string bytes, std::string peer,
                               uint16_t local_port) {
      gateway_->Take(socket, std::move(bytes), std::move(peer), local_port);
    };
    http_ = std::make_unique<http::HttpServer>(options, [](const http::Request&) {
      http::Response response;
      response.body = "the collector's own";
      return response;
    });
    http::PortMux::Options mux;
    mux.host = "127.0.0.1";
    mux.port = port;
    auto listening = http::PortMux::Listen(
        mux, [this](int socket) { grpc_->Adopt(socket); },
        [this](int socket) { http_->Adopt(socket); });
    EXPECT_TRUE(listening.ok()) << listening.status();
    mux_ = *std::move(listening);
  }
  ~Collector() {
    mux_->Stop();
    gateway_->Stop();
    grpc_->Stop(absl::Seconds(2));
    http_->Stop(absl::ZeroDuration());
  }
  uint16_t port() const { return mux_->port(); }
  // Of one connection that is kept.
  http::SocketClient Connect() { return http::SocketClient::Connect(port()); }
  std::string Get(const std::string& path) {
    http::SocketClient client = Connect();
    client.Send(
        absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    return client.ReadAll();
  }
  // Until the tunnel stands.
  std::string GetWhenOpen(const std::string& path) {
    for (;;) {
      std::string answer = Get(path);
      if (!absl::StartsWith(answer, "HTTP/1.1 502")) return answer;
      std::this_thread::yield();
    }
  }

 private:
  Tokens tokens_;
  HostTable hosts_{HostTable::Options()};
  NullLogger log_;
  MetricsRegistry metrics_;
  std::unique_ptr<http::HttpServer> http_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<GrpcTunnelCalls> calls_;
  std::unique_ptr<GrpcClusterService> service_;
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<http::PortMux> mux_;
};

class GrpcTunnelTest : public ::testing::Test {
 protected:
  GrpcTunnelTest() {
    auto snapshot = std::make_shared<ServiceSnapshot>();
    ServiceStatus service;
    service.node = "n1";
    service.service = "board";
    service.port = service_.port();
    service.mode = ServiceMode::kStrip;
    service.state = ServiceState::kLive;
    service.session = 7;
    snapshot->services[{"n1", "board"}] = service;
    board_.Publish(snapshot);
    collector_ = std::make_unique<Collector>(&board_);
    StartNode("seven");
  }
  void StartNode(const std::string& token) {
    agent::GrpcTransportOptions options;
    options.address = absl::StrCat("127.0.0.1:", collector_->port());
    node_ = std::make_unique<agent::GrpcTunnel>(options, RealClock(), &log_);
    node_->SetServices({{"board", service_.port()}});
    node_->SetToken(token);
  }

  NullLogger log_;
  Service service_;
  ServiceBoard board_;
  std::unique_ptr<Collector> collector_;
  std::unique_ptr<agent::GrpcTunnel> node_;
};

TEST_F(GrpcTunnelTest, AnswersOfAnySizeArriveWhole) {
  EXPECT_THAT(collector_->GetWhenOpen("/node/n1/board/5"), StartsWith("HTTP/1.1 200 OK"));
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{65'536}, size_t{20'000'000}}) {
    const std::string answer = collector_->Get(absl::StrCat("/node/n1/board/", bytes));
    EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, bytes);
  }
}

TEST_F(GrpcTunnelTest, OneConnectionServesBothTheNodeAndTheCollector) {
  collector_->GetWhenOpen("/node/n1/board/5");
  http::SocketClient client = collector_->Connect();
  client.Send(
      "GET /node/n1/board/7 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /own HTTP/1.1\r\nHost: "
      "localhost\r\n\r\nGET /node/n1/board/9 HTTP/1.1\r\nHost: localhost\r\nConnection: "
      "close\r\n\r\n");
  const std::string answers = client.ReadAll();
  EXPECT_THAT(answers, HasSubstr("\r\n\r\nxxxxxxxHTTP/1.1 200 OK"));
  EXPECT_THAT(answers, HasSubstr("the collector's own"));
  EXPECT_THAT(answers, ::testing::EndsWith("\r\n\r\nxxxxxxxxx"));
}

TEST_F(GrpcTunnelTest, TheCollectorIsRestartedAndTheTunnelComesBack) {
  collector_->GetWhenOpen("/node/n1/board/5");
  const uint16_t port = collector_->port();
  collector_.reset();
  collector_ = std::make_unique<Collector>(&board_, port);
  EXPECT_THAT(collector_->GetWhenOpen("/node/n1/board/5"), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(GrpcTunnelTest, TheProcessIsGoneAndComesBack) {
  collector_->GetWhenOpen("/node/n1/board/5");
  node_.reset();
  // Its end is told, not waited for.
  while (absl::StartsWith(collector_->Get("/node/n1/board/5"), "HTTP/1.1 200")) {
    std::this_thread::yield();
  }
  StartNode("seven");
  EXPECT_THAT(collector_->GetWhenOpen("/node/n1/board/5"), StartsWith("HTTP/1.1 200 OK"));
}

TEST(GrpcTunnelEndTest, ATickThatIsDueAtTheEndDoesNoHarm) {
  for (int i = 0; i < 20; ++i) {
    FakeClock clock;
    NullLogger log;
    auto tunnel = std::make_unique<agent::GrpcTunnel>(
        agent::GrpcTransportOptions{.address = "127.0.0.1:1"}, &clock, &log);
    tunnel->SetServices({{"board", 8888}});
    tunnel->SetToken("seven");
    // The loop sleeps: the end is what wakes it, and then the tick is due too.
    clock.Advance(absl::Seconds(5));
    tunnel.reset();
  }
}

TEST_F(GrpcTunnelTest, Malicious_ATokenOfNobodyOpensNothing) {
  node_.reset();
  StartNode("guess");
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(collector_->Get("/node/n1/board/5"), StartsWith("HTTP/1.1 502"));
  }
}

}  // namespace
}  // namespace tributary::gateway
