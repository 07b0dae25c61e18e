// Many files: runs, restarts across files, writers that ran at once, listings and sampling.
#include "collector/index/index.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/collector/index/event_bytes.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr double kStart = 1'700'000'000;

std::string FileName(int64_t seconds, absl::string_view process) {
  return absl::StrCat("events.out.tfevents.", 1'700'000'000 + seconds, ".", process, ".0");
}

std::shared_ptr<FileIndex> AddFile(Index* index, const std::string& run, const std::string& name,
                                   bool merge = false) {
  EventFileIdentity identity;
  identity.run = RunName(run);
  identity.file_name = name;
  identity.path = run + "/" + name;
  identity.merge = merge;
  return index->AddFile(identity, nullptr);
}

std::vector<std::string> RunNames(const Index& index) {
  std::vector<std::string> names;
  for (const RunInfo& run : index.Runs()) names.push_back(run.name.value());
  return names;
}

std::vector<int64_t> StepsOf(const Index& index, const std::string& run, const std::string& tag) {
  const auto points = index.ReadScalars(RunName(run), Tag(tag), {.points_max = 0});
  return points.ok() ? points->steps : std::vector<int64_t>();
}

class IndexTest : public ::testing::Test {
 protected:
  std::unique_ptr<Index> index_ = Index::Make({});
};

TEST_F(IndexTest, Runs_WithoutAValidEventAreNotListed) {
  auto empty = AddFile(index_.get(), "empty", FileName(0, "h.1"));
  auto broken = AddFile(index_.get(), "broken", FileName(0, "h.1"));
  broken->Append(EventBytes().Payload("\xff").bytes());
  EXPECT_THAT(index_->Runs(), IsEmpty());
  empty->Append(EventBytes().Version().bytes());
  EXPECT_THAT(RunNames(*index_), ElementsAre("empty"));
}

TEST_F(IndexTest, Runs_ByStartThenName) {
  AddFile(index_.get(), "b", FileName(0, "h.1"))->Append(EventBytes().At(5).Version().bytes());
  AddFile(index_.get(), "a", FileName(0, "h.1"))->Append(EventBytes().At(5).Version().bytes());
  AddFile(index_.get(), "c", FileName(0, "h.1"))->Append(EventBytes().At(4).Version().bytes());
  EXPECT_THAT(RunNames(*index_), ElementsAre("c", "a", "b"));
  EXPECT_EQ(index_->Runs()[0].start_time, 4);
}

TEST_F(IndexTest, Runs_VanishWithTheirLastFile) {
  auto one = AddFile(index_.get(), "r", FileName(0, "h.1"));
  auto two = AddFile(index_.get(), "r", FileName(1, "h.2"));
  one->Append(EventBytes().Scalar("a", 1, 1).bytes());
  two->Append(EventBytes().Scalar("b", 1, 1).bytes());
  index_->RemoveFile(one);
  EXPECT_THAT(StepsOf(*index_, "r", "a"), IsEmpty());
  EXPECT_THAT(StepsOf(*index_, "r", "b"), ElementsAre(1));
  index_->RemoveFile(two);
  EXPECT_THAT(index_->Runs(), IsEmpty());
}

TEST_F(IndexTest, Version_GrowsWithEveryChange) {
  uint64_t last = index_->version();
  const auto grew = [&] {
    const bool result = index_->version() > last;
    last = index_->version();
    return result;
  };
  auto file = AddFile(index_.get(), "r", FileName(0, "h.1"));
  EXPECT_TRUE(grew());
  file->Append(EventBytes().Scalar("a", 1, 1).bytes());
  EXPECT_TRUE(grew());
  EXPECT_FALSE(grew());
  file->Reset();
  EXPECT_TRUE(grew());
  index_->RemoveFile(file);
  EXPECT_TRUE(grew());
}

TEST_F(IndexTest, Restart_TheNextFileTakesOverAtItsFirstStep) {
  auto one = AddFile(index_.get(), "r", FileName(0, "h.1"));
  auto two = AddFile(index_.get(), "r", FileName(100, "h.2"));
  one->Append(
      EventBytes().At(kStart).Scalar("a", 10, 1).Scalar("a", 20, 1).Scalar("a", 30, 1).bytes());
  two->Append(EventBytes().At(kStart + 100).Scalar("a", 20, 2).Scalar("a", 25, 2).bytes());
  EXPECT_THAT(StepsOf(*index_, "r", "a"), ElementsAre(10, 20, 25));
  const SeriesInfo info = *index_->FindSeries(RunName("r"), Tag("a"));
  EXPECT_EQ(info.points, 3u);
  EXPECT_EQ(info.max_step, Step(25));
  EXPECT_EQ(info.max_wall_time, WallTime(kStart + 101));
}

TEST_F(IndexTest, Restart_WhatWasDroppedIsAHiddenAttempt) {
  auto one = AddFile(index_.get(), "r", FileName(0, "h.1"));
  auto two = AddFile(index_.get(), "r", FileName(100, "h.2"));
  one->Append(EventBytes().Scalar("a", 10, 1).Scalar("a", 20, 1).Scalar("a", 30, 1).bytes());
  two->Append(EventBytes().At(kStart + 100).Scalar("a", 20, 2).Scalar("a", 20, 3).bytes());
  EXPECT_THAT(StepsOf(*index_, "r#attempt-1", "a"), ElementsAre(20, 30));
  EXPECT_THAT(StepsOf(*index_, "r#attempt-2", "a"), ElementsAre(20));
  EXPECT_THAT(StepsOf(*index_, "r#attempt-3", "a"), IsEmpty());
  EXPECT_THAT(StepsOf(*index_, "r#attempt-0", "a"), IsEmpty());
  EXPECT_THAT(StepsOf(*index_, "r#attempt-x", "a"), IsEmpty());
  EXPECT_THAT(RunNames(*index_), ElementsAre("r"));
  EXPECT_THAT(index_->ListSeries({.plugin_name = "scalars"}), SizeIs(1));
}

TEST_F(IndexTest, Restart_ARunMayBeNamedLikeAnAttempt) {
  AddFile(index_.get(), "r", FileName(0, "h.1"))
      ->Append(EventBytes().Scalar("a", 5, 1).Scalar("a", 5, 1).bytes());
  AddFile(index_.get(), "r#attempt-1", FileName(0, "h.1"))
      ->Append(EventBytes().Scalar("a", 77, 1).bytes());
  EXPECT_THAT(StepsOf(*index_, "r#attempt-1", "a"), ElementsAre(77));
}

TEST_F(IndexTest, Restart_WithoutPurgeEveryPointIsShown) {
  index_ = Index::Make({.purge_orphaned_data = false});
  auto one = AddFile(index_.get(), "r", FileName(0, "h.1"));
  auto two = AddFile(index_.get(), "r", FileName(100, "h.2"));
  one->Append(EventBytes().Scalar("a", 10, 1).Scalar("a", 5, 1).bytes());
  two->Append(EventBytes().At(kStart + 100).Scalar("a", 7, 2).bytes());
  EXPECT_THAT(StepsOf(*index_, "r", "a"), ElementsAre(10, 5, 7));
  EXPECT_EQ(index_->FindSeries(RunName("r"), Tag("a"))->points, 3u);
}

TEST_F(IndexTest, Restart_HoldsForReferencesToo) {
  auto one = AddFile(index_.get(), "r", FileName(0, "h.1"));
  auto two = AddFile(index_.get(), "r", FileName(100, "h.2"));
  one->Append(EventBytes().Image("p", 1).Image("p", 3).Image("p", 2).bytes());
  two->Append(EventBytes().At(kStart + 100).Image("p", 2).bytes());
  const auto kept = *index_->ReadReferences(RunName("r"), Tag("p"), 0);
  ASSERT_THAT(kept, SizeIs(2));
  EXPECT_EQ(kept[0].step, Step(1));
  EXPECT_EQ(kept[1].step, Step(2));
  EXPECT_EQ(kept[1].wall_time, WallTime(kStart + 100));
  EXPECT_EQ(index_->FindSeries(RunName("r"), Tag("p"))->points, 2u);
  EXPECT_THAT(*index_->ReadReferences(RunName("r#attempt-1"), Tag("p"), 0), SizeIs(2));
}

TEST_F(IndexTest, Metadata_OfTheFirstFileThatDeclaresTheSeries) {
  auto two = AddFile(index_.get(), "r", FileName(100, "h.2"));
  two->Append(EventBytes().At(kStart + 100).ScalarTensor("a", 2, 0.25, "").bytes());
  EXPECT_FALSE(index_->FindSeries(RunName("r"), Tag("a")).has_value());
  auto one = AddFile(index_.get(), "r", FileName(0, "h.1"));
  one->Append(EventBytes().ScalarTensor("a", 1, 0.5).bytes());
  EXPECT_THAT(StepsOf(*index_, "r", "a"), ElementsAre(1, 2));
  EXPECT_EQ(index_->FindSeries(RunName("r"), Tag("a"))->metadata->plugin_name, "scalars");
}

TEST_F(IndexTest, Concurrent_WritersAreShownApart) {
  auto one = AddFile(index_.get(), "r", FileName(0, "a.1"));
  auto two = AddFile(index_.get(), "r", FileName(1, "b.2"));
  EventBytes first;
  EventBytes second;
  first.At(kStart).Version();
  second.At(kStart + 1).Version();
  for (int step = 0; step < 20; ++step) {
    first.Scalar("loss", step, 1);
    second.Scalar("loss", step, 2);
  }
  second.Scalar("only/here", 1, 1);
  one->Append(first.bytes());
  two->Append(second.bytes());
  EXPECT_THAT(RunNames(*index_), ElementsAre("r", "r@b.2"));
  EXPECT_THAT(StepsOf(*index_, "r", "loss"), SizeIs(20));
  EXPECT_THAT(StepsOf(*index_, "r@b.2", "loss"), SizeIs(20));
  EXPECT_THAT(StepsOf(*index_, "r", "only/here"), ElementsAre(1));
  EXPECT_THAT(StepsOf(*index_, "r@b.2", "only/here"), IsEmpty());
  EXPECT_THAT(index_->ListSeries({.plugin_name = "scalars"}), SizeIs(3));
}

TEST_F(IndexTest, Concurrent_IsFoundOutWhenAFilePassesTheBorder) {
  auto one = AddFile(index_.get(), "r", FileName(0, "a.1"));
  auto two = AddFile(index_.get(), "r", FileName(1, "b.2"));
  one->Append(EventBytes().At(kStart + 6).Scalar("loss", 5, 1).bytes());
  two->Append(EventBytes().At(kStart + 2).Scalar("loss", 5, 1).bytes());
  EXPECT_THAT(RunNames(*index_), ElementsAre("r"));
  one->Append(EventBytes().At(kStart + 6.5).Scalar("loss", 6, 1).bytes());
  EXPECT_THAT(RunNames(*index_), ElementsAre("r", "r@b.2"));
}

TEST_F(IndexTest, Concurrent_MergeBesideAnyFileTurnsItOff) {
  auto one = AddFile(index_.get(), "r", FileName(0, "a.1"));
  auto two = AddFile(index_.get(), "r", FileName(1, "b.2"), true);
  one->Append(EventBytes().At(kStart + 60).Scalar("loss", 1, 1).bytes());
  two->Append(EventBytes().At(kStart + 60).Scalar("loss", 2, 1).bytes());
  EXPECT_THAT(RunNames(*index_), ElementsAre("r"));
  EXPECT_THAT(StepsOf(*index_, "r", "loss"), ElementsAre(1, 2));
}

TEST_F(IndexTest, Lists_FilterByPluginRunAndTag) {
  for (const char* run : {"x", "y"}) {
    AddFile(index_.get(), run, FileName(0, "h.1"))
        ->Append(EventBytes().Scalar("b", 1, 1).Scalar("a", 1, 1).Image("p", 1).bytes());
  }
  const auto list = [&](const SeriesFilter& filter) {
    std::vector<std::string> names;
    for (const SeriesInfo& info : index_->ListSeries(filter)) {
      names.push_back(info.run.value() + ":" + info.tag.value());
    }
    return names;
  };
  EXPECT_THAT(list({.plugin_name = "scalars"}), ElementsAre("x:a", "x:b", "y:a", "y:b"));
  EXPECT_THAT(list({.plugin_name = "images"}), ElementsAre("x:p", "y:p"));
  EXPECT_THAT(list({.plugin_name = "text"}), IsEmpty());
  EXPECT_THAT(list({.plugin_name = "scalars", .runs = {{"y", "z", "y"}}}),
              ElementsAre("y:a", "y:b"));
  EXPECT_THAT(list({.plugin_name = "scalars", .tags = {{"a"}}}), ElementsAre("x:a", "y:a"));
  EXPECT_THAT(list({.plugin_name = "scalars", .runs = std::vector<std::string>{}}), IsEmpty());
  EXPECT_THAT(list({.plugin_name = "scalars", .tags = std::vector<std::string>{}}), IsEmpty());
}

TEST_F(IndexTest, Samples_KeepSpikesAndSayTheTotal) {
  EventBytes file;
  for (int step = 0; step < 5000; ++step) file.Scalar("a", step, step == 3333 ? 1e6f : 0.5f);
  AddFile(index_.get(), "r", FileName(0, "h.1"))->Append(file.bytes());
  const auto points = *index_->ReadScalars(RunName("r"), Tag("a"), {.points_max = 100});
  EXPECT_LE(points.steps.size(), 100u);
  EXPECT_EQ(points.total, 5000u);
  EXPECT_EQ(points.steps.front(), 0);
  EXPECT_EQ(points.steps.back(), 4999);
  EXPECT_TRUE(std::binary_search(points.steps.begin(), points.steps.end(), 3333));
  EXPECT_EQ(points.values[static_cast<size_t>(
                std::find(points.steps.begin(), points.steps.end(), 3333) - points.steps.begin())],
            1e6);
}

TEST_F(IndexTest, Samples_ARangeOfSteps) {
  EventBytes file;
  for (int step = 0; step < 500; ++step) file.Scalar("a", step, 1);
  AddFile(index_.get(), "r", FileName(0, "h.1"))->Append(file.bytes());
  const auto points = *index_->ReadScalars(RunName("r"), Tag("a"),
                                           {.points_max = 0, .from_step = 490, .to_step = 492});
  EXPECT_THAT(points.steps, ElementsAre(490, 491, 492));
  EXPECT_EQ(points.total, 500u);
}

// A run of several writers, as random as they come.
struct Scenario {
  std::vector<std::pair<std::string, std::string>> files;  // name, bytes
};

Scenario MakeScenario(uint32_t seed) {
  std::mt19937 random(seed);
  Scenario scenario;
  const size_t count = 2 + random() % 3;
  for (size_t i = 0; i < count; ++i) {
    const int64_t start = static_cast<int64_t>(random() % 60);
    EventBytes file;
    file.At(kStart + static_cast<double>(start)).Version();
    int64_t step = static_cast<int64_t>(random() % 10);
    for (uint64_t event = 0; event < 5 + random() % 30; ++event) {
      const std::string tag = absl::StrCat("t", random() % 3);
      if (random() % 10 == 0) {
        file.Image("image", step);
      } else {
        file.Scalar(tag, step, static_cast<float>(random() % 100));
      }
      step += static_cast<int64_t>(random() % 3);
      if (random() % 12 == 0) step -= 6;
    }
    scenario.files.emplace_back(FileName(start, absl::StrCat("h.", random() % 3, i)), file.bytes());
  }
  return scenario;
}

// Everything that can be asked of the index, as text.
std::string Answers(const Index& index) {
  std::string text;
  for (const RunInfo& run : index.Runs()) {
    absl::StrAppend(&text, run.name.value(), " ", run.start_time, "\n");
    for (const char* plugin : {"scalars", "images"}) {
      for (const SeriesInfo& info :
           index.ListSeries({.plugin_name = plugin, .runs = {{run.name.value()}}})) {
        absl::StrAppend(&text, "  ", info.tag.value(), " ", info.points, " ", info.max_step.value(),
                        " ", info.max_wall_time.value(), ":");
        for (const char* hidden : {"", "#attempt-1", "#attempt-2", "#attempt-3"}) {
          const RunName name(run.name.value() + hidden);
          const auto points = index.ReadScalars(name, info.tag, {.points_max = 0});
          for (size_t i = 0; points.ok() && i < points->steps.size(); ++i) {
            absl::StrAppend(&text, " ", points->steps[i], "=", points->values[i]);
          }
          const auto references = index.ReadReferences(name, info.tag, 0);
          for (size_t i = 0; references.ok() && i < references->size(); ++i) {
            absl::StrAppend(&text, " ", (*references)[i].step.value(), "@",
                            (*references)[i].payload_offset);
          }
          absl::StrAppend(&text, ";");
        }
        absl::StrAppend(&text, "\n");
      }
    }
  }
  return text;
}

// The same bytes give the same answers, in whatever order and pieces they come, and however often
// somebody looks meanwhile.
TEST(IndexPropertyTest, ArrivalOrderNeverMatters) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    const Scenario scenario = MakeScenario(seed);
    const std::unique_ptr<Index> plain = Index::Make({});
    for (const auto& [name, bytes] : scenario.files) {
      AddFile(plain.get(), "r", name)->Append(bytes);
    }
    const std::string expected = Answers(*plain);

    std::mt19937 random(seed * 7 + 1);
    const std::unique_ptr<Index> index = Index::Make({});
    std::vector<std::shared_ptr<FileIndex>> files(scenario.files.size());
    std::vector<absl::string_view> left;
    for (const auto& [name, bytes] : scenario.files) left.emplace_back(bytes);
    while (true) {
      std::vector<size_t> open;
      for (size_t i = 0; i < left.size(); ++i) {
        if (!left[i].empty()) open.push_back(i);
      }
      if (open.empty()) break;
      const size_t i = open[random() % open.size()];
      if (files[i] == nullptr) files[i] = AddFile(index.get(), "r", scenario.files[i].first);
      const size_t piece = std::min<size_t>(left[i].size(), 1 + random() % 400);
      files[i]->Append(left[i].substr(0, piece));
      left[i].remove_prefix(piece);
      if (random() % 5 == 0) Answers(*index);
    }
    ASSERT_EQ(Answers(*index), expected) << "seed " << seed;
  }
}

