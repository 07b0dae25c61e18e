// What /proc says of listeners.
#include "agent/ports/listeners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tributary::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kTable[] =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 0100007F:1776 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "12345 1 0000 100 0 0 10 0\n"
    "   1: 0100007F:1776 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 "
    "777 1 0000 100 0 0 10 0\n"
    "   2: 00000000000000000000000001000000:1777 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000     0        0 12346 1 0000 100 0 0 10 0\n";

TEST(ListenersTest, OnlyListenersOfThePortCount) {
  EXPECT_THAT(ListeningInodes(kTable, 6006), ElementsAre(12345));
  EXPECT_THAT(ListeningInodes(kTable, 6007), ElementsAre(12346));
  EXPECT_THAT(ListeningInodes(kTable, 6008), IsEmpty());
  EXPECT_THAT(ListeningPorts(kTable), ElementsAre(6006, 6007));
}

TEST(ListenersTest, Malformed_TablesHaveNoListeners) {
  EXPECT_THAT(ListeningPorts(""), IsEmpty());
  EXPECT_THAT(ListeningPorts("a b c 0A\n: : : 0A : : : : : x\n1: zz:ZZZZZ x 0A 1 1 1 1 1 1 1"),
              IsEmpty());
}

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
  EXPECT_FALSE(IsListening(port));
  ASSERT_EQ(listen(listener, 1), 0);
  EXPECT_TRUE(IsListening(port));
  EXPECT_TRUE(ListensInTree(port, getpid()));
  // Seen from above, and not from beside.
  EXPECT_TRUE(ListensInTree(port, getppid()));
  EXPECT_FALSE(ListensInTree(port, 0x7fffffff));
  EXPECT_FALSE(IsPortFree(port));
  close(listener);
  EXPECT_FALSE(ListensInTree(port, getpid()));
  EXPECT_TRUE(IsPortFree(port));
  EXPECT_NE(AnyFreePort(), 0);
}

}  // namespace
}  // namespace tributary::agent
