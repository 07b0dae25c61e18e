// Machines of one name, whatever they come as.
#include "collector/registry/node_presence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace tributary {
namespace {

using ::testing::HasSubstr;

class NodePresenceTest : public ::testing::Test {
 protected:
  using Kind = NodePresence::Kind;

  NodePresence::Wish Make(const std::string& machine, Kind kind = Kind::kService) {
    NodePresence::Wish wish;
    wish.name = "node07";
    wish.machine = {.machine_id = machine, .boot_id = absl::StrCat("boot of ", machine)};
    wish.kind = kind;
    wish.probe = [this, machine] { probed_.push_back(machine); };
    return wish;
  }
  NodePresence::Assign Assigner() {
    return [this](absl::string_view wanted, const Machine&, bool elsewhere) {
      ++assigned_;
      return absl::StatusOr<std::string>(elsewhere ? absl::StrCat(wanted, "~2")
                                                   : std::string(wanted));
    };
  }
  absl::StatusOr<NodeHold> Enter(NodePresence::Wish wish) {
    return presence_.Enter(std::move(wish), Assigner(), now_);
  }
  std::string Foresee(const std::string& machine) {
    const NodePresence::Wish wish = Make(machine);
    const auto name = presence_.Foresee(wish.name, wish.machine, Assigner(), now_);
    return name.ok() ? *name : std::string(name.status().message());
  }
  std::string NameOf(const absl::StatusOr<NodeHold>& hold) {
    return hold.ok() ? hold->name() : std::string(hold.status().message());
  }

  NodePresence presence_;
  absl::Duration now_ = absl::Seconds(100);
  std::vector<std::string> probed_;
  int assigned_ = 0;
};

TEST_F(NodePresenceTest, AllOfOneMachineHaveOneName) {
  const auto agent = Enter(Make("a", Kind::kAgent));
  const auto exec = Enter(Make("a"));
  const auto other = Enter(Make("b"));
  const auto exec_of_other = Enter(Make("b"));
  EXPECT_EQ(NameOf(agent), "node07");
  EXPECT_EQ(NameOf(exec), "node07");
  EXPECT_EQ(NameOf(other), "node07~2");
  EXPECT_EQ(NameOf(exec_of_other), "node07~2");
  EXPECT_EQ(assigned_, 2);
}

TEST_F(NodePresenceTest, AnAgentComesWhereAServiceOfAnotherMachineIs) {
  const auto exec = Enter(Make("a"));
  EXPECT_EQ(NameOf(Enter(Make("b", Kind::kAgent))), "node07~2");
}

TEST_F(NodePresenceTest, OfAgentsAndAgentsSomebodyElseDecides) {
  const auto agent = Enter(Make("a", Kind::kAgent));
  EXPECT_EQ(NameOf(Enter(Make("b", Kind::kAgent))), "node07");
  NodePresence::Wish wish = Make("c", Kind::kAgent);
  wish.is_live_elsewhere = true;
  EXPECT_EQ(NameOf(Enter(std::move(wish))), "node07~2");
  EXPECT_TRUE(probed_.empty());
}

TEST_F(NodePresenceTest, WhoLeftIsNotInTheWay) {
  auto first = Enter(Make("a"));
  first->Reset();
  EXPECT_EQ(NameOf(Enter(Make("b"))), "node07");
}

TEST_F(NodePresenceTest, TheSilentAreAskedAndWhoAnswersKeepsTheName) {
  auto silent = Enter(Make("a"));
  now_ += absl::Seconds(30);
  EXPECT_TRUE(absl::IsUnavailable(Enter(Make("b")).status()));
  EXPECT_EQ(probed_, std::vector<std::string>{"a"});
  now_ += absl::Seconds(1);
  EXPECT_TRUE(absl::IsUnavailable(Enter(Make("b")).status()));
  EXPECT_EQ(probed_.size(), 1u);
  silent->Heard(now_);
  EXPECT_EQ(NameOf(Enter(Make("b"))), "node07~2");
}

TEST_F(NodePresenceTest, WhoDoesNotAnswerIsTakenForDead) {
  const auto dead = Enter(Make("a"));
  now_ += absl::Seconds(30);
  EXPECT_TRUE(absl::IsUnavailable(Enter(Make("b")).status()));
  now_ += absl::Seconds(6);
  EXPECT_EQ(NameOf(Enter(Make("b"))), "node07");
}

TEST_F(NodePresenceTest, TheSecondNameIsLookedAtToo) {
  const auto first = Enter(Make("a"));
  const auto second = Enter(Make("b"));
  // The fake registry gives the same second name to everybody.
  EXPECT_TRUE(absl::IsAlreadyExists(Enter(Make("c")).status()));
}

TEST_F(NodePresenceTest, WhatIsForeseenIsWhatAnAgentGetsThen) {
  EXPECT_EQ(Foresee("a"), "node07");
  const auto first = Enter(Make("a"));
  EXPECT_EQ(Foresee("a"), "node07");
  EXPECT_EQ(Foresee("b"), "node07~2");
  // Nothing was noted.
  EXPECT_EQ(Foresee("c"), "node07~2");
  const auto second = Enter(Make("b"));
  EXPECT_EQ(NameOf(second), "node07~2");
  EXPECT_THAT(Foresee("c"), HasSubstr("give --node"));
}

TEST_F(NodePresenceTest, AnAgentIsAskedBeforeANameIsForeseenWhateverItSaidBefore) {
  auto agent = Enter(Make("a", Kind::kAgent));
  now_ += absl::Milliseconds(100);
  EXPECT_THAT(Foresee("b"), HasSubstr("try again"));
  EXPECT_EQ(probed_, std::vector<std::string>{"a"});
  now_ += absl::Milliseconds(100);
  EXPECT_THAT(Foresee("b"), HasSubstr("try again"));
  agent->Heard(now_);
  EXPECT_EQ(Foresee("b"), "node07~2");
  EXPECT_EQ(probed_.size(), 1u);
  // An answer is good for a while.
  now_ += absl::Seconds(30);
  EXPECT_THAT(Foresee("b"), HasSubstr("try again"));
  EXPECT_EQ(probed_.size(), 2u);
  now_ += absl::Seconds(6);
  EXPECT_EQ(Foresee("b"), "node07");
}

TEST_F(NodePresenceTest, MachinesWithoutIdsAreToldApartByNothing) {
  NodePresence::Wish nobody = Make("");
  nobody.machine = {};
  NodePresence::Wish again = nobody;
  const auto first = Enter(std::move(nobody));
  EXPECT_EQ(NameOf(Enter(std::move(again))), "node07");
}

}  // namespace
}  // namespace tributary