// No point is lost and none is extra: every point of every file is shown once, or hidden once.
TEST(IndexPropertyTest, EveryPointIsShownOrHiddenOnce) {
  for (uint32_t seed = 100; seed < 160; ++seed) {
    const Scenario scenario = MakeScenario(seed);
    const std::unique_ptr<Index> index = Index::Make({});
    const std::unique_ptr<Index> all = Index::Make({.purge_orphaned_data = false});
    for (const auto& [name, bytes] : scenario.files) {
      AddFile(index.get(), "r", name)->Append(bytes);
      AddFile(all.get(), "r", name)->Append(bytes);
    }
    uint64_t shown = 0;
    uint64_t hidden = 0;
    for (const SeriesInfo& info : index->ListSeries({.plugin_name = "scalars"})) {
      const std::vector<int64_t> steps = StepsOf(*index, info.run.value(), info.tag.value());
      ASSERT_EQ(steps.size(), info.points);
      ASSERT_TRUE(std::is_sorted(steps.begin(), steps.end()));
      ASSERT_EQ(std::adjacent_find(steps.begin(), steps.end()), steps.end());
      shown += steps.size();
      for (size_t n = 1; n <= scenario.files.size(); ++n) {
        hidden += StepsOf(*index, absl::StrCat(info.run.value(), "#attempt-", n), info.tag.value())
                      .size();
      }
    }
    uint64_t total = 0;
    for (const SeriesInfo& info : all->ListSeries({.plugin_name = "scalars"})) total += info.points;
    ASSERT_EQ(shown + hidden, total) << "seed " << seed;
  }
}

