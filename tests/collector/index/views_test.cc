// Views of the index: the runs below a name space, some runs only, the newest ones.
#include <memory>
#include <string>
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

class ViewsTest : public ::testing::Test {
 protected:
  // One scalar, "loss", at `seconds` after the start. `process` names the writer.
  std::shared_ptr<FileIndex> Add(const std::string& run, double seconds,
                                 const std::string& process = "h.1") {
    EventFileIdentity identity;
    identity.run = RunName(run);
    identity.file_name = absl::StrCat("events.out.tfevents.1700000000.", process, ".0");
    identity.path = absl::StrCat(run, "/", identity.file_name);
    auto file = index_->AddFile(identity, nullptr);
    file->Append(EventBytes().At(kStart + seconds).Scalar("loss", 1, 1).bytes());
    return file;
  }
  // A run that two writers wrote at once.
  void AddSplit(const std::string& run) {
    for (const char* process : {"a.1", "b.2"}) Add(run, 100, process);
  }

  static std::vector<std::string> Names(const IndexReader& index) {
    std::vector<std::string> names;
    for (const RunInfo& run : index.Runs()) names.push_back(run.name.value());
    return names;
  }
  static std::vector<std::string> Names(const std::vector<RunName>& runs) {
    std::vector<std::string> names;
    for (const RunName& run : runs) names.push_back(run.value());
    return names;
  }
  static std::vector<std::string> Series(const IndexReader& index, const SeriesFilter& filter) {
    std::vector<std::string> names;
    for (const SeriesInfo& info : index.ListSeries(filter)) names.push_back(info.run.value());
    return names;
  }

  std::unique_ptr<Index> index_ = Index::Make({});
};

TEST_F(ViewsTest, Below_MatchesWholeComponentsAndRemovesThem) {
  for (const char* run : {"job/node1", "job/node1/eval", "job/node10", "job/node1!", "other"}) {
    Add(run, 0);
  }
  EXPECT_THAT(Names(*index_->Below("job/node1")), UnorderedElementsAre(".", "eval"));
  EXPECT_THAT(Names(*index_->Below("job")),
              UnorderedElementsAre("node1", "node1/eval", "node10", "node1!"));
  EXPECT_THAT(Names(*index_->Below("jo")), IsEmpty());
  EXPECT_THAT(Series(*index_->Below("job/node1"), {"scalars"}), ElementsAre(".", "eval"));
  EXPECT_THAT(index_->Below("job")->Plugins(), ElementsAre("scalars"));
  EXPECT_THAT(index_->Below("none")->Plugins(), IsEmpty());
}

TEST_F(ViewsTest, Below_NamedRunsAreThoseOfTheNameSpace) {
  Add("job/a", 0);
  Add("a", 0);
  Add("job", 0);
  const auto below = index_->Below("job");
  EXPECT_THAT(Series(*below, {"scalars", std::vector<std::string>{"a", "job/a", "."}}),
              ElementsAre(".", "a"));
  EXPECT_EQ(below->FindSeries(RunName("a"), Tag("loss"))->run, RunName("a"));
  EXPECT_TRUE(below->ReadScalars(RunName("a"), Tag("loss"), {}).ok());
  EXPECT_TRUE(below->ReadScalars(RunName("."), Tag("loss"), {}).ok());
  EXPECT_FALSE(below->ReadScalars(RunName("job/a"), Tag("loss"), {}).ok());
  EXPECT_THAT(Names(below->SourceNames(RunName("a"))), ElementsAre("job/a"));
  EXPECT_THAT(Names(below->SourceNames(RunName("../a"))), IsEmpty());
}

TEST_F(ViewsTest, Below_WhatWasSplitOffTheNameSpacesOwnRunIsThere) {
  AddSplit("job");
  AddSplit("job/x");
  const auto below = index_->Below("job");
  EXPECT_THAT(Names(*below), UnorderedElementsAre(".", ".@b.2", "x", "x@b.2"));
  EXPECT_TRUE(below->ReadScalars(RunName(".@b.2"), Tag("loss"), {}).ok());
  EXPECT_TRUE(below->ReadScalars(RunName("x@b.2"), Tag("loss"), {}).ok());
}

TEST_F(ViewsTest, Below_HasNoRoot) {
  Add("job/a", 0);
  EXPECT_THAT(Names(index_->SourceNames(RunName("."))), ElementsAre("."));
  EXPECT_THAT(index_->Below("job")->SourceNames(RunName(".")), IsEmpty())
      << "else a name of a name space could lead out of the log directories";
}

TEST_F(ViewsTest, Only_ListsSomeAndAnswersAll) {
  for (const char* run : {"a", "b", "c"}) Add(run, 0);
  const auto runs = std::make_shared<const std::vector<RunName>>(
      std::vector<RunName>{RunName("a"), RunName("c"), RunName("gone")});
  const auto only = index_->Only(runs);
  EXPECT_THAT(Names(*only), ElementsAre("a", "c"));
  EXPECT_THAT(Series(*only, {"scalars"}), ElementsAre("a", "c"));
  EXPECT_THAT(Series(*only, {"scalars", std::vector<std::string>{"b"}}), ElementsAre("b"));
  EXPECT_TRUE(only->ReadScalars(RunName("b"), Tag("loss"), {}).ok());
}

TEST_F(ViewsTest, Newest_ChoosesByWallTimeAndKeepsWritersOfARunTogether) {
  Add("old", 1);
  Add("new", 200);
  AddSplit("pair");  // at 100
  NewestRuns newest = index_->Newest(1);
  EXPECT_THAT(Names(newest.runs), ElementsAre("new"));
  EXPECT_EQ(newest.shown, 1);
  EXPECT_EQ(newest.total, 4);
  newest = index_->Newest(2);
  EXPECT_THAT(Names(newest.runs), ElementsAre("new")) << "the pair would be one too many";
  newest = index_->Newest(3);
  EXPECT_THAT(Names(newest.runs), ElementsAre("new", "pair"));
  newest = index_->Newest(100);
  EXPECT_EQ(newest.shown, newest.total);
}

TEST_F(ViewsTest, Newest_OneRunIsShownHoweverManyItsWritersAre) {
  AddSplit("pair");
  EXPECT_THAT(Names(index_->Newest(1).runs), ElementsAre("pair"));
}

TEST_F(ViewsTest, RunsVersion_GrowsWhenARunComesNotWhenItGrows) {
  auto file = Add("a", 0);
  const uint64_t one = index_->runs_version();
  const uint64_t version = index_->version();
  file->Append(EventBytes().At(kStart).Scalar("loss", 2, 1).bytes());
  EXPECT_EQ(index_->runs_version(), one);
  EXPECT_GT(index_->version(), version);
  auto other = Add("b", 0);
  const uint64_t two = index_->runs_version();
  EXPECT_GT(two, one);
  index_->RemoveFile(other);
  EXPECT_GT(index_->runs_version(), two);
}

TEST_F(ViewsTest, Overview_IsByNameAndCountsWriters) {
  AddSplit("job/x");
  Add("job/a", 3);
  Add("z", 0);
  const std::vector<RunOverview> all = index_->Overview("");
  ASSERT_EQ(all.size(), 3);
  EXPECT_EQ(all[0].name, RunName("job/a"));
  EXPECT_EQ(all[0].newest_time, kStart + 3);
  EXPECT_EQ(all[1].shown, 2);
  EXPECT_EQ(index_->Overview("job").size(), 2);
}

}  // namespace
}  // namespace tributary
