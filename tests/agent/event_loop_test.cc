#include "agent/event_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <vector>

#include "tests/support/fake_clock.h"

namespace tributary::agent {
namespace {

using ::testing::ElementsAre;

// A place where one thread waits for what another tells.
class Told {
 public:
  void Tell(int what) {
    MutexLock lock(&mu_);
    told_.push_back(what);
    changed_.SignalAll();
  }
  std::vector<int> WaitFor(size_t count) {
    MutexLock lock(&mu_);
    while (told_.size() < count) changed_.Wait(&mu_);
    return told_;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::vector<int> told_ ABSL_GUARDED_BY(mu_);
};

TEST(EventLoopTest, StopWithoutStart) {
  FakeClock clock;
  EventLoop loop(&clock);
  loop.Post([] { FAIL() << "there is no thread"; });
  loop.Stop();
}

TEST(EventLoopTest, TasksRunInTheOrderOfPostingEvenFromBeforeTheStart) {
  FakeClock clock;
  Told told;
  EventLoop loop(&clock);
  loop.Post([&] { told.Tell(1); });
  loop.Post([&] {
    told.Tell(2);
    loop.Post([&] { told.Tell(4); });
  });
  loop.Post([&] { told.Tell(3); });
  loop.Start({.name = "a name that is too long"});
  EXPECT_THAT(told.WaitFor(4), ElementsAre(1, 2, 3, 4));
}

TEST(EventLoopTest, DelayedTasksRunWhenTheyAreDueAndNotBefore) {
  FakeClock clock;
  Told told;
  EventLoop loop(&clock);
  loop.PostAfter(absl::Seconds(10), [&] { told.Tell(10); });
  loop.PostAfter(absl::Seconds(5), [&] { told.Tell(5); });
  loop.PostAfter(absl::Seconds(5), [&] { told.Tell(6); });
  loop.Start({.name = "test"});
  loop.Post([&] { told.Tell(0); });
  EXPECT_THAT(told.WaitFor(1), ElementsAre(0));
  clock.Advance(absl::Seconds(7));
  loop.Post([] {});  // The loop sleeps by the real clock: it has to look at this one.
  EXPECT_THAT(told.WaitFor(3), ElementsAre(0, 5, 6));
  clock.Advance(absl::Seconds(3));
  loop.Post([] {});
  EXPECT_THAT(told.WaitFor(4), ElementsAre(0, 5, 6, 10));
}

TEST(EventLoopTest, StopRunsWhatWasPostedAndDropsWhatWaits) {
  FakeClock clock;
  Told told;
  {
    EventLoop loop(&clock);
    loop.Start({.name = "test"});
    loop.PostAfter(absl::Hours(1), [&] { told.Tell(2); });
    loop.Post([&] { told.Tell(1); });
    loop.Stop();
    loop.Post([&] { told.Tell(3); });
    loop.PostAfter(absl::ZeroDuration(), [&] { told.Tell(4); });
    loop.Stop();
  }
  EXPECT_THAT(told.WaitFor(1), ElementsAre(1));
}

// Where the wake-ups of a task and of Stop are heard as one, nothing wakes the loop again.
TEST(EventLoopTest, StopIsHeardTogetherWithATask) {
  FakeClock clock;
  for (int round = 0; round < 500; ++round) {
    EventLoop loop(&clock);
    loop.Start({.name = "test"});
    loop.Post([] {});
    loop.Stop();
  }
}

TEST(EventLoopTest, TheTickIsToldOfTheDescriptorOnceForEachEvent) {
  FakeClock clock;
  Told told;
  const int descriptor = eventfd(0, EFD_NONBLOCK);
  ASSERT_GE(descriptor, 0);
  {
    EventLoop loop(&clock);
    loop.Start({.name = "test", .descriptor = descriptor, .tick = [&](bool woken) {
                  told.Tell(woken ? 1 : 0);
                  return absl::InfiniteDuration();
                }});
    // The first look counts as news: something may have come before the start.
    EXPECT_THAT(told.WaitFor(1), ElementsAre(1));
    const uint64_t one = 1;
    ASSERT_EQ(write(descriptor, &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
    EXPECT_THAT(told.WaitFor(2), ElementsAre(1, 1));
    // It was not read, and does not wake again by itself: the next tick is that of the task.
    loop.Post([] {});
    EXPECT_THAT(told.WaitFor(3), ElementsAre(1, 1, 0));
  }
  close(descriptor);
}

TEST(EventLoopTest, ATickThatIsDueAtOnceRunsAgain) {
  FakeClock clock;
  Told told;
  int ticks = 0;
  EventLoop loop(&clock);
  loop.Start({.name = "test", .tick = [&](bool) {
                if (ticks < 3) told.Tell(++ticks);
                return ticks < 3 ? clock.Monotonic() : absl::InfiniteDuration();
              }});
  EXPECT_THAT(told.WaitFor(3), ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace tributary::agent
