#include <netinet/tcp.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/http/http_server.h"
#include "common/listening_sockets.h"
#include "common/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/http/socket_client.h"

namespace tributary::http {
namespace {

using ::testing::HasSubstr;

// Collects what the mux hands over.
class Handovers {
 public:
  std::function<void(int)> Taker() {
    return [this](int socket) {
      MutexLock lock(&mu_);
      sockets_.push_back(socket);
      changed_.SignalAll();
    };
  }
  // Waits for the next connection.
  SocketClient Take() {
    MutexLock lock(&mu_);
    while (sockets_.empty()) changed_.Wait(&mu_);
    const int socket = sockets_.front();
    sockets_.erase(sockets_.begin());
    ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) & ~O_NONBLOCK);
    return SocketClient(socket);
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::vector<int> sockets_ ABSL_GUARDED_BY(mu_);
};

class PortMuxTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto mux = PortMux::Listen(PortMux::Options{}, grpc_.Taker(), http_.Taker());
    ASSERT_TRUE(mux.ok()) << mux.status();
    mux_ = *std::move(mux);
  }
  Handovers grpc_, http_;
  std::unique_ptr<PortMux> mux_;
};

TEST_F(PortMuxTest, TellsWhereItListens) {
  EXPECT_EQ(mux_->addresses().front(), absl::StrCat("127.0.0.1:", mux_->port()));
}

TEST_F(PortMuxTest, Http2PrefaceGoesToGrpcWithAllItsBytes) {
  SocketClient client = SocketClient::Connect(mux_->port());
  client.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  client.EndSending();
  EXPECT_EQ(grpc_.Take().ReadAll(), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
}

TEST_F(PortMuxTest, SmallAnswersDoNotWaitForMore) {
  SocketClient client = SocketClient::Connect(mux_->port());
  client.Send("GET / HTTP/1.1\r\n");
  const SocketClient taken = http_.Take();
  int no_delay = 0;
  socklen_t length = sizeof(no_delay);
  ASSERT_EQ(::getsockopt(taken.descriptor(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &length), 0);
  EXPECT_NE(no_delay, 0);
}

TEST_F(PortMuxTest, MethodsThatBeginLikeThePrefaceGoToHttp) {
  for (const std::string method : {"POST", "PUT", "PATCH", "GET", "P"}) {
    SocketClient client = SocketClient::Connect(mux_->port());
    client.Send(method + " / HTTP/1.1\r\n");
    client.EndSending();
    EXPECT_EQ(http_.Take().ReadAll(), method + " / HTTP/1.1\r\n");
  }
}

TEST_F(PortMuxTest, PrefaceByteByByteIsStillRecognised) {
  SocketClient client = SocketClient::Connect(mux_->port());
  for (const char c : std::string("PRI * ")) client.Send(std::string(1, c));
  client.EndSending();
  EXPECT_EQ(grpc_.Take().ReadAll(), "PRI * ");
}

TEST_F(PortMuxTest, WhoLooksForAnXDisplayIsNotLeftWaiting) {
  SocketClient client = SocketClient::Connect(mux_->port());
  client.Send(std::string("l\0\x0b\0\0\0\0\0\0\0\0\0", 12));
  EXPECT_EQ(client.ReadAll(), "");
}

TEST_F(PortMuxTest, SilentConnectionHoldsUpNobody) {
  SocketClient silent = SocketClient::Connect(mux_->port());
  SocketClient undecided = SocketClient::Connect(mux_->port());
  undecided.Send("P");
  SocketClient client = SocketClient::Connect(mux_->port());
  client.Send("GET");
  client.EndSending();
  EXPECT_EQ(http_.Take().ReadAll(), "GET");
  undecided.Send("UT");
  undecided.EndSending();
  EXPECT_EQ(http_.Take().ReadAll(), "PUT");
}

TEST_F(PortMuxTest, ConnectionThatClosesAtOnceIsForgotten) {
  {
    SocketClient gone = SocketClient::Connect(mux_->port());
  }
  SocketClient client = SocketClient::Connect(mux_->port());
  client.Send("GET");
  client.EndSending();
  EXPECT_EQ(http_.Take().ReadAll(), "GET");
}

TEST_F(PortMuxTest, StopClosesUndecidedConnections) {
  SocketClient client = SocketClient::Connect(mux_->port());
  client.Send("P");
  mux_->Stop();
  EXPECT_EQ(client.ReadAll(), "");
}

TEST_F(PortMuxTest, TakenPortNamesItsHolder) {
  const auto second =
      PortMux::Listen({.host = "127.0.0.1", .port = mux_->port()}, nullptr, http_.Taker());
  EXPECT_TRUE(absl::IsAlreadyExists(second.status())) << second.status();
  EXPECT_THAT(second.status().message(),
              HasSubstr(absl::StrCat("port ", mux_->port(), " is taken by port_mux_test (pid ",
                                     ::getpid(), ")")));
}

TEST_F(PortMuxTest, TakenPortIsSeenFromEveryAddress) {
  for (const bool all : {false, true}) {
    const auto second =
        PortMux::Listen({.port = mux_->port(), .all_interfaces = all}, nullptr, http_.Taker());
    EXPECT_TRUE(absl::IsAlreadyExists(second.status())) << second.status();
  }
}

TEST(PortMuxListenTest, PortIsFreeAgainAfterStop) {
  auto first = PortMux::Listen(PortMux::Options{}, nullptr, [](int s) { ::close(s); });
  ASSERT_TRUE(first.ok());
  const uint16_t port = (*first)->port();
  SocketClient client = SocketClient::Connect(port);
  (*first)->Stop();
  const auto second = PortMux::Listen({.port = port}, nullptr, [](int s) { ::close(s); });
  EXPECT_TRUE(second.ok()) << second.status();
}

TEST(PortMuxListenTest, UnknownHostIsRefused) {
  const auto mux = PortMux::Listen({.host = "no such host"}, nullptr, [](int s) { ::close(s); });
  EXPECT_TRUE(absl::IsInvalidArgument(mux.status())) << mux.status();
}

TEST(PortMuxListenTest, WithoutGrpcThePrefaceGoesToHttp) {
  Handovers http;
  auto mux = PortMux::Listen({.all_interfaces = true}, nullptr, http.Taker());
  ASSERT_TRUE(mux.ok()) << mux.status();
  SocketClient client = SocketClient::Connect((*mux)->port());
  client.Send("PRI *");
  client.EndSending();
  EXPECT_EQ(http.Take().ReadAll(), "PRI *");
}

}  // namespace
}  // namespace tributary::http
