// Random worlds. Set in the environment:
//   SIM_SEED=17    only this one; what happens in it goes to standard error
//   SIM_SEEDS=20000 to this one instead of a few; SIM_FIRST=5000 from that one on
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/sim/schedule.h"
#include "tests/sim/world.h"

namespace tributary::sim {
namespace {

// For a CHECK that ends the process: which seed it was.
char running_seed[64];

void TellSeed(int) {
  // Only what a signal handler may do.
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, running_seed, std::char_traits<char>::length(running_seed));
  std::signal(SIGABRT, SIG_DFL);
}

std::optional<uint64_t> NumberOf(const char* variable) {
  const char* const text = std::getenv(variable);
  uint64_t number = 0;
  if (text == nullptr || !absl::SimpleAtoi(text, &number)) return std::nullopt;
  return number;
}

struct Outcome {
  std::string failure;
  uint64_t fingerprint = 0;
  uint64_t promises = 0;
};

Outcome RunSeed(uint64_t seed, Defect defect, bool print) {
  std::snprintf(running_seed, sizeof(running_seed), "SIM_SEED=%llu\n",
                static_cast<unsigned long long>(seed));
  std::signal(SIGABRT, TellSeed);
  World world({.seed = seed, .defect = defect, .print = print});
  Schedule({}, &world).Run();
  return {world.trace()->failure(), world.trace()->fingerprint(), world.checker()->promises()};
}

TEST(SimTest, EveryPromiseIsKeptInEveryWorld) {
  const std::optional<uint64_t> only = NumberOf("SIM_SEED");
  const uint64_t first = only.value_or(NumberOf("SIM_FIRST").value_or(1));
  const uint64_t last = only.has_value() ? *only : NumberOf("SIM_SEEDS").value_or(1000);
  int failures = 0;
  for (uint64_t seed = first; seed <= last && failures < 10; ++seed) {
    const Outcome outcome = RunSeed(seed, Defect::kNone, only.has_value());
    failures += outcome.failure.empty() ? 0 : 1;
    EXPECT_EQ(outcome.failure, "") << "again with SIM_SEED=" << seed;
  }
}

TEST(SimTest, OneSeedIsOneWorld) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    EXPECT_EQ(RunSeed(seed, Defect::kNone, false).fingerprint,
              RunSeed(seed, Defect::kNone, false).fingerprint)
        << "seed " << seed;
  }
}

// The number of the first seed that shows the defect; 0 if none of 200 does.
uint64_t CaughtAt(Defect defect, std::string* failure) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    *failure = RunSeed(seed, defect, false).failure;
    if (!failure->empty()) return seed;
  }
  return 0;
}

TEST(SimTest, AckBeforeSyncIsCaughtWithin200Seeds) {
  std::string failure;
  const uint64_t seed = CaughtAt(Defect::kAckBeforeSync, &failure);
  EXPECT_NE(seed, 0u);
  RecordProperty("caught_at_seed", static_cast<int>(seed));
  RecordProperty("failure", failure);
}

TEST(SimTest, AppendedOverlapIsCaughtWithin200Seeds) {
  std::string failure;
  const uint64_t seed = CaughtAt(Defect::kOverlapAppended, &failure);
  EXPECT_NE(seed, 0u);
  RecordProperty("caught_at_seed", static_cast<int>(seed));
  RecordProperty("failure", failure);
}

}  // namespace
}  // namespace tributary::sim
