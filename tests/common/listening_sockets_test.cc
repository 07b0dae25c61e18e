#include "common/listening_sockets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "common/descriptor.h"

namespace tributary {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kTable[] =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 0100007F:1776 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
    "4711 1 0000000000000000 100 0 0 10 0\n"
    "   1: 0100007F:1776 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 "
    "4712 1 0000000000000000 100 0 0 10 0\n";
constexpr char kTable6[] =
    "  sl  local_address                         remote_address                        st\n"
    "   0: 00000000000000000000000001000000:1776 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000     0        0 77 1 0000000000000000 100 0 0 10 0\n";

TEST(ListeningSocketsTest, TablesOfTheKernel) {
  const auto v4 = ParseSocketTable(kTable);
  ASSERT_THAT(v4, SizeIs(1));
  EXPECT_EQ(v4[0].ip, "127.0.0.1");
  EXPECT_EQ(v4[0].port, 6006);
  EXPECT_EQ(v4[0].inode, 4711u);
  EXPECT_EQ(v4[0].owner_uid, 1000u);
  const auto v6 = ParseSocketTable(kTable6);
  ASSERT_THAT(v6, SizeIs(1));
  EXPECT_EQ(v6[0].ip, "::1");
  EXPECT_EQ(v6[0].port, 6006);
}

TEST(ListeningSocketsTest, Malformed_LinesAreLeftOut) {
  for (const char* table :
       {"", "\n\n", "0: 0100007F:1776 x 0A", "0: 0100007F:ZZZZ 0 0A 0 0 0 0 0 1",
        "0: 0100007F 0 0A 0 0 0 0 0 1", "0: 01:1776 0 0A 0 0 0 0 0 1",
        "0: 0100007F:1776 0 0A 0 0 0 0 0 x", "0: 0100007F:11776 0 0A 0 0 0 0 0 1"}) {
    EXPECT_THAT(ParseSocketTable(table), IsEmpty()) << table;
  }
}

TEST(ListeningSocketsTest, AListenerOfThisProcessIsFoundWithItsHolder) {
  const Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  const uint16_t port = ntohs(address.sin_port);

  const auto sockets = ListeningSockets();
  const auto found = std::find_if(sockets.begin(), sockets.end(),
                                  [port](const auto& socket) { return socket.port == port; });
  ASSERT_NE(found, sockets.end());
  EXPECT_EQ(found->ip, "127.0.0.1");
  EXPECT_EQ(found->pid, ::getpid());
  EXPECT_EQ(PortHolder(port), "listening_sockets_test (pid " + std::to_string(::getpid()) + ")");
}

TEST(ListeningSocketsTest, WhatAConnectionToThisMachineReaches) {
  for (const char* const ip : {"0.0.0.0", "::", "127.0.0.1", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(AcceptsLocal({.ip = ip})) << ip;
  }
  for (const char* const ip : {"10.0.0.5", "127.0.1.1", "fe80::1", ""}) {
    EXPECT_FALSE(AcceptsLocal({.ip = ip})) << ip;
  }
}

TEST(ListeningSocketsTest, AFreePortHasNoHolder) { EXPECT_EQ(PortHolder(1), ""); }

}  // namespace
}  // namespace tributary
