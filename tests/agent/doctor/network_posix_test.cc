// The machine's network, over its loopback.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/doctor/network.h"
#include "common/descriptor.h"

namespace tributary::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

// A port of 127.0.0.1 that listens.
class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(socket_.get(), 8), 0);
    EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
  }
  Endpoint endpoint() const { return {"127.0.0.1", port_}; }
  Descriptor Accept() { return Descriptor(::accept(socket_.get(), nullptr, nullptr)); }
  void Close() { socket_ = Descriptor(); }

 private:
  Descriptor socket_;
  uint16_t port_ = 0;
};

class PosixNetworkTest : public ::testing::Test {
 protected:
  const std::unique_ptr<Network> network_ = MakePosixNetwork();
  const absl::Duration timeout_ = absl::Seconds(30);
};

TEST_F(PosixNetworkTest, NumericNamesStay) {
  EXPECT_THAT(*network_->Resolve("10.0.0.5"), ElementsAre("10.0.0.5"));
  EXPECT_THAT(*network_->Resolve("fd00::5"), ElementsAre("fd00::5"));
  EXPECT_TRUE(network_->Resolve("localhost").ok());
}

TEST_F(PosixNetworkTest, Malformed_NamesAreNotFound) {
  EXPECT_TRUE(absl::IsNotFound(network_->Resolve("no name at all").status()));
}

TEST_F(PosixNetworkTest, OwnAddresses) {
  EXPECT_THAT(network_->OwnAddresses(), Contains("127.0.0.1"));
}

TEST_F(PosixNetworkTest, BytesBothWaysUntilTheEnd) {
  Listener listener;
  auto connection = network_->Connect(listener.endpoint(), timeout_);
  ASSERT_TRUE(connection.ok()) << connection.status();
  Descriptor peer = listener.Accept();
  EXPECT_TRUE((*connection)->Send("ask").ok());
  char asked[3];
  ASSERT_EQ(::recv(peer.get(), asked, sizeof(asked), MSG_WAITALL), 3);
  ASSERT_EQ(::send(peer.get(), "answer", 6, 0), 6);
  peer = Descriptor();
  EXPECT_EQ(*(*connection)->Receive(), "answer");
  EXPECT_EQ(*(*connection)->Receive(), "");
}

TEST_F(PosixNetworkTest, ASilentPeer) {
  Listener listener;
  auto connection = network_->Connect(listener.endpoint(), absl::Milliseconds(20));
  ASSERT_TRUE(connection.ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded((*connection)->Receive().status()));
}

TEST_F(PosixNetworkTest, AResettingPeer) {
  Listener listener;
  auto connection = network_->Connect(listener.endpoint(), timeout_);
  ASSERT_TRUE(connection.ok());
  Descriptor peer = listener.Accept();
  const linger reset = {1, 0};
  ::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  peer = Descriptor();
  EXPECT_TRUE(absl::IsAborted((*connection)->Receive().status()));
}

TEST_F(PosixNetworkTest, ARefusingPeer) {
  Listener listener;
  const Endpoint endpoint = listener.endpoint();
  listener.Close();
  EXPECT_TRUE(absl::IsUnavailable(network_->Connect(endpoint, timeout_).status()));
}

TEST_F(PosixNetworkTest, Malformed_Endpoint) {
  EXPECT_TRUE(absl::IsInternal(network_->Connect({"head", 1}, timeout_).status()));
}

TEST(EndpointTest, Texts) {
  EXPECT_EQ(EndpointText({"10.0.0.5", 1}), "10.0.0.5:1");
  EXPECT_EQ(EndpointText({"fd00::5", 1}), "[fd00::5]:1");
  EXPECT_TRUE(IsLoopbackIp("127.0.1.1"));
  EXPECT_TRUE(IsLoopbackIp("::1"));
  EXPECT_FALSE(IsLoopbackIp("::"));
}

}  // namespace
}  // namespace tributary::agent
