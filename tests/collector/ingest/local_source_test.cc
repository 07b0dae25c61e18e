#include "collector/ingest/local_source.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/capture_logger.h"
#include "tests/support/event_file_builder.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/manual_task_queue.h"

namespace tributary {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kName[] = "events.out.tfevents.1767225600.h.1.0";

EventFileBuilder Steps(std::initializer_list<int64_t> steps) {
  EventFileBuilder builder;
  builder.FileVersion();
  for (int64_t step : steps) builder.Scalar("loss", Step(step), 1);
  return builder;
}

class LocalSourceTest : public ::testing::Test {
 protected:
  void Start(LocalSource::Options options = {.logdirs = {{"", "/logs"}}}, int loaders = 2) {
    for (int i = 0; i < loaders; ++i) {
      loaders_.push_back(std::make_unique<ManualTaskQueue>(&clock_));
    }
    LocalSource::Dependencies dependencies{&files_,  &clock_, nullptr,     index_.get(), &log_,
                                           &follow_, {},      &projector_, metrics_};
    for (auto& loader : loaders_) dependencies.loaders.push_back(loader.get());
    source_ = std::make_unique<LocalSource>(options, dependencies);
    source_->Start();
  }
  // Runs everything that is due.
  void Settle() {
    bool ran = true;
    while (ran) {
      ran = follow_.RunOne();
      for (auto& loader : loaders_) ran = loader->RunOne() || ran;
    }
  }
  // Lets time pass, second by second.
  void Wait(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      clock_.Advance(absl::Seconds(1));
      Settle();
    }
  }
  static std::string Path(const std::string& run) { return "/logs/" + run + "/" + kName; }
  std::vector<std::string> RunNames() {
    std::vector<std::string> names;
    for (const RunInfo& run : index_->Runs()) names.push_back(run.name.value());
    return names;
  }
  std::vector<int64_t> StepsOf(const std::string& run, const std::string& tag = "loss") {
    const auto points = index_->ReadScalars(RunName(run), Tag(tag), {.points_max = 0});
    return points.ok() ? points->steps : std::vector<int64_t>();
  }

  FakeClock clock_;
  FakeFileSystem files_{&clock_};
  CaptureLogger log_;
  ProjectorBoard projector_;
  LocalMetrics* metrics_ = nullptr;
  std::unique_ptr<Index> index_ = Index::Make({});
  ManualTaskQueue follow_{&clock_};
  std::vector<std::unique_ptr<ManualTaskQueue>> loaders_;
  std::unique_ptr<LocalSource> source_;
};

TEST_F(LocalSourceTest, AMissingLogdirIsWaitedFor) {
  Start();
  Settle();
  EXPECT_TRUE(source_->state().loaded);
  EXPECT_THAT(source_->state().problems, ElementsAre(HasSubstr("/logs does not exist yet")));
  files_.WriteFile(Path("a"), Steps({1}).Build());
  Wait(5);
  EXPECT_THAT(RunNames(), ElementsAre("a"));
}

TEST_F(LocalSourceTest, AnEmptyLogdirIsLoaded) {
  ASSERT_TRUE(files_.MakeDirectories("/logs").ok());
  Start();
  Settle();
  EXPECT_TRUE(source_->state().loaded);
  EXPECT_THAT(source_->state().problems, IsEmpty());
}

TEST_F(LocalSourceTest, LogdirsWithoutEventFilesAreToldUntilTheyHaveOne) {
  ASSERT_TRUE(files_.MakeDirectories("/logs").ok());
  Start({.logdirs = {{"", "/logs"}, {"late", "/late"}}});
  Settle();
  EXPECT_THAT(source_->state().empty_logdirs, ElementsAre("/logs")) << "/late is missing";
  files_.WriteFile(Path("a"), Steps({1}).Build());
  Wait(5);
  EXPECT_THAT(source_->state().empty_logdirs, IsEmpty());
}

TEST_F(LocalSourceTest, ADirectoryThatCannotBeListedIsNamedWithTheReasonUntilItCan) {
  files_.WriteFile(Path("a"), Steps({1}).Build());
  files_.WriteFile(Path("closed"), Steps({2}).Build());
  files_.Inject({.call = FakeFileSystem::Call::kList,
                 .status = absl::PermissionDeniedError("Permission denied"),
                 .times = FakeFileSystem::kForEver,
                 .path_contains = "/logs/closed"});
  Start();
  Wait(200);
  EXPECT_THAT(source_->state().problems, ElementsAre(HasSubstr("/logs/closed: Permission denied")));
  EXPECT_EQ(log_.Count("/logs/closed: Permission denied"), 1u);
  EXPECT_THAT(RunNames(), ElementsAre("a"));
  files_.ClearFaults();
  Wait(60);
  EXPECT_THAT(source_->state().problems, IsEmpty());
  EXPECT_THAT(RunNames(), ElementsAre("a", "closed"));
}