// For the thread sanitizer; and what a reader sees is always a prefix that makes sense.
TEST(IndexThreadsTest, ReadersAndWritersAtOnce) {
  const std::unique_ptr<Index> index = Index::Make({});
  constexpr int kFiles = 4;
  constexpr int kSteps = 1500;
  std::vector<std::thread> threads;
  std::atomic<int> writing{kFiles};
  for (int i = 0; i < kFiles; ++i) {
    threads.emplace_back([&, i] {
      auto file =
          AddFile(index.get(), absl::StrCat("r", i / 2), FileName(i, absl::StrCat("h.", i)));
      for (int step = 0; step < kSteps; ++step) {
        EventBytes bytes;
        bytes.At(kStart + step).Scalar("a", step, 1).Scalar("b", step / 2, 1).Image("p", step);
        file->Append(bytes.bytes());
        if (i == 3 && step == kSteps / 2) file->Reset();
      }
      --writing;
    });
  }
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      do {
        index->Runs();
        index->Plugins();
        for (const SeriesInfo& info : index->ListSeries({.plugin_name = "scalars"})) {
          const auto points = index->ReadScalars(info.run, info.tag, {.points_max = 0});
          if (!points.ok()) continue;
          EXPECT_TRUE(std::is_sorted(points->steps.begin(), points->steps.end()));
          EXPECT_EQ(points->steps.size(), points->values.size());
        }
        for (const SeriesInfo& info : index->ListSeries({.plugin_name = "images"})) {
          (void)index->ReadReferences(info.run, info.tag, 10);
        }
      } while (writing.load() > 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(StepsOf(*index, "r0", "a"), SizeIs(kSteps));
}

}  // namespace
}  // namespace tributary
