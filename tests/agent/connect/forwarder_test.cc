// Over real sockets of this machine's loopback.
#include "agent/connect/forwarder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/descriptor.h"
#include "tests/support/capture_logger.h"

namespace tributary::agent {
namespace {

using ::testing::EndsWith;

// Where the connections lead to.
class Server {
 public:
  Server() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(socket_.get(), 128), 0);
    EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
  }
  uint16_t port() const { return port_; }
  Descriptor Accept() { return Descriptor(::accept(socket_.get(), nullptr, nullptr)); }
  void Close() { socket_ = Descriptor(); }

 private:
  Descriptor socket_;
  uint16_t port_ = 0;
};

// Blocking ends, so that no test waits by time.
std::string HearAll(const Descriptor& end) {
  std::string heard;
  char buffer[64 << 10];
  for (;;) {
    const ssize_t got = ::recv(end.get(), buffer, sizeof(buffer), 0);
    if (got == 0) return heard + "<end>";
    if (got < 0) return heard + "<reset>";
    heard.append(buffer, static_cast<size_t>(got));
  }
}
std::string Hear(const Descriptor& end, size_t bytes) {
  std::string heard(bytes, '\0');
  const ssize_t got = ::recv(end.get(), heard.data(), bytes, MSG_WAITALL);
  heard.resize(got < 0 ? 0 : static_cast<size_t>(got));
  return heard;
}
void Say(const Descriptor& end, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(end.get(), text.data(), text.size(), MSG_NOSIGNAL);
    ASSERT_GT(sent, 0);
    text.remove_prefix(static_cast<size_t>(sent));
  }
}

class ForwarderTest : public ::testing::Test {
 protected:
  ForwarderTest() {
    options_.host = "localhost";
    options_.port = server_.port();
  }
  Forwarder* forwarder() {
    if (forwarder_ == nullptr) {
      forwarder_ = std::make_unique<Forwarder>(options_, RealClock(), &log_);
    }
    return forwarder_.get();
  }
  // A client's end of a connection that came in.
  Descriptor Client() {
    int ends[2];
    // Of TCP, as those that come in.
    Server door;
    ends[0] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(door.port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(ends[0], reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ends[1] = door.Accept().Release();
    ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
    forwarder()->Adopt(ends[1]);
    return Descriptor(ends[0]);
  }

  Server server_;
  Forwarder::Options options_;
  CaptureLogger log_;
  std::unique_ptr<Forwarder> forwarder_;
};

TEST_F(ForwarderTest, ALotBothWaysAtOnce) {
  const Descriptor client = Client();
  const Descriptor upstream = server_.Accept();
  const std::string up(5'000'000, 'u');
  const std::string down(7'000'000, 'd');
  std::thread talker([&] {
    Say(client, up);
    ::shutdown(client.get(), SHUT_WR);
  });
  std::thread answerer([&] {
    Say(upstream, down);
    ::shutdown(upstream.get(), SHUT_WR);
  });
  std::string heard_up;
  std::thread listener([&] { heard_up = HearAll(upstream); });
  EXPECT_EQ(HearAll(client), down + "<end>");
  for (std::thread* thread : {&talker, &answerer, &listener}) thread->join();
  EXPECT_EQ(heard_up, up + "<end>");
}

TEST_F(ForwarderTest, ManyConnectionsEachHasItsOwn) {
  std::vector<Descriptor> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(Client());
    Say(clients.back(), absl::StrCat(100 + i));
  }
  std::vector<Descriptor> upstreams;
  for (int i = 0; i < 50; ++i) {
    upstreams.push_back(server_.Accept());
    Say(upstreams.back(), absl::StrCat("echo ", Hear(upstreams.back(), 3)));
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(Hear(clients[static_cast<size_t>(i)], 8), absl::StrCat("echo ", 100 + i));
  }
}

TEST_F(ForwarderTest, NobodyAtTheOtherEndResetsTheClient) {
  server_.Close();
  const Descriptor client = Client();
  EXPECT_EQ(HearAll(client), "<reset>");
  EXPECT_TRUE(log_.Contains("no connection to the other end"));
  // The next one tries again.
  const Descriptor again = Client();
  EXPECT_EQ(HearAll(again), "<reset>");
}

TEST_F(ForwarderTest, AnUnknownNameResetsTheClient) {
  options_.host = "no such name";
  const Descriptor client = Client();
  EXPECT_EQ(HearAll(client), "<reset>");
  EXPECT_TRUE(log_.Contains("cannot be resolved"));
}

TEST_F(ForwarderTest, AResetIsPassedOn) {
  const Descriptor client = Client();
  Descriptor upstream = server_.Accept();
  Say(client, "request");
  EXPECT_EQ(Hear(upstream, 7), "request");
  const linger reset = {1, 0};
  ::setsockopt(upstream.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  upstream = Descriptor();
  EXPECT_THAT(HearAll(client), EndsWith("<reset>"));
}

TEST_F(ForwarderTest, MoreThanAllowedAreRefused) {
  options_.connections_max = 1;
  const Descriptor first = Client();
  const Descriptor upstream = server_.Accept();
  const Descriptor second = Client();
  EXPECT_EQ(HearAll(second), "<reset>");
  EXPECT_TRUE(log_.Contains("too many"));
  Say(first, "still there");
  EXPECT_EQ(Hear(upstream, 11), "still there");
}

TEST_F(ForwarderTest, ItsEndResetsWhatIsOpen) {
  const Descriptor client = Client();
  const Descriptor upstream = server_.Accept();
  Say(client, "x");
  EXPECT_EQ(Hear(upstream, 1), "x");
  forwarder_.reset();
  EXPECT_EQ(HearAll(client), "<reset>");
  EXPECT_EQ(HearAll(upstream), "<reset>");
}

}  // namespace
}  // namespace tributary::agent
