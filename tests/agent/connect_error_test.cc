#include "agent/connect_error.h"

#include <gtest/gtest.h>

namespace tributary::agent {
namespace {

TEST(ConnectErrorTest, WhatIsNotKnownStays) {
  for (const char* text :
       {"", "GOAWAY", "no answer in time", "failed to connect to all addresses"}) {
    EXPECT_EQ(ConnectError(text), text);
  }
}

TEST(ConnectErrorTest, TheLastErrorIsTheReason) {
  EXPECT_EQ(
      ConnectError("failed to connect to all addresses; last error: UNKNOWN: "
                   "ipv4:10.0.0.5:6006: Failed to connect to remote host: Connection refused"),
      "10.0.0.5:6006: Connection refused");
  EXPECT_EQ(ConnectError("failed to connect to all addresses; last error: UNAVAILABLE: "
                         "ipv6:%5B::1%5D:6006: Socket closed"),
            "[::1]:6006: Socket closed");
  EXPECT_EQ(ConnectError("x; last error: "), "");
}

TEST(ConnectErrorTest, NamesThatDoNotResolve) {
  EXPECT_EQ(ConnectError("DNS resolution failed for head:6006: C-ares status is not ARES_SUCCESS "
                         "qtype=AAAA name=head is_balancer=0: Domain name not found"),
            "the name cannot be resolved: Domain name not found");
  EXPECT_EQ(ConnectError("DNS resolution failed"), "the name cannot be resolved");
}

}  // namespace
}  // namespace tributary::agent
