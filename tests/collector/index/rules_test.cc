// Runs that people renamed, hid or merged: files move between runs, nothing is read again.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "collector/index/index.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/collector/index/event_bytes.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr double kStart = 1'700'000'000;

class RulesTest : public ::testing::Test {
 protected:
  std::shared_ptr<FileIndex> Add(const std::string& run, int64_t step,
                                 const std::string& process = "h.1", double seconds = 0) {
    EventFileIdentity identity;
    identity.run = RunName(run);
    identity.file_name =
        absl::StrCat("events.out.tfevents.", 1'700'000'000 + step, ".", process, ".0");
    identity.path = absl::StrCat(run, "/", identity.file_name);
    auto file = index_->AddFile(identity, nullptr);
    file->Append(EventBytes().At(kStart + seconds).Scalar("loss", step, 1).bytes());
    return file;
  }
  void SetRules(const std::vector<std::pair<std::string, std::string>>& renamed,
                const std::vector<std::string>& hidden = {},
                const std::vector<std::pair<std::string, bool>>& merged = {}) {
    RunRules rules;
    for (const auto& [from, to] : renamed) rules.renamed.emplace(RunName(from), RunName(to));
    for (const std::string& run : hidden) rules.hidden.insert(RunName(run));
    for (const auto& [run, value] : merged) rules.merged.emplace(RunName(run), value);
    index_->SetRules(std::move(rules));
  }
  static std::vector<std::string> Names(const IndexReader& index) {
    std::vector<std::string> names;
    for (const RunInfo& run : index.Runs()) names.push_back(run.name.value());
    return names;
  }
  std::vector<int64_t> Steps(const std::string& run) {
    const auto points = index_->ReadScalars(RunName(run), Tag("loss"), {.points_max = 0});
    return points.ok() ? points->steps : std::vector<int64_t>();
  }
  std::unique_ptr<Index> index_ = Index::Make({});
};

TEST_F(RulesTest, Rename_TheNewNameIsListedAndTheOldOneAnswered) {
  auto file = Add("old", 1);
  SetRules({{"old", "new"}});
  EXPECT_THAT(Names(*index_), ElementsAre("new"));
  EXPECT_THAT(Steps("new"), ElementsAre(1));
  EXPECT_THAT(Steps("old"), ElementsAre(1));
  EXPECT_EQ(index_->FindSeries(RunName("old"), Tag("loss"))->run, RunName("old"))
      << "who names it finds it under that name";
  SeriesFilter filter{"scalars", std::vector<std::string>{"old"}};
  EXPECT_EQ(index_->ListSeries(filter)[0].run, RunName("old"));
  EXPECT_EQ(index_->ListSeries({"scalars"})[0].run, RunName("new"));
  EXPECT_THAT(index_->SourceNames(RunName("new")), ElementsAre(RunName("old")));
  EXPECT_TRUE(index_->Has(RunName("new")));
  EXPECT_FALSE(index_->Has(RunName("old")));
  file->Append(EventBytes().At(kStart).Scalar("loss", 2, 1).Scalar("more", 2, 1).bytes());
  EXPECT_THAT(Steps("new"), ElementsAre(1, 2));
  EXPECT_TRUE(index_->FindSeries(RunName("new"), Tag("more")).has_value());
}

TEST_F(RulesTest, Rename_LaterFilesFollowAndUndoingBringsAllBack) {
  Add("old", 1);
  SetRules({{"old", "new"}});
  Add("old", 2);
  EXPECT_THAT(Steps("new"), ElementsAre(1, 2));
  SetRules({});
  EXPECT_THAT(Names(*index_), ElementsAre("old"));
  EXPECT_THAT(Steps("old"), ElementsAre(1, 2));
  EXPECT_THAT(Steps("new"), IsEmpty());
}

TEST_F(RulesTest, Rename_ToARunThatIsThereJoinsItAndCanBeUndone) {
  Add("a", 1);
  auto file = Add("b", 2);
  SetRules({{"a", "b"}});
  EXPECT_THAT(Names(*index_), ElementsAre("b"));
  EXPECT_THAT(Steps("b"), ElementsAre(1, 2));
  EXPECT_THAT(index_->Overview("")[0].sources, ElementsAre(RunName("a"), RunName("b")));
  index_->RemoveFile(file);
  EXPECT_THAT(Steps("b"), ElementsAre(1));
  SetRules({});
  EXPECT_THAT(Names(*index_), ElementsAre("a"));
}

TEST_F(RulesTest, Rename_WhatWasSplitOffFollows) {
  Add("old", 1, "a.1", 100);
  Add("old", 2, "b.2", 100);
  SetRules({{"old", "new"}});
  EXPECT_THAT(Names(*index_), UnorderedElementsAre("new", "new@b.2"));
  EXPECT_THAT(Steps("old@b.2"), ElementsAre(2));
  EXPECT_THAT(Steps("new@b.2"), ElementsAre(2));
}

TEST_F(RulesTest, Rename_MovesBetweenNameSpaces) {
  Add("job1/a", 1);
  SetRules({{"job1/a", "job2/b"}});
  EXPECT_THAT(Names(*index_->Below("job1")), IsEmpty());
  EXPECT_THAT(Names(*index_->Below("job2")), ElementsAre("b"));
  EXPECT_TRUE(index_->Below("job1")->FindSeries(RunName("a"), Tag("loss")).has_value());
}

TEST_F(RulesTest, Hide_IsListedNowhereAndAnsweredByName) {
  Add("a", 1, "a.1", 100);
  Add("a", 2, "b.2", 100);
  Add("b", 1);
  const auto only = index_->Only(std::make_shared<const std::vector<RunName>>(
      std::vector<RunName>{RunName("a"), RunName("b")}));
  SetRules({}, {"a"});
  EXPECT_THAT(Names(*index_), ElementsAre("b")) << "nor what was split off it";
  EXPECT_THAT(Names(*only), ElementsAre("b"));
  EXPECT_EQ(index_->ListSeries({"scalars"}).size(), 1);
  EXPECT_THAT(Steps("a"), ElementsAre(1));
  EXPECT_EQ(index_->Newest(10).total, 1);
  EXPECT_TRUE(index_->Overview("")[0].hidden);
  SetRules({});
  EXPECT_EQ(index_->Runs().size(), 3);
}

TEST_F(RulesTest, Merge_AllWritersAreOneAndSplitUndoesIt) {
  Add("a", 1, "a.1", 100);
  Add("a", 2, "b.2", 100);
  EXPECT_EQ(index_->Runs().size(), 2);
  SetRules({}, {}, {{"a", true}});
  EXPECT_THAT(Names(*index_), ElementsAre("a"));
  EXPECT_THAT(Steps("a"), ElementsAre(1, 2));
  EXPECT_TRUE(index_->Overview("")[0].merged);
  SetRules({}, {}, {{"a", false}});
  EXPECT_EQ(index_->Runs().size(), 2);
}

TEST_F(RulesTest, Merge_HoldsForARunThatComesLater) {
  SetRules({{"x", "a"}}, {}, {{"a", true}});
  Add("x", 1, "a.1", 100);
  Add("x", 2, "b.2", 100);
  EXPECT_THAT(Names(*index_), ElementsAre("a"));
}

TEST_F(RulesTest, EveryChangeIsANewVersion) {
  Add("a", 1);
  const uint64_t version = index_->version();
  const uint64_t runs = index_->runs_version();
  SetRules({{"a", "b"}});
  EXPECT_GT(index_->version(), version);
  EXPECT_GT(index_->runs_version(), runs);
}

// A file grows new series while it is moved to and fro: none may stay unseen.
TEST_F(RulesTest, Threads_ASeriesThatComesDuringAMoveIsSeen) {
  auto file = Add("a", 0);
  std::atomic<bool> done{false};
  std::thread mover([&] {
    while (!done.load()) {
      SetRules({{"a", "b"}});
      SetRules({});
    }
  });
  for (int i = 0; i < 300; ++i) {
    const std::string tag = absl::StrCat("tag", i);
    file->Append(EventBytes().At(kStart).Scalar(tag, 1, 1).bytes());
    EXPECT_TRUE(index_->FindSeries(RunName("a"), Tag(tag)).has_value()) << tag;
  }
  done = true;
  mover.join();
}

}  // namespace
}  // namespace tributary