TEST_F(LocalSourceTest, AFileThatMayNotEvenBeLookedAtIsAProblemWhileItIsThere) {
  files_.WriteFile(Path("a"), Steps({1}).Build());
  files_.Inject({.call = FakeFileSystem::Call::kStat,
                 .status = absl::PermissionDeniedError("Permission denied"),
                 .times = FakeFileSystem::kForEver,
                 .path_contains = kName});
  Start();
  Wait(5);
  EXPECT_THAT(source_->state().problems, ElementsAre(Path("a") + ": Permission denied"));
  EXPECT_EQ(log_.Count("Permission denied"), 1u);
  files_.ClearFaults();
  files_.RemoveAll(Path("a"));
  Wait(60);
  EXPECT_THAT(source_->state().problems, IsEmpty());
}

TEST_F(LocalSourceTest, DamageIsWarnedOfOnceForEachFileAndCounted) {
  MetricsRegistry registry;
  LocalMetrics metrics(&registry);
  metrics_ = &metrics;
  const std::string good = Steps({1, 2, 3}).Build();
  files_.WriteFile(Path("good"), good);
  files_.WriteFile(Path("noise"), std::string(1000, 'x'));
  files_.WriteFile(Path("flipped"), good);
  files_.Corrupt(Path("flipped"), good.size() - 6, 1);
  Start();
  Settle();
  EXPECT_EQ(log_.Count("warn an event file is damaged"), 2u);
  EXPECT_TRUE(
      log_.Contains(Path("noise") + " offset=0 length=1000 cause=length_crc damaged_places=1"));
  EXPECT_TRUE(log_.Contains("cause=data_crc damaged_places=1"));
  EXPECT_THAT(registry.Text(), HasSubstr("\ntributary_collector_logdir_damaged_places_total 2\n"));
  files_.AppendFile(Path("noise"), std::string(100, 'x'));
  Wait(10);
  EXPECT_EQ(log_.Count("an event file is damaged"), 2u) << "once for each file";
  EXPECT_THAT(registry.Text(), HasSubstr("\ntributary_collector_logdir_damaged_places_total 2\n"));
  // Another file under this name.
  files_.ReplaceFile(Path("noise"), std::string(50, 'y'));
  Wait(10);
  EXPECT_EQ(log_.Count("an event file is damaged"), 3u);
}

