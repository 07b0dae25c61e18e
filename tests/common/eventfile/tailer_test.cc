#include "common/eventfile/tailer.h"

#include <poll.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

constexpr char kName[] = "events.out.tfevents.1700000000.h.1.0";

// Tells what the test says; watches everything, or nothing.
class ScriptedNotifier : public ChangeNotifier {
 public:
  absl::Status Watch(const std::string& directory) override {
    if (!watch_status.ok()) return watch_status;
    watched.insert(directory);
    return absl::OkStatus();
  }
  void Unwatch(const std::string& directory) override { watched.erase(directory); }
  std::vector<std::string> Changes(bool* overflowed) override {
    *overflowed = lost;
    lost = false;
    return std::exchange(told, {});
  }
  int descriptor() const override { return -1; }

  absl::Status watch_status;
  std::set<std::string> watched;
  std::vector<std::string> told;
  bool lost = false;
};

class TailerTest : public ::testing::Test {
 protected:
  TailerTest() : files_(&clock_) { EXPECT_TRUE(files_.MakeDirectories("/logs").ok()); }

  Tailer& Start(int open_files_max = 256) {
    tailer_ = std::make_unique<Tailer>(
        Tailer::Options{.roots = {"/logs"}, .open_files_max = open_files_max},
        Tailer::Dependencies{&files_, &clock_, &notifier_});
    return *tailer_;
  }
  // Relative paths of what Poll tells.
  std::vector<std::string> Poll() {
    std::vector<std::string> paths;
    for (const TailedFileId id : tailer_->Poll()) paths.push_back(tailer_->file(id).relative_path);
    return paths;
  }
  std::string ReadAll(TailedFileId id) {
    std::string bytes(1000, '\0');
    const absl::StatusOr<size_t> got =
        tailer_->Read(id, 0, absl::MakeSpan(bytes.data(), bytes.size()));
    return got.ok() ? bytes.substr(0, *got) : std::string(got.status().message());
  }
  static std::string Path(const std::string& run) { return "/logs/" + run + "/" + kName; }
  void Write(const std::string& run, const std::string& content) {
    ASSERT_TRUE(files_.MakeDirectories("/logs/" + run).ok());
    files_.WriteFile(Path(run), content);
  }

  FakeClock clock_;
  FakeFileSystem files_;
  ScriptedNotifier notifier_;
  std::unique_ptr<Tailer> tailer_;
};

using Paths = std::vector<std::string>;

TEST_F(TailerTest, FirstPoll_FindsEverything_NewestFirst) {
  Write("a", "1");
  clock_.Advance(absl::Seconds(1));
  Write("b/c", "2");
  files_.WriteFile("/logs/notes.txt", "no event file");
  files_.WriteFile(std::string("/logs/") + kName + ".sagemaker-uploaded", "left alone");
  Start();
  EXPECT_EQ(Poll(), (Paths{std::string("b/c/") + kName, std::string("a/") + kName}));
  EXPECT_TRUE(tailer_->listing_complete(0));
  EXPECT_EQ(ReadAll(tailer_->file(0).relative_path[0] == 'a' ? 0 : 1), "1");
  EXPECT_EQ(Poll(), Paths{});
}

TEST_F(TailerTest, EmptyFile_IsListed_NotOpened) {
  Write("a", "");
  Start();
  EXPECT_EQ(Poll().size(), 1u);
  EXPECT_EQ(tailer_->file(0).stat.size_bytes, 0u);
  EXPECT_EQ(files_.calls(FakeFileSystem::Call::kOpen), 0);
}

TEST_F(TailerTest, Growth_IsToldByNotice_AndLooksAtThatFileOnly) {
  for (int i = 0; i < 100; ++i) Write("run" + std::to_string(i), "1");
  Start();
  EXPECT_EQ(Poll().size(), 100u);
  files_.AppendFile(Path("run7"), "23");
  notifier_.told = {Path("run7")};
  const int looks = files_.calls(FakeFileSystem::Call::kStat);
  const int lists = files_.calls(FakeFileSystem::Call::kList);
  EXPECT_EQ(Poll(), Paths{std::string("run7/") + kName});
  EXPECT_EQ(files_.calls(FakeFileSystem::Call::kStat), looks + 1);
  EXPECT_EQ(files_.calls(FakeFileSystem::Call::kList), lists);
}

