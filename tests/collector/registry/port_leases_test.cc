// Who gets which number and name, and for how long.
#include "collector/registry/port_leases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_registry.h"

namespace tributary {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A process of one node with one service, as the collector sees it.
struct Node {
  PortLeases::Process process;
  PortLeases::Claim claim;
};

class PortLeasesTest : public ::testing::Test {
 protected:
  PortLeasesTest() { Restart(); }

  void Restart() {
    registry_.Crash();
    registry_.Reopen();
    leases_.reset();
    auto opened = PortLeases::Open(options_, &registry_, &clock_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    leases_ = *std::move(opened);
  }
  Node Make(const std::string& node, const std::string& service, uint16_t wish = 6006) {
    const uint64_t number = ++made_;
    Node made;
    made.process = {
        .session = number, .node = node, .nonce = absl::StrCat("n", number), .pid = 100};
    made.claim.id = 1;
    made.claim.service = service;
    made.claim.wish = wish;
    made.claim.user = "ann";
    return made;
  }
  PortLeases::Answer Answer(const Node& node) {
    auto answer = leases_->Take(node.process, node.claim, clock_.Monotonic());
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? *std::move(answer) : PortLeases::Answer();
  }
  PortLeases::Grant Take(const Node& node) {
    const PortLeases::Answer answer = Answer(node);
    if (const auto* refusal = std::get_if<PortLeases::Refusal>(&answer)) {
      ADD_FAILURE() << refusal->detail;
      return {};
    }
    return std::get<PortLeases::Grant>(answer);
  }
  std::string Refused(const Node& node) {
    const PortLeases::Answer answer = Answer(node);
    const auto* refusal = std::get_if<PortLeases::Refusal>(&answer);
    return refusal == nullptr ? "" : refusal->detail;
  }
  void Listening(const Node& node, uint16_t port) {
    const auto answer = leases_->Listening(node.process.session, node.claim.id, port);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(*answer, PortLeases::ListeningAnswer::kLive);
  }
  void Release(const Node& node) {
    EXPECT_TRUE(leases_->Release(node.process.session, node.claim.id).ok());
  }
  // The process is in a new session.
  void Reconnect(Node* node) { node->process.session = ++made_; }
  // Time passes with ticks; `renewing` goes on renewing. Returns what ran out.
  std::vector<uint64_t> Pass(absl::Duration time, const std::vector<Node>& renewing = {}) {
    std::vector<uint64_t> lost;
    for (absl::Duration step = absl::Seconds(10); time > absl::ZeroDuration(); time -= step) {
      step = std::min(step, time);
      clock_.Advance(step);
      for (const Node& node : renewing) {
        leases_->Renew(node.process.session, clock_.Monotonic());
      }
      const auto ran_out = leases_->Tick();
      EXPECT_TRUE(ran_out.ok()) << ran_out.status();
      for (const PortLeases::Lost& one : *ran_out) lost.push_back(one.session);
    }
    return lost;
  }
  ServiceState StateOf(const std::string& node, const std::string& service) {
    return leases_->Snapshot()->services.at({node, service}).state;
  }
  size_t Known() { return leases_->Snapshot()->services.size(); }

  PortLeases::Options options_;
  FakeClock clock_;
  FakeRegistry registry_;
  std::unique_ptr<PortLeases> leases_;
  uint64_t made_ = 0;
};

TEST_F(PortLeasesTest, TheFirstGetsItsWishTheOthersTheNextNumbersAndTheConflictsAreListed) {
  const Node one = Make("one", "tensorboard");
  const Node two = Make("two", "tensorboard");
  const Node three = Make("three", "tensorboard");
  const PortLeases::Grant first = Take(one);
  EXPECT_EQ(first.port, 6006);
  EXPECT_EQ(first.service, "tensorboard");
  EXPECT_EQ(first.conflict, "");
  const PortLeases::Grant second = Take(two);
  EXPECT_EQ(second.port, 6007);
  EXPECT_THAT(second.conflict, AllOf(HasSubstr("6006"), HasSubstr("one/tensorboard (pid 100, ann)"),
                                     HasSubstr("6007")));
  EXPECT_EQ(Take(three).port, 6008);

  const auto snapshot = leases_->Snapshot();
  ASSERT_THAT(snapshot->conflicts, SizeIs(2));
  for (const ConflictStatus& conflict : snapshot->conflicts) {
    EXPECT_EQ(conflict.kind, "port");
    EXPECT_EQ(conflict.wanted, "6006");
    ASSERT_THAT(conflict.holders, SizeIs(2));
    EXPECT_THAT(conflict.holders[0], HasSubstr("one/tensorboard"));
  }
}

TEST_F(PortLeasesTest, AServiceIsStartingUntilItListens) {
  const Node one = Make("one", "tensorboard");
  Take(one);
  EXPECT_EQ(StateOf("one", "tensorboard"), ServiceState::kStarting);
  Listening(one, 6006);
  EXPECT_EQ(StateOf("one", "tensorboard"), ServiceState::kLive);
  EXPECT_EQ(leases_->Snapshot()->services.at({"one", "tensorboard"}).session, 1u);
}

TEST_F(PortLeasesTest, WithoutAWishTheLowestNumberThatIsFreeHereAndThere) {
  Take(Make("one", "tensorboard"));
  Node two = Make("two", "jupyter", 0);
  two.claim.taken = {6007, 6009};
  EXPECT_EQ(Take(two).port, 6008);
  EXPECT_THAT(leases_->Snapshot()->conflicts, IsEmpty());
}

TEST_F(PortLeasesTest, TheOwnRangeOfAClaim) {
  Node one = Make("one", "tensorboard", 8888);
  one.claim.range_first = 9000;
  one.claim.range_last = 9001;
  EXPECT_EQ(Take(one).port, 8888);
  Node two = one;
  two.process = Make("two", "").process;
  EXPECT_EQ(Take(two).port, 9000);
}

TEST_F(PortLeasesTest, AWishThatAnUnknownProgramOfTheNodeHasIsAConflictToo) {
  Node one = Make("one", "tensorboard");
  one.claim.taken = {6006};
  const PortLeases::Grant grant = Take(one);
  EXPECT_EQ(grant.port, 6007);
  EXPECT_THAT(grant.conflict, HasSubstr("a program on one that is not registered"));
}

TEST_F(PortLeasesTest, ANumberThatIsTakenAfterAllIsGivenBackForTheNext) {
  Node one = Make("one", "tensorboard");
  EXPECT_EQ(Take(one).port, 6006);
  one.claim.taken = {6006};
  EXPECT_EQ(Take(one).port, 6007);
  EXPECT_EQ(Known(), 1u);
  EXPECT_EQ(Take(Make("two", "tensorboard")).port, 6006);
}

TEST_F(PortLeasesTest, TheSameClaimAgainGetsTheSame) {
  const Node one = Make("one", "tensorboard");
  Take(one);
  EXPECT_EQ(Take(one).port, 6006);
  EXPECT_EQ(Known(), 1u);
}

TEST_F(PortLeasesTest, ASecondLiveOneOfANameHasAnAddressOfItsOwn) {
  EXPECT_EQ(Take(Make("one", "tensorboard")).service, "tensorboard");
  EXPECT_EQ(Take(Make("one", "tensorboard")).service, "tensorboard~2");
  EXPECT_EQ(Take(Make("one", "tensorboard")).service, "tensorboard~3");
  EXPECT_EQ(Take(Make("two", "tensorboard")).service, "tensorboard");
}

TEST_F(PortLeasesTest, TwoClaimsOfOneProcess) {
  Node one = Make("one", "tensorboard");
  Take(one);
  one.claim.id = 2;
  EXPECT_EQ(Take(one).service, "tensorboard~2");
  one.claim.service = "other";
  EXPECT_THAT(Refused(one), HasSubstr("claim 2 is for tensorboard~2 already"));
}

TEST_F(PortLeasesTest, FixedIsRefusedNamingTheHolder) {
  Take(Make("one", "tensorboard"));
  Node two = Make("two", "tensorboard");
  two.claim.fixed = true;
  EXPECT_THAT(Refused(two), HasSubstr("6006 is held by one/tensorboard (pid 100, ann)"));
  EXPECT_EQ(Known(), 1u);
  two.claim.wish = 7777;
  EXPECT_EQ(Take(two).port, 7777);
}

TEST_F(PortLeasesTest, FixedWhereAProgramOfTheNodeListens) {
  Node one = Make("one", "tensorboard");
  one.claim.fixed = true;
  one.claim.taken = {6006};
  EXPECT_THAT(Refused(one), HasSubstr("another program of the node"));
}

TEST_F(PortLeasesTest, FixedTakesANumberThatIsOnlyReservedOnceTheLeaseHasRunOut) {
  const Node one = Make("one", "tensorboard");
  Take(one);
  leases_->SessionLost(one.process.session);
  Node two = Make("two", "tensorboard");
  two.claim.fixed = true;
  EXPECT_THAT(Refused(two), HasSubstr("one/tensorboard (pid 100, ann, away)"));
  Pass(absl::Seconds(60));
  EXPECT_EQ(Take(two).port, 6006);
  EXPECT_EQ(Known(), 1u);
}

TEST_F(PortLeasesTest, Malformed_ClaimsAreRefused) {
  for (const std::string bad : {"", "a b", "a/b", "a--b", "tensorboard~2", "\xc3\xa4"}) {
    EXPECT_THAT(Refused(Make("one", bad)), HasSubstr("no service name")) << bad;
  }
  EXPECT_THAT(Refused(Make("one", std::string(64, 'a'))), HasSubstr("no service name"));
  Node one = Make("one", "a");
  one.claim.range_first = 7000;
  one.claim.range_last = 6000;
  EXPECT_THAT(Refused(one), HasSubstr("7000-6000"));
  one = Make("one", "a", 0);
  one.claim.fixed = true;
  EXPECT_THAT(Refused(one), HasSubstr("none is named"));
  EXPECT_EQ(Known(), 0u);
}

TEST_F(PortLeasesTest, ThereIsALimitOfLeases) {
  options_.leases_max = 2;
  Restart();
  Take(Make("one", "a"));
  Take(Make("one", "b"));
  EXPECT_THAT(Refused(Make("one", "c")), HasSubstr("has 2 leases"));
}

// Time.

TEST_F(PortLeasesTest, RenewedItLivesOn) {
  const Node one = Make("one", "tensorboard");
  Take(one);
  Listening(one, 6006);
  EXPECT_THAT(Pass(absl::Hours(1), {one}), IsEmpty());
  EXPECT_EQ(StateOf("one", "tensorboard"), ServiceState::kLive);
}

TEST_F(PortLeasesTest, NotRenewedItRunsOutAndTheSessionIsTold) {
  const Node one = Make("one", "tensorboard");
  Take(one);
  EXPECT_THAT(Pass(absl::Seconds(50)), IsEmpty());
  EXPECT_THAT(Pass(absl::Seconds(10)), ElementsAre(one.process.session));
  EXPECT_EQ(StateOf("one", "tensorboard"), ServiceState::kStale);
  leases_->Renew(one.process.session, clock_.Monotonic());
  EXPECT_EQ(StateOf("one", "tensorboard"), ServiceState::kStale);
  const auto listening = leases_->Listening(one.process.session, 1, 6006);
  ASSERT_TRUE(listening.ok());
  EXPECT_EQ(*listening, PortLeases::ListeningAnswer::kLost);
}

TEST_F(PortLeasesTest, ARenewalCountsFromWhenItCameAndNotFromWhenItWasRead) {
  const Node one = Make("one", "tensorboard");
  Take(one);
  const absl::Duration came = clock_.Monotonic() + absl::Seconds(30);
  clock_.Advance(absl::Seconds(55));
  leases_->Renew(one.process.session, came);
  EXPECT_THAT(Pass(absl::Seconds(30)), IsEmpty());
  EXPECT_THAT(Pass(absl::Seconds(5)), SizeIs(1));
}

TEST_F(PortLeasesTest, ALostSessionLeavesAStaleServiceWhoseNumberIsReserved) {
  const Node one = Make("one", "tensorboard");
  Take(one);
  Listening(one, 6006);
  leases_->SessionLost(one.process.session);
  EXPECT_EQ(StateOf("one", "tensorboard"), ServiceState::kStale);
  Pass(absl::Hours(23));
  EXPECT_EQ(Take(Make("two", "tensorboard")).port, 6007);
  // Started again, even with another wish in mind.
  EXPECT_EQ(Take(Make("one", "tensorboard", 0)).port, 6006);
}

TEST_F(PortLeasesTest, After24HoursTheNumberIsFree) {
  const Node one = Make("one", "tensorboard");
  Take(one);
  leases_->SessionLost(one.process.session);
  Pass(absl::Hours(24));
  EXPECT_EQ(Known(), 0u);
  EXPECT_EQ(Take(Make("two", "tensorboard")).port, 6006);
}

TEST_F(PortLeasesTest, ReleasedTheNumberIsFreeAtOnce) {
  const Node one = Make("one", "tensorboard");
  Take(one);
  Release(one);
  Release(one);
  EXPECT_EQ(Known(), 0u);
  EXPECT_EQ(Take(Make("two", "tensorboard")).port, 6006);
}

TEST_F(PortLeasesTest, WhenTheRangeIsShortTheOldestReservationThatRanOutGivesWay) {
  options_.range_first = 6006;
  options_.range_last = 6008;
  Restart();
  const Node a = Make("a", "tensorboard");
  const Node b = Make("b", "tensorboard");
  const Node c = Make("c", "tensorboard");
  for (const Node* node : {&a, &b, &c}) Take(*node);
  leases_->SessionLost(b.process.session);
  Pass(absl::Seconds(30), {a, c});
  leases_->SessionLost(a.process.session);
  // Neither of them has run out: nobody else may have their numbers.
  Node d = Make("d", "tensorboard");
  EXPECT_TRUE(Take(d).out_of_range);
  Release(d);
  Pass(absl::Seconds(60), {c});
  EXPECT_EQ(Take(d).port, 6007);
  EXPECT_EQ(Take(Make("e", "tensorboard")).port, 6006);
  EXPECT_TRUE(Take(Make("f", "tensorboard")).out_of_range);
}

TEST_F(PortLeasesTest, WithoutANumberInTheRangeTheProcessFindsOneAndTellsIt) {
  options_.range_last = 6006;
  Restart();
  Take(Make("one", "tensorboard"));
  const Node two = Make("two", "tensorboard");
  const PortLeases::Grant grant = Take(two);
  EXPECT_TRUE(grant.out_of_range);
  EXPECT_EQ(grant.port, 0);
  EXPECT_THAT(grant.conflict, HasSubstr("6006"));
  Listening(two, 41'000);
  EXPECT_EQ(leases_->Snapshot()->services.at({"two", "tensorboard"}).port, 41'000);
  Node three = Make("three", "tensorboard", 41'000);
  three.claim.fixed = true;
  EXPECT_THAT(Refused(three), HasSubstr("two/tensorboard"));
}

// Processes that come back, and those that take over.

TEST_F(PortLeasesTest, AProcessThatComesBackGetsTheSame) {
  Node one = Make("one", "tensorboard");
  Take(one);
  leases_->SessionLost(one.process.session);
  Pass(absl::Minutes(5));
  Reconnect(&one);
  one.claim.listens_on = 6006;
  one.claim.held_service = "tensorboard";
  const PortLeases::Grant grant = Take(one);
  EXPECT_EQ(grant.service, "tensorboard");
  EXPECT_EQ(grant.port, 6006);
  Listening(one, 6006);
  EXPECT_EQ(StateOf("one", "tensorboard"), ServiceState::kLive);
}

TEST_F(PortLeasesTest, AReconnectThatOvertakesTheEndOfTheOldSession) {
  Node one = Make("one", "tensorboard");
  Take(one);
  const uint64_t old_session = one.process.session;
  Reconnect(&one);
  EXPECT_EQ(Take(one).service, "tensorboard");
  leases_->SessionLost(old_session);
  Listening(one, 6006);
  EXPECT_EQ(StateOf("one", "tensorboard"), ServiceState::kLive);
}

TEST_F(PortLeasesTest, AfterARestartOfTheCollectorTheSameProcessesGetTheSame) {
  std::vector<Node> nodes;
  for (int i = 0; i < 8; ++i) {
    nodes.push_back(Make(absl::StrCat("node", i), "tensorboard"));
    Take(nodes.back());
    Listening(nodes.back(), static_cast<uint16_t>(6006 + i));
  }
  EXPECT_THAT(leases_->Snapshot()->conflicts, SizeIs(7));
  Restart();
  // A stranger who is faster gets neither the name nor the number of one that may come back.
  EXPECT_EQ(Take(Make("node0", "tensorboard")).service, "tensorboard~2");
  EXPECT_EQ(Take(Make("other", "tensorboard")).port, 6015);
  for (int i = 7; i >= 0; --i) {
    Node& node = nodes[static_cast<size_t>(i)];
    Reconnect(&node);
    node.claim.listens_on = static_cast<uint16_t>(6006 + i);
    node.claim.held_service = "tensorboard";
    const PortLeases::Grant grant = Take(node);
    EXPECT_EQ(grant.service, "tensorboard");
    EXPECT_EQ(grant.port, 6006 + i);
  }
  EXPECT_THAT(leases_->Snapshot()->conflicts, SizeIs(9));
}

TEST_F(PortLeasesTest, ARestartDoesNotLengthenAReservation) {
  const Node one = Make("one", "tensorboard");
  Take(one);
  leases_->SessionLost(one.process.session);
  Pass(absl::Hours(20));
  Restart();
  Pass(absl::Hours(3));
  EXPECT_EQ(Known(), 1u);
  Pass(absl::Hours(1));
  EXPECT_EQ(Known(), 0u);
}

TEST_F(PortLeasesTest, AWallClockThatWasSetNeitherFreesNorKeeps) {
  const Node one = Make("one", "tensorboard");
  Take(one);
  leases_->SessionLost(one.process.session);
  Pass(absl::Seconds(1));
  clock_.SetWall(clock_.Wall() + absl::Hours(1'000));
  Pass(absl::Hours(1));
  EXPECT_EQ(Known(), 1u);
  clock_.SetWall(clock_.Wall() - absl::Hours(9'000));
  Restart();
  Pass(absl::Hours(24));
  EXPECT_EQ(Known(), 0u);
}

TEST_F(PortLeasesTest, AnotherProcessTakesTheNameOfALostOneOver) {
  Node killed = Make("one", "tensorboard");
  Take(killed);
  leases_->SessionLost(killed.process.session);
  Node restarted = Make("one", "tensorboard");
  EXPECT_EQ(Take(restarted).service, "tensorboard");
  // The first lives after all: it is a fact, with another name.
  Reconnect(&killed);
  killed.claim.held_service = "tensorboard";
  killed.claim.listens_on = 6006;
  EXPECT_EQ(Take(killed).service, "tensorboard~2");
}

// The orphan of a killed `exec` listens on; its number must not become another node's meanwhile.
TEST_F(PortLeasesTest, TheNumberOfANameThatWasTakenOverIsKeptUntilTheLeaseHasRunOut) {
  const Node killed = Make("one", "tensorboard");
  Take(killed);
  leases_->SessionLost(killed.process.session);
  Node restarted = Make("one", "tensorboard");
  restarted.claim.taken = {6006};
  EXPECT_EQ(Take(restarted).port, 6007);
  Node two = Make("two", "tensorboard");
  two.claim.fixed = true;
  EXPECT_THAT(Refused(two), HasSubstr("one/tensorboard (an earlier process)"));
  Restart();
  EXPECT_THAT(Refused(two), HasSubstr("one/tensorboard (an earlier process)"));
  Pass(absl::Seconds(60), {restarted});
  EXPECT_EQ(Take(two).port, 6006);
}

TEST_F(PortLeasesTest, AListenerIsAFactThoughAnotherNodeHasTheNumber) {
  const Node one = Make("one", "tensorboard");
  Take(one);
  Node found = Make("two", "tensorboard", 0);
  found.claim.listens_on = 6006;
  const PortLeases::Grant grant = Take(found);
  EXPECT_EQ(grant.port, 6006);
  EXPECT_THAT(grant.conflict, HasSubstr("one/tensorboard"));
  const auto conflicts = leases_->Snapshot()->conflicts;
  ASSERT_THAT(conflicts, SizeIs(1));
  EXPECT_THAT(conflicts[0].holders, ElementsAre(HasSubstr("one/"), HasSubstr("two/")));
  // The owner goes: the number stays with the other listener.
  Release(one);
  EXPECT_THAT(leases_->Snapshot()->conflicts, IsEmpty());
  EXPECT_EQ(Take(Make("three", "tensorboard")).port, 6007);
  Restart();
  EXPECT_EQ(Take(Make("four", "tensorboard")).port, 6008);
}

TEST_F(PortLeasesTest, WhatAnAgentFoundStandsBackForWhoRegistersIt) {
  const Node asked = Make("one", "web");
  Take(asked);
  Node found = Make("one", "tensorboard", 0);
  found.claim.found = true;
  found.claim.listens_on = 6006;
  EXPECT_THAT(Refused(found), HasSubstr("one/web"));
  // On another node it is another listener.
  Node elsewhere = Make("two", "tensorboard", 0);
  elsewhere.claim.found = true;
  elsewhere.claim.listens_on = 6006;
  Take(elsewhere);

  Release(asked);
  EXPECT_EQ(Take(found).service, "tensorboard");
  Listening(found, 6006);
  Node later = Make("one", "web", 0);
  later.claim.listens_on = 6006;
  EXPECT_EQ(Take(later).port, 6006);
  EXPECT_THAT(Pass(absl::Seconds(1), {later, elsewhere}), ElementsAre(found.process.session));
  EXPECT_FALSE(leases_->Snapshot()->services.contains({"one", "tensorboard"}));
  EXPECT_THAT(Refused(found), HasSubstr("one/web"));
  Restart();
  EXPECT_THAT(Refused(found), HasSubstr("one/web"));
}

TEST_F(PortLeasesTest, SinceWhenAStaleServiceIsAway) {
  const Node node = Make("one", "tensorboard");
  Take(node);
  const absl::Time taken = clock_.Wall();
  clock_.Advance(absl::Seconds(20));
  const absl::Time lost = clock_.Wall();
  leases_->SessionLost(node.process.session);
  clock_.Advance(absl::Seconds(20));
  const ServiceStatus status = leases_->Snapshot()->services.at({"one", "tensorboard"});
  EXPECT_EQ(status.since, taken);
  EXPECT_EQ(status.away_since, lost);
}

TEST_F(PortLeasesTest, WhatRunsOnKeepsItsNameThoughItsAgentStartsAnew) {
  Node ann = Make("one", "tensorboard", 0);
  ann.claim.listens_on = 6006;
  Node bob = Make("one", "tensorboard", 0);
  bob.process.nonce = ann.process.nonce;
  bob.process.session = ann.process.session;
  bob.claim.id = 2;
  bob.claim.listens_on = 6007;
  EXPECT_EQ(Take(ann).service, "tensorboard");
  EXPECT_EQ(Take(bob).service, "tensorboard~2");
  leases_->SessionLost(ann.process.session);
  // The new agent comes upon them in another order.
  ann.process.nonce = bob.process.nonce = "anew";
  ann.process.session = bob.process.session = ++made_;
  EXPECT_EQ(Take(bob).service, "tensorboard~2");
  EXPECT_EQ(Take(ann).service, "tensorboard");
}

TEST_F(PortLeasesTest, TheCollectorsOwnPortIsLeased) {
  ASSERT_TRUE(leases_->HoldOwn("head", 6006, 42).ok());
  Pass(absl::Hours(48));
  // Who would open it is there.
  EXPECT_EQ(leases_->Snapshot()->services.count({"head", "collector"}), 0u);
  const PortLeases::Grant grant = Take(Make("one", "tensorboard"));
  EXPECT_EQ(grant.port, 6007);
  EXPECT_THAT(grant.conflict, HasSubstr("head/collector (pid 42)"));
  Restart();
  ASSERT_TRUE(leases_->HoldOwn("head2", 6100, 43).ok());
  EXPECT_EQ(Take(Make("two", "tensorboard")).port, 6006);
}

// The registry.

TEST_F(PortLeasesTest, WhatTheRegistryRefusesIsNotGiven) {
  registry_.FailCommit(FakeRegistry::Fate::kNoSpace);
  const Node one = Make("one", "tensorboard");
  EXPECT_TRUE(absl::IsResourceExhausted(
      leases_->Take(one.process, one.claim, clock_.Monotonic()).status()));
  EXPECT_EQ(Known(), 0u);
  EXPECT_EQ(Take(Make("two", "tensorboard")).port, 6006);
}

TEST_F(PortLeasesTest, AnExpiryThatCouldNotBeWrittenIsWrittenLater) {
  const Node one = Make("one", "tensorboard");
  Take(one);
  clock_.Advance(absl::Seconds(61));
  registry_.FailCommit(FakeRegistry::Fate::kNoSpace);
  EXPECT_FALSE(leases_->Tick().ok());
  EXPECT_EQ(StateOf("one", "tensorboard"), ServiceState::kStale);
  const auto lost = leases_->Tick();
  ASSERT_TRUE(lost.ok());
  EXPECT_THAT(*lost, SizeIs(1));
  Restart();
  EXPECT_EQ(Take(Make("one", "tensorboard")).service, "tensorboard");
}

TEST_F(PortLeasesTest, ARegistryThatSomebodyElseChangedGivesNothingTwice) {
  auto other = PortLeases::Open(options_, &registry_, &clock_);
  ASSERT_TRUE(other.ok());
  Take(Make("one", "tensorboard"));
  const Node two = Make("two", "tensorboard");
  EXPECT_TRUE(absl::IsAborted((*other)->Take(two.process, two.claim, clock_.Monotonic()).status()));
}

TEST_F(PortLeasesTest, DamagedRowsAreSetAsideAndTheirServicesGetLeasesAnew) {
  Take(Make("one", "tensorboard"));
  Take(Make("two", "tensorboard"));
  (*registry_.entries())["lease/one/tensorboard"] = "rot";
  (*registry_.entries())["port/6007"] += "rot";
  Restart();
  EXPECT_EQ(registry_.entries()->count("damaged/lease/one/tensorboard"), 1u);
  EXPECT_EQ(registry_.entries()->count("damaged/port/6007"), 1u);
  EXPECT_EQ(Known(), 1u);
  // The number without a lease is kept for a while, the lease without a row keeps its number.
  EXPECT_EQ(Take(Make("one", "tensorboard")).port, 6006);
  EXPECT_EQ(Take(Make("three", "tensorboard")).port, 6008);
}

// Each start but the first finds the lease of the collector's former self, and must forget it.
TEST_F(PortLeasesTest, Fault10_AFullDiskAtTheStartKeepsNobodyFromServing) {
  ASSERT_TRUE(leases_->HoldOwn("head", 6006, 42).ok());
  Take(Make("one", "tensorboard"));
  (*registry_.entries())["lease/one/tensorboard"] = "rot";
  registry_.SetScript([](const auto&) { return FakeRegistry::Fate::kNoSpace; });
  Restart();
  EXPECT_TRUE(absl::IsResourceExhausted(leases_->HoldOwn("head", 6006, 43)));
  EXPECT_TRUE(absl::IsResourceExhausted(leases_->Tick().status()));
  const Node one = Make("one", "tensorboard");
  EXPECT_TRUE(absl::IsResourceExhausted(
      leases_->Take(one.process, one.claim, clock_.Monotonic()).status()));

  registry_.SetScript(nullptr);
  EXPECT_TRUE(leases_->Tick().ok());
  EXPECT_EQ(registry_.entries()->count("damaged/lease/one/tensorboard"), 1u);
  EXPECT_EQ(Take(one).port, 6007);
  Restart();
  EXPECT_EQ(Known(), 1u);
}

}  // namespace
}  // namespace tributary