TEST_F(LocalSourceTest, Zeros_OfManySlicesAreGivenUpAfterTheWait) {
  EventFileBuilder builder;
  builder.FileVersion().Scalar("loss", Step(1), 1).Zeros(10'000).Scalar("loss", Step(2), 1);
  files_.WriteFile(Path("a"), builder.Build());
  LocalSource::Options options;
  options.logdirs = {{"", "/logs"}};
  options.slice_bytes = 1'000;
  Start(options);
  Wait(1);
  EXPECT_THAT(StepsOf("a"), ElementsAre(1));
  Wait(10);
  EXPECT_THAT(StepsOf("a"), ElementsAre(1, 2));
  EXPECT_TRUE(source_->state().loaded);
}

TEST_F(LocalSourceTest, ReadOnceReadsWhatIsThereAndNoMore) {
  files_.WriteFile(Path("a"), Steps({1, 2}).Build());
  LocalSource::Options options;
  options.logdirs = {{"", "/logs"}};
  options.read_once = true;
  Start(options);
  Settle();
  EXPECT_TRUE(source_->state().loaded);
  EXPECT_THAT(StepsOf("a"), ElementsAre(1, 2));
  files_.WriteFile(Path("a"), Steps({1, 2, 3}).Build());
  files_.WriteFile(Path("b"), Steps({4}).Build());
  source_->Wake();
  Wait(60);
  EXPECT_THAT(StepsOf("a"), ElementsAre(1, 2));
  EXPECT_THAT(RunNames(), ElementsAre("a"));
}

TEST_F(LocalSourceTest, NotLoadedBeforeAllThatExistedWasRead) {
  files_.WriteFile(Path("a"), Steps({1, 2}).Build());
  files_.WriteFile(Path("b"), Steps({3}).Build());
  Start();
  EXPECT_FALSE(source_->state().loaded);
  follow_.RunAll();  // Everything is known, nothing is read.
  EXPECT_FALSE(source_->state().loaded);
  EXPECT_EQ(source_->state().bytes_total, Steps({1, 2}).size_bytes() + Steps({3}).size_bytes());
  EXPECT_EQ(source_->state().bytes_done, 0u);
  Settle();
  EXPECT_TRUE(source_->state().loaded);
  EXPECT_EQ(source_->state().bytes_done, source_->state().bytes_total);
  EXPECT_THAT(StepsOf("a"), ElementsAre(1, 2));
  EXPECT_THAT(StepsOf("b"), ElementsAre(3));
}

TEST_F(LocalSourceTest, AFileThatCannotBeReadDelaysNobodyAndIsTriedAgain) {
  files_.WriteFile(Path("a"), Steps({1}).Build());
  files_.WriteFile(Path("b"), Steps({2}).Build());
  files_.Inject({.call = FakeFileSystem::Call::kOpen,
                 .status = absl::PermissionDeniedError("/logs/a: permission denied"),
                 .times = 3,
                 .path_contains = "/a/"});
  Start();
  Settle();
  EXPECT_TRUE(source_->state().loaded);
  EXPECT_THAT(source_->state().problems, Contains(HasSubstr("permission denied")));
  EXPECT_THAT(RunNames(), ElementsAre("b"));
  Wait(5);
  EXPECT_THAT(StepsOf("a"), ElementsAre(1));
  EXPECT_THAT(source_->state().problems, IsEmpty());
}

TEST_F(LocalSourceTest, GrowthIsReadOn) {
  files_.WriteFile(Path("a"), Steps({1}).Build());
  Start();
  Settle();
  files_.AppendFile(Path("a"), EventFileBuilder().Scalar("loss", Step(2), 1).Build());
  Wait(2);
  EXPECT_THAT(StepsOf("a"), ElementsAre(1, 2));
}

TEST_F(LocalSourceTest, AWakeReadsOnAtOnce) {
  files_.WriteFile(Path("a"), Steps({1}).Build());
  Start();
  Settle();
  files_.AppendFile(Path("a"), EventFileBuilder().Scalar("loss", Step(2), 1).Build());
  clock_.Advance(absl::Seconds(1));
  bool told = false;
  source_->Wake([&told] { told = true; });
  Settle();
  EXPECT_TRUE(told);
  EXPECT_THAT(StepsOf("a"), ElementsAre(1, 2));
}

TEST_F(LocalSourceTest, GrowthWhileTheFileIsBeingReadIsNotMissed) {
  files_.WriteFile(Path("a"), Steps({1}).Build());
  Start();
  follow_.RunAll();  // The load waits at its loader.
  files_.AppendFile(Path("a"), EventFileBuilder().Scalar("loss", Step(2), 1).Build());
  clock_.Advance(absl::Seconds(1));
  follow_.RunAll();  // The growth is noticed meanwhile.
  Settle();
  EXPECT_THAT(StepsOf("a"), ElementsAre(1, 2));
}

TEST_F(LocalSourceTest, LargeFilesTakeTurnsAndSmallOnesGoFirst) {
  EventFileBuilder large;
  while (large.size_bytes() < 3u << 20) large.Image("image", Step(1), std::string(100'000, 'x'));
  files_.WriteFile(Path("large"), large.Build());
  files_.WriteFile(Path("small"), Steps({1}).Build());
  Start({.logdirs = {{"", "/logs"}}, .slice_bytes = 200'000}, 1);
  follow_.RunAll();
  loaders_[0]->RunOne();
  EXPECT_THAT(RunNames(), ElementsAre("small"));
  Settle();
  EXPECT_THAT(RunNames(), SizeIs(2));
  EXPECT_TRUE(source_->state().loaded);
}

TEST_F(LocalSourceTest, Fault24_AReplacedFileIsReadAgain) {
  files_.WriteFile(Path("a"), Steps({1, 2, 3}).Build());
  Start();
  Settle();
  files_.ReplaceFile(Path("a"), EventFileBuilder().Scalar("other", Step(9), 1).Build());
  Wait(2);
  EXPECT_THAT(StepsOf("a"), IsEmpty());
  EXPECT_THAT(StepsOf("a", "other"), ElementsAre(9));
  EXPECT_TRUE(log_.Contains("file was replaced"));
}

TEST_F(LocalSourceTest, ZerosAreGivenUpFiveSecondsAfterTheLastGrowth) {
  EventFileBuilder builder = Steps({1, 2, 3});
  const uint64_t begin = builder.record_offsets()[2];
  files_.WriteFile(Path("a"), builder.Hole(begin, builder.record_offsets()[3] - begin).Build());
  Start();
  Settle();
  Wait(3);
  EXPECT_THAT(StepsOf("a"), ElementsAre(1));
  // It grows: the wait begins again.
  files_.AppendFile(Path("a"), EventFileBuilder().Scalar("loss", Step(4), 1).Build());
  Wait(4);
  EXPECT_THAT(StepsOf("a"), ElementsAre(1));
  Wait(4);
  EXPECT_THAT(StepsOf("a"), ElementsAre(1, 3, 4));
}

TEST_F(LocalSourceTest, Fault26_Zeros_ALiveWriterBehindAHoleIsSeen) {
  EventFileBuilder builder = Steps({1, 2, 3});
  const uint64_t begin = builder.record_offsets()[2];
  files_.WriteFile(Path("a"), builder.Hole(begin, builder.record_offsets()[3] - begin).Build());
  Start();
  Settle();
  int64_t step = 4;
  for (; step < 34; ++step) {
    files_.AppendFile(Path("a"), EventFileBuilder().Scalar("loss", Step(step), 1).Build());
    Wait(1);
  }
  Wait(1);
  EXPECT_THAT(StepsOf("a"), SizeIs(step - 2));
  // A later hole has its own time, and from then on nothing waits any more.
  files_.AppendFile(Path("a"), std::string(100, '\0'));
  for (; step < 60; ++step) {
    files_.AppendFile(Path("a"), EventFileBuilder().Scalar("loss", Step(step), 1).Build());
    Wait(1);
  }
  EXPECT_THAT(StepsOf("a"), SizeIs(32));
  for (; step < 70; ++step) {
    files_.AppendFile(Path("a"), EventFileBuilder().Scalar("loss", Step(step), 1).Build());
    Wait(1);
    Wait(1);
  }
  EXPECT_THAT(StepsOf("a"), SizeIs(step - 2));
}

TEST_F(LocalSourceTest, Zeros_InsideAValueAreNoHoleHoweverLateTheRestComes) {
  EventFileBuilder builder;
  builder.FileVersion().Text("t", Step(1), std::string(3'000, '\0')).Scalar("loss", Step(2), 1);
  const std::string whole = builder.Build();
  files_.WriteFile(Path("a"), whole.substr(0, 2'000));
  Start();
  Wait(60);
  files_.WriteFile(Path("a"), whole);
  Wait(2);
  EXPECT_THAT(StepsOf("a"), ElementsAre(2));
  EXPECT_TRUE(index_->ReadReferences(RunName("a"), Tag("t"), 0).ok());
}

TEST_F(LocalSourceTest, Fault26_ZerosFilledInTimeAreNoDamage) {
  EventFileBuilder builder = Steps({1, 2, 3});
  const std::string whole = builder.Build();
  const uint64_t begin = builder.record_offsets()[2];
  files_.WriteFile(Path("a"), builder.Hole(begin, builder.record_offsets()[3] - begin).Build());
  Start();
  Settle();
  Wait(2);
  files_.WriteFile(Path("a"), whole);
  Wait(2);
  EXPECT_THAT(StepsOf("a"), ElementsAre(1, 2, 3));
}

TEST_F(LocalSourceTest, Fault24_ADeletedFileStaysUnlessDeletesAreFollowed) {
  for (const bool follow_deletes : {false, true}) {
    index_ = Index::Make({});
    loaders_.clear();
    follow_.Clear();
    files_.WriteFile(Path("a"), Steps({1}).Build());
    Start({.logdirs = {{"", "/logs"}}, .follow_deletes = follow_deletes});
    Settle();
    files_.RemoveAll("/logs/a");
    Wait(65);
    EXPECT_THAT(RunNames(), SizeIs(follow_deletes ? 0 : 1));
  }
}

TEST_F(LocalSourceTest, Fault24_FilesThatGoBeforeTheyWereReadHoldUpNothing) {
  // More than the loaders are given at once.
  for (int i = 0; i < 50; ++i) files_.WriteFile(Path(absl::StrCat("r", i)), Steps({1}).Build());
  Start({.logdirs = {{"", "/logs"}}, .follow_deletes = true});
  ASSERT_TRUE(follow_.RunOne());  // listed, some given to the loaders
  ASSERT_FALSE(source_->state().loaded);
  files_.RemoveAll("/logs");
  files_.WriteFile(Path("new"), Steps({1}).Build());
  clock_.Advance(absl::Seconds(65));
  follow_.RunAll();  // seen before a loader came to any
  Settle();
  EXPECT_TRUE(source_->state().loaded);
  EXPECT_EQ(source_->state().bytes_done, source_->state().bytes_total);
  EXPECT_THAT(RunNames(), ElementsAre("new"));
}

TEST_F(LocalSourceTest, Fault24_AFileThatComesBackWhileItsLoadFailsIsRead) {
  files_.WriteFile(Path("other"), Steps({1}).Build());
  Start();
  Settle();
  files_.WriteFile(Path("a"), Steps({1}).Build());
  clock_.Advance(absl::Seconds(65));
  follow_.RunAll();  // found, given to a loader
  FakeFileSystem::Fault gone;
  gone.call = FakeFileSystem::Call::kOpen;
  gone.status = absl::NotFoundError("removed for a moment");
  gone.path_contains = "/a/";
  files_.Inject(gone);
  files_.ReplaceFile(Path("a"), Steps({1, 2}).Build());
  clock_.Advance(absl::Seconds(65));
  // The follow queue sees the file that came back before it hears of the failure.
  source_->Wake();
  for (auto& loader : loaders_) loader->RunAll();
  Settle();
  Wait(1);
  EXPECT_THAT(StepsOf("a"), ElementsAre(1, 2));
}

TEST_F(LocalSourceTest, MarksOfTheProfilerAreNotIndexed) {
  files_.WriteFile("/logs/a/events.out.tfevents.1767225600.h.profile-empty", Steps({1}).Build());
  Start();
  Settle();
  EXPECT_TRUE(source_->state().loaded);
  EXPECT_THAT(RunNames(), IsEmpty());
}

TEST_F(LocalSourceTest, ConfigurationsOfTheProjectorAreTold) {
  files_.WriteFile("/logs/projector_config.pbtxt", "x");
  ASSERT_TRUE(files_.MakeDirectories("/logs/a/plugins/org_tensorflow_tensorboard_projector").ok());
  files_.WriteFile("/logs/a/plugins/org_tensorflow_tensorboard_projector/projector_config.pbtxt",
                   "x");
  Start({.logdirs = {{"n", "/logs"}}});
  Settle();
  using Places = ProjectorBoard::Places;
  const Places before = {{"n", {"/logs"}},
                         {"n/a", {"/logs/a/plugins/org_tensorflow_tensorboard_projector"}}};
  EXPECT_EQ(*projector_.Get(), before);
  EXPECT_TRUE(index_->Runs().empty());
  EXPECT_TRUE(source_->state().loaded);
  ASSERT_TRUE(files_.MakeDirectories("/logs/b").ok());
  files_.WriteFile("/logs/b/projector_config.pbtxt", "x");
  Wait(61);
  EXPECT_TRUE(projector_.Get()->contains("n/b"));
}

TEST_F(LocalSourceTest, LogdirNamesAreTheFirstPartOfRuns) {
  files_.WriteFile("/logs/" + std::string(kName), Steps({1}).Build());
  files_.WriteFile("/more/x/" + std::string(kName), Steps({1}).Build());
  Start({.logdirs = {{"", "/logs"}, {"other", "/more"}}});
  Settle();
  EXPECT_THAT(RunNames(), ElementsAre(".", "other/x"));
}

TEST(LocalSourceRunOfTest, NamesAndDirectories) {
  const auto run = [](absl::string_view name, absl::string_view path) {
    return LocalSource::RunOf(name, path).value();
  };
  EXPECT_EQ(run("", "f.tfevents"), ".");
  EXPECT_EQ(run("", "a/b/f.tfevents"), "a/b");
  EXPECT_EQ(run("n", "f.tfevents"), "n");
  EXPECT_EQ(run("n", "a/f.tfevents"), "n/a");
  EXPECT_EQ(run("", "\xff/f.tfevents"), "%FF");
}

}  // namespace
}  // namespace tributary