TEST_F(TailerTest, NewDirectories_AreWatchedAndFoundAtOnce) {
  Start();
  EXPECT_EQ(Poll(), Paths{});
  Write("new/deep", "1");
  notifier_.told = {"/logs/new"};
  EXPECT_EQ(Poll(), Paths{std::string("new/deep/") + kName});
  EXPECT_TRUE(notifier_.watched.contains("/logs/new/deep"));
}

TEST_F(TailerTest, Vanished_IsTold_AndComesBackUnderTheSameNumber) {
  Write("a", "1");
  Start();
  Poll();
  ASSERT_TRUE(files_.Remove(Path("a")).ok());
  notifier_.told = {Path("a")};
  EXPECT_EQ(Poll().size(), 1u);
  EXPECT_FALSE(tailer_->file(0).present);
  Write("a", "again");
  notifier_.told = {Path("a")};
  EXPECT_EQ(Poll().size(), 1u);
  EXPECT_TRUE(tailer_->file(0).present);
  EXPECT_EQ(tailer_->file_count(), 1u);
  EXPECT_EQ(ReadAll(0), "again");
}

TEST_F(TailerTest, VanishedDirectory_TakesItsFilesWithIt) {
  Write("a/b", "1");
  Start();
  Poll();
  files_.RemoveAll("/logs/a");
  notifier_.told = {"/logs/a"};
  EXPECT_EQ(Poll().size(), 1u);
  EXPECT_FALSE(tailer_->file(0).present);
}

TEST_F(TailerTest, ReplacedByAnotherInode_IsReadFromTheNewOne) {
  Write("a", "old bytes");
  Start();
  Poll();
  EXPECT_EQ(ReadAll(0), "old bytes");
  files_.ReplaceFile(Path("a"), "new bytes");
  notifier_.told = {Path("a")};
  EXPECT_EQ(Poll().size(), 1u);
  EXPECT_EQ(ReadAll(0), "new bytes");
}

TEST_F(TailerTest, Error_IsTold_TriedAgain_AndForgotten) {
  Write("a", "1");
  Start();
  Poll();
  files_.Inject({.call = FakeFileSystem::Call::kRead, .status = absl::InternalError("EIO")});
  EXPECT_NE(ReadAll(0), "1");
  EXPECT_EQ(Poll().size(), 1u);
  EXPECT_FALSE(tailer_->file(0).error.ok());
  clock_.Advance(absl::Seconds(1));
  EXPECT_LE(tailer_->next_poll(), clock_.Monotonic());
  EXPECT_EQ(Poll().size(), 1u);
  EXPECT_TRUE(tailer_->file(0).error.ok());
  EXPECT_EQ(ReadAll(0), "1");
}

TEST_F(TailerTest, Fault28_ManyFilesWithTwoDescriptors) {
  for (int i = 0; i < 10; ++i) Write("run" + std::to_string(i), std::to_string(i));
  files_.SetOpenFilesMax(2);
  Start(/*open_files_max=*/2);
  EXPECT_EQ(Poll().size(), 10u);
  for (int round = 0; round < 3; ++round) {
    for (TailedFileId id = 0; id < 10; ++id) {
      EXPECT_EQ(ReadAll(id), std::string(1, tailer_->file(id).relative_path[3]));
    }
  }
  EXPECT_LE(files_.open_files(), 2);
}

TEST_F(TailerTest, Fault27_LostNotices_MeanALookAtEverything) {
  Write("a", "1");
  Start();
  Poll();
  files_.AppendFile(Path("a"), "2");
  Write("b", "1");
  EXPECT_EQ(Poll(), Paths{});
  notifier_.lost = true;
  EXPECT_EQ(Poll().size(), 2u);
}

