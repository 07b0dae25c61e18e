#include "common/backoff.h"

#include "gtest/gtest.h"

namespace tributary {
namespace {

TEST(BackoffTest, DoublesWithJitterUpToTheCapAndStartsAgainAfterReset) {
  SeededRandom random(7);
  Backoff backoff({.first = absl::Milliseconds(100), .cap = absl::Seconds(15)}, &random);
  absl::Duration full = absl::Milliseconds(100);
  for (int i = 0; i < 40; ++i) {
    const absl::Duration delay = backoff.Next();
    EXPECT_LE(delay, full) << i;
    EXPECT_GE(delay, full / 2) << i;
    full = std::min(full * 2, absl::Seconds(15));
  }
  backoff.Reset();
  EXPECT_LE(backoff.Next(), absl::Milliseconds(100));
}

}  // namespace
}  // namespace tributary
