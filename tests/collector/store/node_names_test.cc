// Which machine gets which name, as the rows of the store decide it.
#include "collector/store/node_names.h"

#include <gtest/gtest.h>

namespace tributary {
namespace {

class NodeNamesTest : public ::testing::Test {
 protected:
  // The name that the machine is given; the message of a refusal.
  std::string Assign(const std::string& machine, bool live_elsewhere) {
    const auto choice = Choose(machine, live_elsewhere);
    if (!choice.ok()) return std::string(choice.status().message());
    if (choice->changed) names_.Set(*choice);
    return choice->name;
  }
  absl::StatusOr<NodeNames::Choice> Choose(const std::string& machine, bool live_elsewhere) const {
    return names_.Choose("node07", {machine, "boot of " + machine}, live_elsewhere);
  }

  NodeNames names_;
};

TEST_F(NodeNamesTest, WhatIsChosenIsNotAssigned) {
  EXPECT_EQ(Choose("a", false)->name, "node07");
  EXPECT_TRUE(Choose("a", false)->changed);
  EXPECT_EQ(Choose("b", false)->name, "node07");
  EXPECT_EQ(Assign("a", false), "node07");
  EXPECT_FALSE(Choose("a", false)->changed);
  EXPECT_EQ(Choose("b", true)->name, "node07~2");
  EXPECT_EQ(Choose("c", true)->name, "node07~2");
}

TEST_F(NodeNamesTest, ANumberOnceGivenIsKept) {
  Assign("a", false);
  EXPECT_EQ(Assign("b", true), "node07~2");
  EXPECT_EQ(Assign("c", true), "node07~3");
  EXPECT_EQ(Choose("b", false)->name, "node07~2");
  EXPECT_EQ(Choose("a", false)->name, "node07");
}

TEST_F(NodeNamesTest, TheSuccessorOfADeadMachineHasItsName) {
  Assign("a", false);
  EXPECT_EQ(Assign("b", false), "node07");
}

TEST_F(NodeNamesTest, LiveMachinesThatCannotBeToldApartAreRefused) {
  Assign("a", false);
  EXPECT_TRUE(absl::IsAlreadyExists(Choose("a", true).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(Choose("", true).status()));
}

}  // namespace
}  // namespace tributary