TEST_F(TailerTest, Fault27_NoMoreWatches_SweepsAndSaysSo) {
  notifier_.watch_status = absl::ResourceExhaustedError("no more watches");
  Write("a", "1");
  Start();
  Poll();
  EXPECT_NE(tailer_->status(), "");
  files_.AppendFile(Path("a"), "2");
  Write("b", "1");
  clock_.Advance(absl::Seconds(1));
  EXPECT_LE(tailer_->next_poll(), clock_.Monotonic());
  EXPECT_EQ(Poll().size(), 2u);
}

TEST_F(TailerTest, WithoutNotices_AFullSweepFindsWhatWasMissed) {
  Write("a", "1");
  Start();
  Poll();
  files_.AppendFile(Path("a"), "2");
  EXPECT_EQ(Poll(), Paths{});
  clock_.Advance(absl::Seconds(60));
  EXPECT_EQ(Poll().size(), 1u);
}

TEST_F(TailerTest, MissingRoot_IsWaitedFor) {
  tailer_ = std::make_unique<Tailer>(Tailer::Options{.roots = {"/later"}},
                                     Tailer::Dependencies{&files_, &clock_, &notifier_});
  EXPECT_EQ(Poll(), Paths{});
  EXPECT_FALSE(tailer_->listing_complete(0));
  ASSERT_TRUE(files_.MakeDirectories("/later").ok());
  files_.WriteFile(std::string("/later/") + kName, "1");
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Poll(), Paths{kName});
  clock_.Advance(absl::Seconds(60));
  Poll();
  EXPECT_TRUE(tailer_->listing_complete(0));
}

TEST_F(TailerTest, UnreadableDirectory_KeepsTheListingOpen) {
  Write("a", "1");
  files_.Inject({.call = FakeFileSystem::Call::kList,
                 .status = absl::PermissionDeniedError("EACCES"),
                 .path_contains = "/logs/a"});
  Start();
  EXPECT_EQ(Poll(), Paths{});
  EXPECT_FALSE(tailer_->listing_complete(0));
  EXPECT_EQ(tailer_->unlisted_count(), 1u);
  clock_.Advance(absl::Seconds(60));
  EXPECT_EQ(Poll().size(), 1u);
  EXPECT_TRUE(tailer_->listing_complete(0));
  EXPECT_EQ(tailer_->unlisted_count(), 0u);
}

TEST_F(TailerTest, UnlistedDirectory_IsToldOnce_AndAgainForAnotherReason) {
  Write("a/b", "1");
  const auto refuse = [this](const absl::Status& status) {
    files_.ClearFaults();
    files_.Inject({.call = FakeFileSystem::Call::kList,
                   .status = status,
                   .times = FakeFileSystem::kForEver,
                   .path_contains = "/logs/a"});
  };
  refuse(absl::PermissionDeniedError("Permission denied"));
  Start();
  Poll();
  const std::vector<UnlistedDirectory> told = tailer_->TakeNewlyUnlisted();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].relative_path, "a");
  EXPECT_EQ(told[0].error.message(), "/logs/a: Permission denied");
  for (int sweep = 0; sweep < 3; ++sweep) {
    clock_.Advance(absl::Seconds(60));
    Poll();
    EXPECT_TRUE(tailer_->TakeNewlyUnlisted().empty());
    EXPECT_EQ(tailer_->Unlisted(10).size(), 1u);
  }
  refuse(absl::InternalError("Input/output error"));
  clock_.Advance(absl::Seconds(60));
  Poll();
  EXPECT_EQ(tailer_->TakeNewlyUnlisted().size(), 1u);
  files_.RemoveAll("/logs/a");
  clock_.Advance(absl::Seconds(60));
  Poll();
  EXPECT_EQ(tailer_->unlisted_count(), 0u) << "what is gone is no problem";
}

