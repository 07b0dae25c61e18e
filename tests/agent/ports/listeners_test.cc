// What /proc says of listeners.
#include "agent/ports/listeners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tributary::agent {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(ListenersTest, TheParentStandsBehindANameThatMayHoldAnything) {
  EXPECT_EQ(ParentInStat("12 (python3) S 11 12 12 0"), 11);
  EXPECT_EQ(ParentInStat("12 (a) S 1 (b) R 7 0"), 7);
  EXPECT_EQ(ParentInStat("12 (a"), 0);
  EXPECT_EQ(ParentInStat(""), 0);
}

TEST(ListenersTest, AListenerOfThisProcess) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
  const uint16_t port = ntohs(address.sin_port);
  Ports* const ports = RealPorts();
  EXPECT_FALSE(ports->Taken().contains(port));
  ASSERT_EQ(listen(listener, 1), 0);
  EXPECT_TRUE(ports->Taken().contains(port));
  const auto is_it = [port](int depth) {
    return AllOf(Field(&TreeListener::socket, Field(&ListeningSocket::port, port)),
                 Field(&TreeListener::depth, depth));
  };
  EXPECT_THAT(ports->ListenersInTree(getpid()), Contains(is_it(0)));
  // Seen from above, and not from beside.
  EXPECT_THAT(ports->ListenersInTree(getppid()), Contains(is_it(1)));
  EXPECT_THAT(ports->ListenersInTree(0x7fffffff), IsEmpty());
  EXPECT_EQ(ports->Holder(port), "listeners_test (pid " + std::to_string(getpid()) + ")");
  EXPECT_TRUE(ports->IsListenerOf(port, getpid(), geteuid()));
  // Not of another process, nor of one that is somebody else's.
  EXPECT_FALSE(ports->IsListenerOf(port, 0x7fffffff, geteuid()));
  EXPECT_FALSE(ports->IsListenerOf(port, getppid(), geteuid()));
  EXPECT_FALSE(ports->IsListenerOf(port, getpid(), geteuid() + 1));
  EXPECT_FALSE(ports->IsFree(port));
  close(listener);
  EXPECT_THAT(ports->ListenersInTree(getpid()), Not(Contains(is_it(0))));
  EXPECT_FALSE(ports->IsListenerOf(port, getpid(), geteuid()));
  EXPECT_TRUE(ports->IsFree(port));
  EXPECT_NE(ports->AnyFree(), 0);
}

}  // namespace
}  // namespace tributary::agent
