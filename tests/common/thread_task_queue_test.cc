#include "common/thread_task_queue.h"

#include <vector>

#include "gtest/gtest.h"

namespace tributary {
namespace {

TEST(ThreadTaskQueueTest, RunsTasksInTheOrderOfPosting) {
  std::vector<int> order;
  ThreadTaskQueue queue("test", RealClock());
  for (int i = 0; i < 1000; ++i) {
    queue.Post([&order, i] { order.push_back(i); });
  }
  queue.Stop();
  ASSERT_EQ(order.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(ThreadTaskQueueTest, DelayedTaskDoesNotHoldUpLaterOnes) {
  std::vector<int> order;
  ThreadTaskQueue queue("test", RealClock());
  Mutex mu;
  CondVar changed;
  bool done = false;
  queue.PostAfter(absl::Milliseconds(20), [&] {
    order.push_back(2);
    MutexLock lock(&mu);
    done = true;
    changed.Signal();
  });
  queue.Post([&] { order.push_back(1); });
  {
    MutexLock lock(&mu);
    while (!done) changed.Wait(&mu);
  }
  queue.Stop();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(ThreadTaskQueueTest, StopRunsWhatWasPostedAndDropsWhatWaits) {
  int ran = 0;
  ThreadTaskQueue queue("test", RealClock());
  queue.PostAfter(absl::Hours(1), [&] { ran += 100; });
  queue.Post([&] { ++ran; });
  queue.Stop();
  queue.Post([&] { ran += 1000; });
  EXPECT_EQ(ran, 1);
}

}  // namespace
}  // namespace tributary
