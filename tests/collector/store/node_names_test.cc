// Which machine gets which name: the rules of two machines with one.
#include "collector/store/node_names.h"

#include <gtest/gtest.h>

#include "tests/support/fake_registry.h"

namespace tributary {
namespace {

constexpr bool kLiveElsewhere = true;
constexpr bool kNotLive = false;

class NodeNamesTest : public ::testing::Test {
 protected:
  // The name, once it is in the registry; "refused" if the two machines cannot be told apart.
  std::string Assign(const std::string& wanted, const NodeNames::Machine& machine,
                     bool live_elsewhere) {
    const auto choice = names_.Choose(wanted, machine, live_elsewhere);
    if (absl::IsAlreadyExists(choice.status())) return "refused";
    EXPECT_TRUE(choice.ok()) << choice.status();
    if (!choice.ok()) return "";
    RegistryTransaction transaction;
    transaction.puts.push_back(MakeEntry(choice->name, choice->row));
    EXPECT_TRUE(registry_.Commit(transaction).ok());
    names_.Set(*choice);
    return choice->name;
  }
  void Restart() {
    registry_.Crash();
    registry_.Reopen();
    names_ = NodeNames();
    ASSERT_TRUE(names_.Load(&registry_).ok());
  }

  FakeRegistry registry_;
  NodeNames names_;
};

TEST_F(NodeNamesTest, OneMachineKeepsItsNameOverReboots) {
  EXPECT_EQ(Assign("node07", {"machine-a", "boot-1"}, kNotLive), "node07");
  Restart();
  EXPECT_EQ(Assign("node07", {"machine-a", "boot-2"}, kNotLive), "node07");
}

TEST_F(NodeNamesTest, WhatIsChosenIsNotAssigned) {
  const auto choice = names_.Choose("node07", {"machine-a", "boot-1"}, kNotLive);
  ASSERT_TRUE(choice.ok());
  EXPECT_TRUE(choice->changed);
  EXPECT_EQ(names_.Choose("node07", {"machine-b", "boot-2"}, kNotLive)->name, "node07");
  EXPECT_EQ(Assign("node07", {"machine-a", "boot-1"}, kNotLive), "node07");
  EXPECT_FALSE(names_.Choose("node07", {"machine-a", "boot-1"}, kNotLive)->changed);
  EXPECT_EQ(names_.Choose("node07", {"machine-b", "boot-2"}, kLiveElsewhere)->name, "node07~2");
  EXPECT_EQ(names_.Choose("node07", {"machine-c", "boot-3"}, kLiveElsewhere)->name, "node07~2");
}

TEST_F(NodeNamesTest, ASuccessorOfAMachineThatIsGoneTakesItsName) {
  EXPECT_EQ(Assign("pod-3", {"machine-a", "boot-1"}, kNotLive), "pod-3");
  EXPECT_EQ(Assign("pod-3", {"machine-b", "boot-9"}, kNotLive), "pod-3");
}

TEST_F(NodeNamesTest, ALiveSecondMachineGetsANumberAndKeepsIt) {
  EXPECT_EQ(Assign("node07", {"machine-a", "boot-1"}, kNotLive), "node07");
  EXPECT_EQ(Assign("node07", {"machine-b", "boot-9"}, kLiveElsewhere), "node07~2");
  EXPECT_EQ(Assign("node07", {"machine-c", "boot-5"}, kLiveElsewhere), "node07~3");
  Restart();
  // Also while the first one is off, and after a boot.
  EXPECT_EQ(Assign("node07", {"machine-b", "boot-10"}, kNotLive), "node07~2");
  EXPECT_EQ(Assign("node07", {"machine-a", "boot-2"}, kNotLive), "node07");
}

TEST_F(NodeNamesTest, AClonedImageIsRefused) {
  EXPECT_EQ(Assign("node07", {"machine-a", "boot-1"}, kNotLive), "node07");
  EXPECT_EQ(Assign("node07", {"machine-a", "boot-2"}, kLiveElsewhere), "refused");
}

TEST_F(NodeNamesTest, AMachineWithoutAnIdIsRefusedBesideALiveOne) {
  EXPECT_EQ(Assign("node07", {"", "boot-1"}, kNotLive), "node07");
  EXPECT_EQ(Assign("node07", {"", "boot-2"}, kLiveElsewhere), "refused");
  EXPECT_EQ(Assign("node07", {"", "boot-2"}, kNotLive), "node07");
}

TEST_F(NodeNamesTest, ANameThatLooksLikeANumberOneIsSomebodysToo) {
  EXPECT_EQ(Assign("node07~2", {"machine-x", "boot-1"}, kNotLive), "node07~2");
  EXPECT_EQ(Assign("node07", {"machine-a", "boot-1"}, kNotLive), "node07");
  EXPECT_EQ(Assign("node07", {"machine-b", "boot-2"}, kLiveElsewhere), "node07~3");
}

}  // namespace
}  // namespace tributary
