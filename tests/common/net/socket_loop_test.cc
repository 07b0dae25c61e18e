#include "common/net/socket_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "common/net/write_queue.h"

namespace tributary::net {
namespace {

// What a test waits for; the loop's thread tells.
class Signal {
 public:
  void Set() {
    MutexLock lock(&mu_);
    set_ = true;
    changed_.SignalAll();
  }
  void Wait() {
    MutexLock lock(&mu_);
    while (!set_) changed_.Wait(&mu_);
  }

 private:
  Mutex mu_;
  CondVar changed_;
  bool set_ ABSL_GUARDED_BY(mu_) = false;
};

class SocketLoopTest : public ::testing::Test {
 protected:
  SocketLoopTest() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair_), 0); }
  ~SocketLoopTest() override { close(pair_[1]); }
  // Runs on the loop and waits for it.
  void OnLoop(std::function<void()> work) {
    Signal done;
    loop_.Post([&] {
      work();
      done.Set();
    });
    done.Wait();
  }

  int pair_[2] = {-1, -1};
  SocketLoop loop_{"test", RealClock()};
};

TEST_F(SocketLoopTest, ReadsWhatArrivesAndTheEnd) {
  Signal ended;
  std::string received;
  std::unique_ptr<StreamSocket> socket;
  OnLoop([&] {
    socket = loop_.Adopt(pair_[0], [&] {
      char buffer[3];
      for (;;) {
        const auto count = socket->Read(buffer, sizeof(buffer));
        ASSERT_TRUE(count.ok());
        if (!count->has_value()) return;
        if (**count == 0) break;
        received.append(buffer, **count);
      }
      EXPECT_TRUE(socket->hung_up());
      ended.Set();
    });
  });
  ASSERT_EQ(write(pair_[1], "hello", 5), 5);
  shutdown(pair_[1], SHUT_WR);
  ended.Wait();
  OnLoop([&] { socket.reset(); });
  EXPECT_EQ(received, "hello");
}

TEST_F(SocketLoopTest, WritesMoreThanTheSystemTakesAtOnce) {
  const std::string large(4u << 20, 'x');
  WriteQueue queue;
  Signal written;
  uint64_t weight = 0;
  std::unique_ptr<StreamSocket> socket;
  OnLoop([&] {
    queue.Push(large, 7);
    queue.Push("", 1);
    socket = loop_.Adopt(pair_[0], [&] {
      const auto done = queue.WriteTo(socket.get());
      ASSERT_TRUE(done.ok());
      weight += *done;
      if (queue.empty()) written.Set();
    });
  });
  std::string received(large.size(), '\0');
  for (size_t at = 0; at < received.size();) {
    const ssize_t count = read(pair_[1], received.data() + at, received.size() - at);
    ASSERT_GT(count, 0);
    at += static_cast<size_t>(count);
  }
  written.Wait();
  EXPECT_EQ(received, large);
  // No callback runs any more then, which might count on.
  OnLoop([&] { socket.reset(); });
  EXPECT_EQ(weight, 8u);
}

TEST_F(SocketLoopTest, AReleasedSocketIsSomebodyElses) {
  int descriptor = -1;
  OnLoop([&] {
    const auto socket = loop_.Adopt(pair_[0], [] {});
    descriptor = socket->Release();
  });
  ASSERT_EQ(descriptor, pair_[0]);
  EXPECT_EQ(write(descriptor, "x", 1), 1);
  close(descriptor);
}

TEST_F(SocketLoopTest, ConnectsToLoopbackAndTellsWhenNobodyListens) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  socklen_t length = sizeof(address);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  const uint16_t port = ntohs(address.sin_port);
  Signal refused;
  std::unique_ptr<StreamSocket> socket;
  OnLoop([&] {
    socket = loop_.ConnectLoopback(port, false, [&] {
      const auto result = socket->Write("x");
      if (result.ok()) return;  // not known yet
      EXPECT_EQ(result.status().message(), "Connection refused");
      refused.Set();
    });
  });
  refused.Wait();
  ASSERT_EQ(listen(listener, 1), 0);
  Signal sent;
  OnLoop([&] {
    socket = loop_.ConnectLoopback(port, false, [&] {
      const auto result = socket->Write("x");
      ASSERT_TRUE(result.ok());
      if (result->has_value()) sent.Set();
    });
  });
  const int accepted = accept(listener, nullptr, nullptr);
  sent.Wait();
  char byte = 0;
  EXPECT_EQ(read(accepted, &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
  OnLoop([&] { socket.reset(); });
  close(accepted);
  close(listener);
}

TEST_F(SocketLoopTest, ASocketMayEndInItsOwnCallback) {
  Signal gone;
  std::unique_ptr<StreamSocket> socket;
  OnLoop([&] {
    socket = loop_.Adopt(pair_[0], [&] {
      if (!socket->hung_up()) return;
      socket.reset();
      gone.Set();
    });
  });
  shutdown(pair_[1], SHUT_WR);
  gone.Wait();
  char byte;
  EXPECT_EQ(read(pair_[1], &byte, 1), 0);
}

}  // namespace
}  // namespace tributary::net
