#include "common/worker_pool.h"

#include <atomic>
#include <memory>

#include "gtest/gtest.h"

namespace tributary {
namespace {

// Lets a task wait until the test says so.
class Gate {
 public:
  void Open() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    open_ = true;
    changed_.SignalAll();
  }
  void Pass() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    ++arrived_;
    changed_.SignalAll();
    while (!open_) changed_.Wait(&mu_);
  }
  void AwaitArrived(int count) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    while (arrived_ < count) changed_.Wait(&mu_);
  }

 private:
  Mutex mu_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mu_) = false;
  int arrived_ ABSL_GUARDED_BY(mu_) = 0;
};

TEST(WorkerPoolTest, ALongTaskDoesNotHoldUpOthers) {
  Gate gate;
  Gate other;
  WorkerPool pool("test", 2, 10);
  ASSERT_TRUE(pool.Post([&] { gate.Pass(); }));
  gate.AwaitArrived(1);
  other.Open();
  ASSERT_TRUE(pool.Post([&] { other.Pass(); }));
  other.AwaitArrived(1);
  gate.Open();
}

TEST(WorkerPoolTest, RefusesWhatIsTooMuch) {
  Gate gate;
  std::atomic<int> ran = 0;
  {
    WorkerPool pool("test", 1, 2);
    ASSERT_TRUE(pool.Post([&] { gate.Pass(); }));
    gate.AwaitArrived(1);
    EXPECT_TRUE(pool.Post([&] { ++ran; }));
    EXPECT_TRUE(pool.Post([&] { ++ran; }));
    EXPECT_FALSE(pool.Post([&] { ++ran; }));
    gate.Open();
  }
  EXPECT_EQ(ran, 2);
}

TEST(WorkerPoolTest, StopRunsWhatWasPostedAndThenTakesNothing) {
  std::atomic<int> ran = 0;
  WorkerPool pool("test", 3, 100);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(pool.Post([&] { ++ran; }));
  pool.Stop();
  EXPECT_EQ(ran, 50);
  EXPECT_FALSE(pool.Post([&] { ++ran; }));
  EXPECT_EQ(ran, 50);
}

}  // namespace
}  // namespace tributary