TEST_F(TailerTest, UnlistedDirectory_WhoseParentVanishes_IsForgotten) {
  Write("a/b", "1");
  files_.Inject({.call = FakeFileSystem::Call::kStat,
                 .status = absl::PermissionDeniedError("Permission denied"),
                 .times = FakeFileSystem::kForEver,
                 .path_contains = "/logs/a/b"});
  Start();
  Poll();
  EXPECT_EQ(tailer_->unlisted_count(), 1u);
  files_.RemoveAll("/logs/a");
  clock_.Advance(absl::Seconds(60));
  Poll();
  EXPECT_EQ(tailer_->unlisted_count(), 0u);
}

TEST_F(TailerTest, LostAndFound_IsNotFollowed) {
  Write("lost+found", "1");
  files_.Inject({.call = FakeFileSystem::Call::kList,
                 .status = absl::PermissionDeniedError("EACCES"),
                 .times = FakeFileSystem::kForEver,
                 .path_contains = "lost+found"});
  Start();
  EXPECT_EQ(Poll(), Paths{});
  EXPECT_EQ(tailer_->unlisted_count(), 0u);
  EXPECT_TRUE(tailer_->listing_complete(0));
}

TEST_F(TailerTest, Fault25_LinksAreFollowed_LoopsAndEscapesAreNot) {
  Write("a", "1");
  ASSERT_TRUE(files_.MakeDirectories("/outside").ok());
  files_.WriteFile(std::string("/outside/") + kName, "secret");
  files_.MakeSymlink("/logs/a", "/logs/link");
  files_.MakeSymlink("/logs", "/logs/a/loop");
  files_.MakeSymlink("/outside", "/logs/escape");
  files_.MakeSymlink(std::string("/outside/") + kName, "/logs/tfevents-escape");
  Start();
  const Paths found = Poll();
  std::set<std::string> present;
  for (TailedFileId id = 0; id < tailer_->file_count(); ++id) {
    if (tailer_->file(id).present) present.insert(tailer_->file(id).relative_path);
  }
  EXPECT_EQ(present,
            (std::set<std::string>{std::string("a/") + kName, std::string("link/") + kName}));
}

// The real file system and the kernel's notices; waits for the descriptor, never for a time.
class PatternTest : public TailerTest {
 protected:
  void Start(PathPattern pattern) {
    tailer_ = std::make_unique<Tailer>(
        Tailer::Options{.roots = {"/logs"}, .patterns = {std::move(pattern)}},
        Tailer::Dependencies{&files_, &clock_, &notifier_});
  }
  static std::string In(const std::string& directory) { return directory + "/" + kName; }
};

TEST_F(PatternTest, OnlyWhatMatchesIsFollowed) {
  Write("alice/4711/tb", "1");
  Write("bob/x/tb/deep/er", "2");
  for (const char* beside : {".", "alice", "alice/4711", "alice/4711/other", "alice/tb",
                             "alice/4711/tb2", ".snapshot/4711/tb", "alice/.old/tb"}) {
    Write(beside, "3");
  }
  files_.WriteFile("/logs/alice/4712/tb", "a file");
  Start({std::nullopt, std::nullopt, "tb"});
  EXPECT_EQ(Poll(), (Paths{In("alice/4711/tb"), In("bob/x/tb/deep/er")}));
  EXPECT_TRUE(tailer_->listing_complete(0));
  EXPECT_FALSE(notifier_.watched.contains("/logs/alice/4711/other"));
  EXPECT_FALSE(notifier_.watched.contains("/logs/.snapshot"));
}

