#include "collector/ingest/credit_pool.h"

#include <gtest/gtest.h>

#include <map>

#include "common/random.h"

namespace tributary {
namespace {

const SessionId kA(1);
const SessionId kB(2);

CreditPool::Options Small() {
  CreditPool::Options options;
  options.pool_bytes = 1000;
  options.floor_bytes = 100;
  options.session_bytes_max = 600;
  options.quantum_bytes = 200;
  return options;
}

TEST(CreditPoolTest, ASessionHoldsTheFloorFromTheStart) {
  CreditPool pool(Small());
  ASSERT_TRUE(pool.Admit(kA));
  EXPECT_EQ(pool.held_bytes(kA), 100u);
  EXPECT_EQ(pool.reserved_bytes(), 100u);
  EXPECT_TRUE(pool.TakeGrants().empty());
}

TEST(CreditPoolTest, FloorsTakeAtMostHalfOfThePool) {
  CreditPool pool(Small());
  for (uint64_t i = 1; i <= 5; ++i) EXPECT_TRUE(pool.Admit(SessionId(i)));
  EXPECT_FALSE(pool.Admit(SessionId(6)));
  pool.Release(SessionId(3));
  EXPECT_TRUE(pool.Admit(SessionId(6)));
}

TEST(CreditPoolTest, MoreThanHeldCannotBeSpent) {
  CreditPool pool(Small());
  ASSERT_TRUE(pool.Admit(kA));
  EXPECT_FALSE(pool.Spend(kA, 101));
  EXPECT_EQ(pool.held_bytes(kA), 100u);
  EXPECT_TRUE(pool.Spend(kA, 100));
  EXPECT_FALSE(pool.Spend(kA, 1));
  EXPECT_FALSE(pool.Spend(kB, 1));
}

TEST(CreditPoolTest, ABusySessionGrowsToItsBoundAndNoFurther) {
  CreditPool pool(Small());
  ASSERT_TRUE(pool.Admit(kA));
  for (int round = 0; round < 20; ++round) {
    const uint64_t held = pool.held_bytes(kA);
    ASSERT_TRUE(pool.Spend(kA, held));
    EXPECT_LE(pool.held_bytes(kA) + pool.in_flight_bytes(kA), 600u);
    pool.TakeGrants();
  }
  EXPECT_EQ(pool.held_bytes(kA) + pool.in_flight_bytes(kA), 600u);
  // Nothing was put away: nothing more is given.
  EXPECT_EQ(pool.in_flight_bytes(kA), 600u);
  EXPECT_TRUE(pool.TakeGrants().empty());
  pool.Finish(kA, 600);
  EXPECT_EQ(pool.TakeGrants().size(), 1u);
  EXPECT_EQ(pool.held_bytes(kA), 600u);
}

TEST(CreditPoolTest, TwoThatWantAllTakeTurns) {
  CreditPool pool(Small());
  ASSERT_TRUE(pool.Admit(kA));
  ASSERT_TRUE(pool.Admit(kB));
  for (int round = 0; round < 20; ++round) {
    pool.Spend(kA, pool.held_bytes(kA));
    pool.Spend(kB, pool.held_bytes(kB));
    pool.TakeGrants();
  }
  EXPECT_EQ(pool.reserved_bytes(), 1000u);
  EXPECT_GE(pool.in_flight_bytes(kA), 400u);
  EXPECT_GE(pool.in_flight_bytes(kB), 400u);
}

TEST(CreditPoolTest, TheFloorIsGivenEvenWhenOthersWaitForRoom) {
  CreditPool pool(Small());
  for (uint64_t i = 1; i <= 5; ++i) ASSERT_TRUE(pool.Admit(SessionId(i)));
  // Four use up all there is and wait for more.
  for (int round = 0; round < 20; ++round) {
    for (uint64_t i = 1; i <= 4; ++i) pool.Spend(SessionId(i), pool.held_bytes(SessionId(i)));
    pool.TakeGrants();
  }
  EXPECT_EQ(pool.reserved_bytes(), 1000u);
  ASSERT_TRUE(pool.Spend(SessionId(5), 100));
  EXPECT_TRUE(pool.TakeGrants().empty());
  pool.Finish(SessionId(5), 100);
  const std::vector<CreditPool::Grant> grants = pool.TakeGrants();
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_EQ(grants[0].session, SessionId(5));
  EXPECT_EQ(grants[0].bytes, 100u);
}

TEST(CreditPoolTest, WhatAnEndedSessionHasInFlightStaysReserved) {
  CreditPool pool(Small());
  ASSERT_TRUE(pool.Admit(kA));
  ASSERT_TRUE(pool.Spend(kA, 60));
  pool.Release(kA);
  EXPECT_EQ(pool.reserved_bytes(), 60u);
  EXPECT_EQ(pool.sessions(), 0u);
  pool.Finish(kA, 60);
  EXPECT_EQ(pool.reserved_bytes(), 0u);
}

TEST(CreditPoolTest, AnIdleSessionShrinksToTheFloor) {
  CreditPool pool(Small());
  ASSERT_TRUE(pool.Admit(kA));
  for (int round = 0; round < 10; ++round) {
    const uint64_t held = pool.held_bytes(kA);
    pool.Spend(kA, held);
    pool.Finish(kA, held);
    pool.TakeGrants();
  }
  ASSERT_EQ(pool.held_bytes(kA), 600u);
  for (int second = 0; second < 10; ++second) pool.Tick();
  // What it holds cannot be taken back, but it is not given anew.
  ASSERT_TRUE(pool.Spend(kA, 450));
  pool.Finish(kA, 450);
  EXPECT_TRUE(pool.TakeGrants().empty());
  EXPECT_EQ(pool.held_bytes(kA), 150u);
}

TEST(CreditPoolTest, ReturnedCreditServesOthers) {
  CreditPool pool(Small());
  ASSERT_TRUE(pool.Admit(kA));
  for (int round = 0; round < 10; ++round) {
    const uint64_t held = pool.held_bytes(kA);
    pool.Spend(kA, held);
    pool.Finish(kA, held);
    pool.TakeGrants();
  }
  EXPECT_FALSE(pool.Return(kA, 601));
  EXPECT_TRUE(pool.Return(kA, 500));
  EXPECT_EQ(pool.reserved_bytes(), 100u);
  EXPECT_TRUE(pool.TakeGrants().empty());
}

TEST(CreditPoolTest, PausedNothingIsGivenAndAfterwardsEachOneThatSpentIsTold) {
  CreditPool pool(Small());
  ASSERT_TRUE(pool.Admit(kA));
  pool.Pause();
  ASSERT_TRUE(pool.Spend(kA, 10));
  pool.Finish(kA, 10);
  EXPECT_TRUE(pool.TakeGrants().empty());
  pool.Resume();
  const std::vector<CreditPool::Grant> grants = pool.TakeGrants();
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_GE(grants[0].bytes, 1u);
}

TEST(CreditPoolTest, RefusedBytesComeBackExactlyWhateverTheWindow) {
  CreditPool pool(Small());
  ASSERT_TRUE(pool.Admit(kA));
  ASSERT_TRUE(pool.Spend(kA, 7));
  pool.Refuse(kA, 5);
  std::vector<CreditPool::Grant> grants = pool.TakeGrants();
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_EQ(grants[0].bytes, 5u);
  EXPECT_EQ(pool.held_bytes(kA), 98u);
  EXPECT_EQ(pool.in_flight_bytes(kA), 2u);
  EXPECT_TRUE(pool.TakeGrants().empty());
}

TEST(CreditPoolTest, WhatIsOwedToAnEndedSessionIsFreeAgain) {
  CreditPool pool(Small());
  ASSERT_TRUE(pool.Admit(kA));
  ASSERT_TRUE(pool.Spend(kA, 50));
  pool.Refuse(kA, 20);
  pool.Release(kA);
  EXPECT_EQ(pool.reserved_bytes(), 30u);
  pool.Refuse(kA, 30);
  EXPECT_EQ(pool.reserved_bytes(), 0u);
  EXPECT_TRUE(pool.TakeGrants().empty());
}

TEST(CreditPoolTest, OneThatIsOwedAByteGetsItWhenThePoolGoesOn) {
  CreditPool pool(Small());
  ASSERT_TRUE(pool.Admit(kA));
  pool.Pause();
  pool.Owe(kA);
  EXPECT_TRUE(pool.TakeGrants().empty());
  pool.Resume();
  const std::vector<CreditPool::Grant> grants = pool.TakeGrants();
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_EQ(grants[0].bytes, 1u);
  EXPECT_EQ(pool.held_bytes(kA), 101u);
}

// A disk that stands still: who waits for us is not taken for idle, its window goes on growing.
TEST(CreditPoolTest, ASessionThatHoldsNothingDoesNotShrink) {
  CreditPool pool(Small());
  ASSERT_TRUE(pool.Admit(kA));
  for (int second = 0; second < 10; ++second) {
    pool.Spend(kA, pool.held_bytes(kA));
    pool.TakeGrants();
    pool.Tick();
  }
  EXPECT_EQ(pool.in_flight_bytes(kA) + pool.held_bytes(kA), 600u);
}

TEST(CreditPoolTest, RandomActionsNeverExceedThePoolAndNeverStarve) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SeededRandom random(seed);
    CreditPool pool(Small());
    std::map<uint64_t, uint64_t> held;  // as the agents believe
    for (uint64_t i = 1; i <= 5; ++i) {
      ASSERT_TRUE(pool.Admit(SessionId(i)));
      held[i] = 100;
    }
    for (int action = 0; action < 2000; ++action) {
      const uint64_t i = 1 + random.Below(5);
      const SessionId id(i);
      switch (random.Below(5)) {
        case 0: {
          const uint64_t bytes = random.Below(held[i] + 1);
          ASSERT_TRUE(pool.Spend(id, bytes)) << "seed " << seed;
          held[i] -= bytes;
          break;
        }
        case 1:
          pool.Finish(id, random.Below(pool.in_flight_bytes(id) + 1));
          break;
        case 4:
          pool.Refuse(id, random.Below(pool.in_flight_bytes(id) + 1));
          break;
        case 2:
          pool.Tick();
          break;
        case 3:
          for (const CreditPool::Grant& grant : pool.TakeGrants()) {
            held[grant.session.value()] += grant.bytes;
          }
          break;
      }
      ASSERT_EQ(pool.held_bytes(id), held[i]) << "seed " << seed;
      ASSERT_LE(pool.reserved_bytes(), 1000u) << "seed " << seed;
    }
    // When all is put away everybody can send again.
    for (uint64_t i = 1; i <= 5; ++i) {
      pool.Finish(SessionId(i), pool.in_flight_bytes(SessionId(i)));
    }
    pool.TakeGrants();
    for (uint64_t i = 1; i <= 5; ++i) EXPECT_GT(pool.held_bytes(SessionId(i)), 0u) << seed;
  }
}

}  // namespace
}  // namespace tributary
