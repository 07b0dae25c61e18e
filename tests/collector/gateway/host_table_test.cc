#include "collector/gateway/host_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tributary::gateway {
namespace {

using Kind = HostTable::Kind;

TEST(SplitHostTest, NamesAddressesAndPorts) {
  EXPECT_EQ(SplitHost("Head.Example.COM.:6006").host, "head.example.com");
  EXPECT_EQ(SplitHost("head:6006").port, "6006");
  EXPECT_EQ(SplitHost("[::1]:6006").host, "::1");
  EXPECT_EQ(SplitHost("[::1]").port, "");
  for (const std::string& bad :
       std::vector<std::string>{"[::1", "a:b", "a:", "a:1:2", "[::1]x", "a:123456"}) {
    EXPECT_EQ(SplitHost(bad).host, "") << bad;
  }
}

TEST(HostTableTest, WhatBrowsersOfThisMachineSend) {
  const HostTable table({});
  for (const std::string& host :
       std::vector<std::string>{"localhost:6006", "127.0.0.1:6006", "[::1]:6006", "10.1.2.3",
                                "head:6006", "LOCALHOST", "anything.localhost", ""}) {
    EXPECT_EQ(table.Find(host).kind, Kind::kOurs) << host;
  }
}

TEST(HostTableTest, Malicious_ReboundNamesAreForeign) {
  const HostTable table({});
  for (const std::string& host :
       std::vector<std::string>{"evil.example.com", "evil.example.com:6006", "localhost.evil.com",
                                "127.0.0.1.evil.com", "1.2.3.4.5", "evil.com:x", "a b.com"}) {
    EXPECT_EQ(table.Find(host).kind, Kind::kForeign) << host;
  }
}

TEST(HostTableTest, TheMachinesNamesAndTheConfiguredOnes) {
  HostTable table({.allowed = {"tb.example.org"}, .bases = {"nodes.example.org"}});
  EXPECT_EQ(table.Find("head.cluster.example.com").kind, Kind::kForeign);
  table.SetMachineNames({"Head.cluster.example.com"});
  EXPECT_EQ(table.Find("head.cluster.example.com:6006").kind, Kind::kOurs);
  EXPECT_EQ(table.Find("tb.example.org").kind, Kind::kOurs);
  EXPECT_EQ(table.Find("nodes.example.org").kind, Kind::kOurs);
  EXPECT_EQ(HostTable({.allowed = {"*"}, .bases = {}}).Find("any.where.com").kind, Kind::kOurs);
}

TEST(HostTableTest, LabelsOfServices) {
  const HostTable table({.allowed = {}, .bases = {"nodes.example.org"}});
  EXPECT_EQ(table.Find("Jupyter--n1.localhost:6006").label, "jupyter--n1");
  EXPECT_EQ(table.Find("jupyter--n1.nodes.example.org").label, "jupyter--n1");
  EXPECT_EQ(table.Find("a.jupyter--n1.nodes.example.org").kind, Kind::kForeign);
  EXPECT_EQ(table.Find("jupyter--n1.other.org").kind, Kind::kForeign);
}

TEST(HostTableTest, TheOriginThatAViewerCanReach) {
  const HostTable plain({});
  EXPECT_EQ(plain.OriginOf("localhost:6006", "board--n1", 8888), "board--n1.localhost:6006");
  EXPECT_EQ(plain.OriginOf("127.0.0.1:6006", "board--n1", 8888), "board--n1.localhost:6006");
  EXPECT_EQ(plain.OriginOf("[::1]", "board--n1", 8888), "board--n1.localhost");
  EXPECT_EQ(plain.OriginOf("head:6006", "board--n1", 8888), "");
  const HostTable based({.bases = {"nodes.example.org"}});
  EXPECT_EQ(based.OriginOf("head:6006", "board--n1", 8888), "board--n1.nodes.example.org:6006");
  EXPECT_EQ(based.OriginOf("nodes.example.org", "board--n1", 8888), "board--n1.nodes.example.org");
  EXPECT_EQ(based.OriginOf("localhost", "board--n1", 8888), "board--n1.localhost");
}

TEST(HostTableTest, PortsOfServices) {
  HostTable table({.service_ports = {8880, 8890}});
  table.SetOwnPort(8881);
  EXPECT_FALSE(table.IsServicePort(8879));
  EXPECT_TRUE(table.IsServicePort(8880));
  EXPECT_FALSE(table.IsServicePort(8881));
  EXPECT_TRUE(table.IsServicePort(8890));
  EXPECT_FALSE(table.IsServicePort(8891));
  // Who cannot be listened for has no origin there.
  EXPECT_EQ(table.OriginOf("head:6006", "board--n1", 8888), "");
  table.SetOpenPorts({8888});
  EXPECT_EQ(table.OriginOf("head:6006", "board--n1", 8888), "head:8888");
  EXPECT_EQ(table.OriginOf("[2001:db8::1]:6006", "board--n1", 8888), "[2001:db8::1]:8888");
  EXPECT_EQ(table.OriginOf("localhost:6006", "board--n1", 8888), "board--n1.localhost:6006");
  table.SetOpenPorts({});
  EXPECT_EQ(table.OriginOf("head:6006", "board--n1", 8888), "");
}

}  // namespace
}  // namespace tributary::gateway
