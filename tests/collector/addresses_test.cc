#include "collector/addresses.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary {
namespace {

using ::testing::HasSubstr;

CollectorConfig Config(const std::string& host, bool on_loopback) {
  CollectorConfig config;
  config.host = host;
  config.on_loopback = on_loopback;
  return config;
}

TEST(AddressesTest, OfAnInterfaceOnTheNetwork) {
  CollectorConfig config = Config("10.1.2.3", false);
  config.path_prefix = "/tb";
  const Addresses addresses(config, 6006, "s1");
  EXPECT_EQ(addresses.Origin(), "http://10.1.2.3:6006");
  EXPECT_EQ(addresses.Url(), "http://10.1.2.3:6006/tb/");
  EXPECT_EQ(addresses.JoinCommand(),
            "tributary-agent --collector 10.1.2.3:6006 --store s1 --plaintext --logdir LOGDIR");
  EXPECT_EQ(addresses.JoinNote(), "");
}

TEST(AddressesTest, OfLoopbackOtherNodesNeedMore) {
  const Addresses addresses(Config("localhost", true), 6006, "s1");
  EXPECT_EQ(addresses.JoinCommand(),
            "tributary-agent --collector localhost:6006 --store s1 --logdir LOGDIR");
  EXPECT_THAT(addresses.JoinNote(), HasSubstr("start it again with --bind_all"));
}

TEST(AddressesTest, OfAllInterfacesByTheMachinesName) {
  for (const char* host : {"0.0.0.0", "::"}) {
    EXPECT_EQ(Addresses(Config(host, false), 1, "").Origin(), "http://" + HostName() + ":1");
  }
  CollectorConfig all = Config("localhost", false);
  all.all_interfaces = true;
  EXPECT_EQ(Addresses(all, 1, "").Origin(), "http://" + HostName() + ":1");
}

TEST(AddressesTest, SixthVersionNeedsBrackets) {
  EXPECT_EQ(Addresses(Config("::1", true), 6006, "").Origin(), "http://[::1]:6006");
  EXPECT_EQ(Addresses(Config("[::1]", true), 6006, "").Origin(), "http://[::1]:6006");
}

TEST(AddressesTest, NobodyJoinsWithoutAStoreOrAPort) {
  EXPECT_EQ(Addresses(Config("localhost", true), 6006, "").JoinCommand(), "");
  EXPECT_EQ(Addresses(Config("localhost", true), 6006, "").JoinNote(), "");
  EXPECT_EQ(Addresses(Config("localhost", true), 0, "s1").JoinCommand(), "");
}

TEST(AddressesTest, ANodeIsCalledAsItsHostWithoutTheDomain) {
  EXPECT_FALSE(NodeName().empty());
  EXPECT_EQ(NodeName().find('.'), std::string::npos);
  EXPECT_EQ(HostName().compare(0, NodeName().size(), NodeName()), 0);
}

}  // namespace
}  // namespace tributary
