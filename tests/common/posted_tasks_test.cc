#include "common/posted_tasks.h"

#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PostedTasksTest : public ::testing::Test {
 protected:
  Task Note(int number) {
    return [this, number] { ran_.push_back(number); };
  }
  // Returns what ran.
  std::vector<int> RunAt(int second) {
    std::deque<Task> batch;
    next_ = posted_.Take(absl::Seconds(second), &batch);
    ran_.clear();
    for (Task& task : batch) task();
    return ran_;
  }

  PostedTasks posted_;
  absl::Duration next_;
  std::vector<int> ran_;
};

TEST_F(PostedTasksTest, OnlyTheFirstOneThatIsAddedMustWakeTheThread) {
  EXPECT_TRUE(posted_.Add(Note(1)));
  EXPECT_FALSE(posted_.Add(Note(2)));
  EXPECT_THAT(RunAt(0), ElementsAre(1, 2));
  EXPECT_EQ(next_, absl::InfiniteDuration());
  EXPECT_TRUE(posted_.Add(Note(3)));
}

TEST_F(PostedTasksTest, WhatIsDueRunsByItsTimeAndThenByOrder) {
  posted_.AddAt(absl::Seconds(3), Note(30));
  posted_.AddAt(absl::Seconds(1), Note(10));
  posted_.AddAt(absl::Seconds(3), Note(31));
  posted_.AddAt(absl::Seconds(2), Note(20));
  EXPECT_THAT(RunAt(0), IsEmpty());
  EXPECT_EQ(next_, absl::Seconds(1));
  posted_.Add(Note(1));
  EXPECT_THAT(RunAt(2), ElementsAre(1, 10, 20));
  EXPECT_EQ(next_, absl::Seconds(3));
  EXPECT_THAT(RunAt(3), ElementsAre(30, 31));
  EXPECT_EQ(next_, absl::InfiniteDuration());
}

}  // namespace
}  // namespace tributary
