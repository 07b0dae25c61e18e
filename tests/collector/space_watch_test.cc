#include "collector/space_watch.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/manual_task_queue.h"

namespace tributary {
namespace {

using ::testing::HasSubstr;

class SpaceWatchTest : public ::testing::Test {
 protected:
  SpaceWatchTest() { files_.WriteFile("/data/x", "x"); }
  void RunDue() {
    while (queue_.RunOne()) {
    }
  }

  FakeClock clock_;
  FakeFileSystem files_{&clock_};
  ManualTaskQueue queue_{&clock_};
  MetricsRegistry metrics_;
  SpaceWatch watch_{{"/data", 1234}, {&files_, &queue_, &metrics_}};
};

TEST_F(SpaceWatchTest, TellsWhatWasFoundASecondAgoAtMost) {
  watch_.Start();
  EXPECT_FALSE(watch_.Get().has_value()) << "nobody waits for the disk";
  RunDue();
  ASSERT_TRUE(watch_.Get().has_value());
  EXPECT_EQ(watch_.Get()->free_min_bytes(), 1234);
  EXPECT_THAT(metrics_.Text(), HasSubstr("tributary_collector_store_free_min_bytes 1234"));
  const uint64_t before = watch_.Get()->free_bytes();
  files_.SetTotalSpace(before / 2);
  clock_.Advance(absl::Seconds(1));
  RunDue();
  EXPECT_LT(watch_.Get()->free_bytes(), before);
}

TEST_F(SpaceWatchTest, ASystemThatDoesNotTellIsAskedAgain) {
  files_.Inject({FakeFileSystem::Call::kFreeSpace, absl::UnavailableError("stale handle")});
  watch_.Start();
  RunDue();
  EXPECT_FALSE(watch_.Get().has_value());
  clock_.Advance(absl::Seconds(1));
  RunDue();
  EXPECT_TRUE(watch_.Get().has_value());
}

}  // namespace
}  // namespace tributary