TEST_F(PatternTest, DirectoriesThatAppearLater) {
  Start({std::nullopt, "runs", "tb"});
  EXPECT_EQ(Poll(), Paths{});
  Write("4711", "1");
  notifier_.told = {"/logs/4711"};
  EXPECT_EQ(Poll(), Paths{});
  Write("4711/runs/tb", "1");
  notifier_.told = {"/logs/4711/runs"};
  EXPECT_EQ(Poll(), Paths{In("4711/runs/tb")});
  Write("4711/runs/other", "1");
  notifier_.told = {"/logs/4711/runs/other"};
  EXPECT_EQ(Poll(), Paths{});
  // Without notices.
  Write("4712/runs/tb", "1");
  clock_.Advance(absl::Seconds(61));
  EXPECT_EQ(Poll(), Paths{In("4712/runs/tb")});
  ASSERT_TRUE(files_.Rename("/logs/4711/runs/tb", "/logs/4711/runs/tb2").ok());
  notifier_.told = {"/logs/4711/runs/tb", "/logs/4711/runs/tb2"};
  EXPECT_EQ(Poll(), Paths{In("4711/runs/tb")});
  EXPECT_FALSE(tailer_->file(0).present);
}

TEST_F(PatternTest, OfDirectoriesOnTheWayOnlyTheNextNameIsLookedFor) {
  Write("alice/tb", "1");
  Start({std::nullopt, "tb"});
  const int lists = files_.calls(FakeFileSystem::Call::kList);
  EXPECT_EQ(Poll(), Paths{In("alice/tb")});
  // The root and the match; a home directory may be large, or may be entered and not read.
  EXPECT_EQ(files_.calls(FakeFileSystem::Call::kList), lists + 2);
}

TEST_F(PatternTest, Malicious_LinksOfUsersShowNoFilesOfOthers) {
  Write("alice/1/tb", "1");
  Write("bob/1/secret", "2");
  const auto link = [this](const std::string& target, const std::string& at) {
    ASSERT_TRUE(files_.MakeDirectories(std::string(DirName(at))).ok());
    files_.MakeSymlink(target, at);
  };
  link("/logs/bob/1/secret", "/logs/mallory/1/tb");         // the match itself
  link("/logs/bob/1", "/logs/mallory/2");                   // on the way
  link("/logs/bob", "/logs/eve");                           // at the first name
  link("/logs/bob/1/secret", "/logs/alice/1/tb/below");     // below the match
  link(Path("bob/1/secret"), In("/logs/alice/1/tb/file"));  // a file
  link("/logs/alice/3/runs/tb", "/logs/alice/3/tb");        // one's own
  Write("alice/3/runs/tb", "3");
  Start({std::nullopt, std::nullopt, "tb"});
  Poll();
  std::set<std::string> present;
  for (TailedFileId id = 0; id < tailer_->file_count(); ++id) {
    if (tailer_->file(id).present) present.insert(tailer_->file(id).relative_path);
  }
  EXPECT_EQ(present, (std::set<std::string>{In("alice/1/tb"), In("alice/3/tb")}));
}

TEST(TailerRealFilesTest, Inotify_WakesForGrowthAndForNewDirectories) {
  const TemporaryDirectory directory;
  FileSystem* const files = RealFileSystem();
  const std::unique_ptr<ChangeNotifier> notifier = MakeInotifyNotifier();
  Tailer tailer({.roots = {directory.path()}}, {files, RealClock(), notifier.get()});
  EXPECT_TRUE(tailer.Poll().empty());

  const auto wait_for_one = [&] {
    for (int tries = 0; tries < 100; ++tries) {
      pollfd wait = {notifier->descriptor(), POLLIN, 0};
      if (poll(&wait, 1, 10'000) != 1) return false;
      if (!tailer.Poll().empty()) return true;
    }
    return false;
  };
  const std::string run = JoinPath(directory.path(), "run/deep");
  ASSERT_TRUE(files->MakeDirectories(run).ok());
  absl::StatusOr<std::unique_ptr<WritableFile>> file = files->OpenWritable(JoinPath(run, kName));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Append("first").ok());
  ASSERT_TRUE(wait_for_one());
  EXPECT_EQ(tailer.file(0).relative_path, std::string("run/deep/") + kName);
  ASSERT_TRUE((*file)->Append(" more").ok());
  ASSERT_TRUE(wait_for_one());
  EXPECT_EQ(tailer.file(0).stat.size_bytes, 10u);
}

}  // namespace
}  // namespace tributary
