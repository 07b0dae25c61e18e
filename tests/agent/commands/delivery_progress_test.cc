#include "agent/commands/delivery_progress.h"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/support/fake_clock.h"

namespace tributary::agent {
namespace {

Progress Delivering(uint64_t durable, uint64_t on_disk) {
  Progress progress;
  progress.state = SessionState::kStreaming;
  progress.files = 4;
  progress.files_behind = durable < on_disk ? 1 : 0;
  progress.bytes_durable = durable;
  progress.bytes_on_disk = on_disk;
  return progress;
}

TEST(DeliveryProgressTest, WithoutAConnectionItSaysWhy) {
  Progress progress;
  EXPECT_EQ(ProgressText(progress), "no connection to the collector yet");
  progress.last_error = "refused";
  EXPECT_EQ(ProgressText(progress), "no connection to the collector yet: refused");
}

TEST(DeliveryProgressTest, BytesAndFiles) {
  EXPECT_EQ(ProgressText(Delivering(1024, 4096)), "1.0 KiB of 4.0 KiB durable, 3 of 4 files");
  EXPECT_EQ(ProgressText(Delivering(4096, 4096)), "4.0 KiB of 4.0 KiB durable, 4 of 4 files");
}

TEST(DeliveryProgressTest, TheRateBeginsWithTheConnection) {
  FakeClock clock;
  std::ostringstream out;
  ProgressLine line(&out, /*terminal=*/true, &clock);
  ShowProgress(Progress(), &line);
  clock.Advance(absl::Seconds(100));
  ShowProgress(Delivering(1024, 4096), &line);
  clock.Advance(absl::Seconds(2));
  out.str("");
  ShowProgress(Delivering(3072, 4096), &line);
  EXPECT_EQ(out.str(), "\r3.0 KiB of 4.0 KiB durable, 3 of 4 files, 1.0 KiB/s, 1 s left\x1b[K");
}

}  // namespace
}  // namespace tributary::agent
