#include "agent/slurm_nodelist.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_join.h"

namespace tributary::agent {
namespace {

using ::testing::HasSubstr;

std::string Expanded(absl::string_view nodelist) {
  const auto names = ExpandNodelist(nodelist);
  return names.ok() ? absl::StrJoin(*names, " ") : std::string(names.status().message());
}

TEST(SlurmNodelistTest, Malformed) {
  for (const char* text :
       {"node[", "node]", "node[1", "node[[1]]", "node[]", "node[1-]", "node[-1]", "node[a]",
        "node[2-1]", "node[1,,2]", "node[1-2-3]", "node[1 2]", "a,node[1",
        "node[99999999999999999999]", "node[0x1]", "node[1-2]]"}) {
    EXPECT_EQ(ExpandNodelist(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(SlurmNodelistTest, Malicious_HugeRangesAreRefusedBeforeMemoryIsTaken) {
  for (const char* text : {"n[0-999999999999999999]", "n[1-65537]", "n[1-65536],x",
                           "a[1-300]b[1-300]", "a[0-9]b[0-9]c[0-9]d[0-9]e[0-9]"}) {
    const auto names = ExpandNodelist(text);
    ASSERT_FALSE(names.ok()) << text;
    EXPECT_THAT(std::string(names.status().message()), HasSubstr("more than 65536 names"));
  }
  EXPECT_EQ(ExpandNodelist("n[1-65536]")->size(), 65'536u);
}

TEST(SlurmNodelistTest, AsScontrolShowHostnames) {
  EXPECT_EQ(Expanded(""), "");
  EXPECT_EQ(Expanded("login1"), "login1");
  EXPECT_EQ(Expanded("a,b,a"), "a b a");
  EXPECT_EQ(Expanded("node[1-3]"), "node1 node2 node3");
  EXPECT_EQ(Expanded("node[07-10]"), "node07 node08 node09 node10");
  EXPECT_EQ(Expanded("node[8-10]"), "node8 node9 node10");
  EXPECT_EQ(Expanded("node[099-101,7]"), "node099 node100 node101 node7");
  EXPECT_EQ(Expanded("node[1,3]-ib"), "node1-ib node3-ib");
  EXPECT_EQ(Expanded("rack[0-1]node[08-09]"), "rack0node08 rack0node09 rack1node08 rack1node09");
  EXPECT_EQ(Expanded("node[07-08],login1,gpu[2]"), "node07 node08 login1 gpu2");
  EXPECT_EQ(Expanded("[1-2]"), "1 2");
  EXPECT_EQ(Expanded("a,,b,"), "a b");
}

TEST(SlurmNodelistTest, PlaceCountsFromZeroAndTakesTheFirstNameThatIsListed) {
  EXPECT_EQ(*PlaceInNodelist("node[07-09]", {"node08"}), 1u);
  EXPECT_EQ(*PlaceInNodelist("node[07-09]", {"other", "node09"}), 2u);
  EXPECT_EQ(*PlaceInNodelist("node[07-09]", {"node7"}), std::nullopt);
  EXPECT_EQ(*PlaceInNodelist("node[07-09]", {}), std::nullopt);
  EXPECT_FALSE(PlaceInNodelist("node[", {"node"}).ok());
}

}  // namespace
}  // namespace tributary::agent
