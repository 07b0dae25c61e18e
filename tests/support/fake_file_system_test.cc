#include "tests/support/fake_file_system.h"

#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"

namespace tributary {
namespace {

using Call = FakeFileSystem::Call;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class FakeFileSystemTest : public ::testing::Test {
 protected:
  std::unique_ptr<WritableFile> OpenToWrite(const std::string& path) {
    auto file = files_.OpenWritable(path);
    EXPECT_TRUE(file.ok()) << file.status();
    return std::move(file).value();
  }
  std::string Content(const std::string& path) {
    return files_.ReadFile(path).value_or("(missing)");
  }

  FakeClock clock_;
  FakeFileSystem files_{&clock_};
};

TEST_F(FakeFileSystemTest, Plain_AppendsReadsOverwritesAndTruncates) {
  ASSERT_TRUE(files_.MakeDirectories("/d/e").ok());
  auto file = OpenToWrite("/d/e/f");
  ASSERT_TRUE(file->Append("hello").ok());
  ASSERT_TRUE(file->WriteAt(4, "ow!").ok());
  EXPECT_EQ(file->size_bytes(), 7);
  EXPECT_EQ(Content("/d/e/f"), "hellow!");
  ASSERT_TRUE(file->Truncate(2).ok());
  ASSERT_TRUE(file->Append("y").ok());
  EXPECT_EQ(Content("/d/e/f"), "hey");

  auto reader = files_.OpenReadable("/d/e/f");
  ASSERT_TRUE(reader.ok());
  char buffer[10];
  EXPECT_EQ((*reader)->ReadAt(1, absl::MakeSpan(buffer)).value(), 2);
  EXPECT_EQ(std::string(buffer, 2), "ey");
  EXPECT_EQ((*reader)->ReadAt(3, absl::MakeSpan(buffer)).value(), 0);
  EXPECT_EQ((*reader)->ReadAt(99, absl::MakeSpan(buffer)).value(), 0);
  EXPECT_TRUE(files_.Stat("/d/e")->is_directory);
  EXPECT_EQ(files_.Stat("/d/e/f")->size_bytes, 3);
  EXPECT_THAT(*files_.List("/d"), ElementsAre("e"));
}

TEST_F(FakeFileSystemTest, Plain_MissingPathsAreNotFound) {
  files_.WriteFile("/file", "x");
  EXPECT_EQ(files_.OpenReadable("/no").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_.OpenReadable("/file/no").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_.OpenWritable("/no/file").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_.List("/no").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_.Remove("/no").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_.Rename("/no", "/file").code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(files_.Stat("/no").status().message(), HasSubstr("/no"));
}

TEST_F(FakeFileSystemTest, Plain_FollowsSymbolicLinksAndStopsInLoops) {
  files_.WriteFile("/data/file", "x");
  files_.MakeSymlink("../data", "/links/there");
  files_.MakeSymlink("/data/file", "/links/absolute");
  files_.MakeSymlink("loop", "/links/loop");
  EXPECT_EQ(Content("/links/there/file"), "x");
  EXPECT_EQ(Content("/links/absolute"), "x");
  EXPECT_EQ(*files_.RealPath("/links/there/../data/./file"), "/data/file");
  EXPECT_FALSE(files_.Stat("/links/loop").ok());
  const auto entries = files_.ListEntries("/links");
  for (const DirectoryEntry& entry : *entries) {
    EXPECT_EQ(entry.type, DirectoryEntry::Type::kSymlink);
  }
}

TEST_F(FakeFileSystemTest, Plain_RemovedFileStaysReadableWhileOpen) {
  files_.WriteFile("/file", "kept");
  auto reader = files_.OpenReadable("/file");
  files_.RemoveAll("/file");
  char buffer[10];
  EXPECT_EQ((*reader)->ReadAt(0, absl::MakeSpan(buffer)).value(), 4);
  EXPECT_EQ(files_.used_bytes(), 4);
  reader->reset();
  EXPECT_EQ(files_.used_bytes(), 0);
}

TEST_F(FakeFileSystemTest, Plain_InodeNumbersAreReusedOnDemandOnly) {
  files_.WriteFile("/a", "1");
  const uint64_t inode = files_.Stat("/a")->inode;
  files_.RemoveAll("/a");
  files_.WriteFile("/b", "2");
  EXPECT_NE(files_.Stat("/b")->inode, inode);
  files_.ReuseInodeNumbers(true);
  files_.WriteFile("/c", "3");
  EXPECT_EQ(files_.Stat("/c")->inode, inode);
  files_.ReplaceFile("/c", "4");
  EXPECT_NE(files_.Stat("/c")->inode, inode);
}

TEST_F(FakeFileSystemTest, Durability_NameWithoutSyncOfItsDirectoryIsLost) {
  auto file = OpenToWrite("/file");
  ASSERT_TRUE(file->Append("bytes").ok());
  ASSERT_TRUE(file->Sync().ok());
  files_.CrashLosingAll();
  EXPECT_FALSE(files_.Exists("/file"));
}

TEST_F(FakeFileSystemTest, Durability_SyncOfFileAndDirectoryKeepsItThroughEveryCrash) {
  ASSERT_TRUE(files_.MakeDirectories("/d").ok());
  auto file = OpenToWrite("/d/file");
  const std::string bytes(10'000, 'b');
  ASSERT_TRUE(file->Append(bytes).ok());
  ASSERT_TRUE(file->Sync().ok());
  ASSERT_TRUE(files_.SyncDirectory("/d").ok());
  ASSERT_TRUE(files_.SyncDirectory("/").ok());
  SeededRandom random(1);
  for (int i = 0; i < 20; ++i) {
    files_.Crash(&random);
    ASSERT_EQ(Content("/d/file"), bytes);
  }
}

TEST_F(FakeFileSystemTest, Durability_DirectoryWhoseOwnNameIsLostLosesAllBelow) {
  ASSERT_TRUE(files_.MakeDirectories("/d").ok());
  files_.WriteFile("/d/file", "x");
  ASSERT_TRUE(files_.SyncDirectory("/d").ok());
  files_.CrashLosingAll();
  EXPECT_FALSE(files_.Exists("/d"));
}

TEST_F(FakeFileSystemTest, Durability_SyncFileSystemKeepsEverything) {
  files_.WriteFile("/a/b/c", "1");
  files_.WriteFile("/a/d", "2");
  ASSERT_TRUE(files_.SyncFileSystem("/a").ok());
  files_.CrashLosingAll();
  EXPECT_THAT(files_.Files("/"), ElementsAre("/a/b/c", "/a/d"));
  EXPECT_EQ(Content("/a/b/c"), "1");
}

TEST_F(FakeFileSystemTest, Durability_UnsyncedPagesAreKeptOrLostOneByOne) {
  files_.WriteFile("/file", "");
  files_.SyncAll();
  const uint64_t page = FakeFileSystem::kPageBytes;
  bool later_without_earlier = false;
  bool size_without_bytes = false;
  std::set<uint64_t> sizes;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    FakeFileSystem files(&clock_);
    files.WriteFile("/file", "durable");
    files.SyncAll();
    auto file = files.OpenWritable("/file");
    ASSERT_TRUE((*file)->Append(std::string(page, 'a')).ok());
    ASSERT_TRUE((*file)->Append(std::string(page, 'b')).ok());
    SeededRandom random(seed);
    files.Crash(&random);
    const std::string kept = files.ReadFile("/file").value();
    ASSERT_EQ(kept.substr(0, 7), "durable");
    sizes.insert(kept.size());
    if (kept.size() < 7 + 2 * page) continue;
    later_without_earlier |= kept[8] == '\0' && kept[page + 100] == 'b';
    size_without_bytes |= kept.substr(7) == std::string(2 * page, '\0');
  }
  EXPECT_THAT(sizes, UnorderedElementsAre(7, 7 + page, 7 + 2 * page));
  EXPECT_TRUE(later_without_earlier);
  EXPECT_TRUE(size_without_bytes);
}

TEST_F(FakeFileSystemTest, Durability_RenameIsKeptOrLostAsOne) {
  int renamed = 0;
  constexpr int kSeeds = 100;
  for (int seed = 0; seed < kSeeds; ++seed) {
    FakeFileSystem files(&clock_);
    files.WriteFile("/target", "old");
    files.WriteFile("/temporary", "new");
    files.SyncAll();
    ASSERT_TRUE(files.Rename("/temporary", "/target").ok());
    SeededRandom random(static_cast<uint64_t>(seed));
    files.Crash(&random);
    if (files.Exists("/temporary")) {
      EXPECT_EQ(files.ReadFile("/target").value(), "old");
    } else {
      EXPECT_EQ(files.ReadFile("/target").value(), "new");
      ++renamed;
    }
  }
  EXPECT_GT(renamed, 10);
  EXPECT_LT(renamed, kSeeds - 10);
}

TEST_F(FakeFileSystemTest, Durability_RenameIsNeverKeptWithoutTheCreationBeforeIt) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    FakeFileSystem files(&clock_);
    files.WriteFile("/a", "x");
    ASSERT_TRUE(files.Rename("/a", "/b").ok());
    ASSERT_TRUE(files.Rename("/b", "/c").ok());
    SeededRandom random(seed);
    files.Crash(&random);
    EXPECT_LE(files.Files("/").size(), 1) << seed;
  }
}

TEST_F(FakeFileSystemTest, Durability_RenameBetweenDirectoriesNeedsBothSynced) {
  files_.WriteFile("/from/file", "x");
  ASSERT_TRUE(files_.MakeDirectories("/to").ok());
  files_.SyncAll();
  ASSERT_TRUE(files_.Rename("/from/file", "/to/file").ok());
  ASSERT_TRUE(files_.SyncDirectory("/to").ok());
  files_.CrashLosingAll();
  EXPECT_THAT(files_.Files("/"), ElementsAre("/from/file"));

  ASSERT_TRUE(files_.Rename("/from/file", "/to/file").ok());
  ASSERT_TRUE(files_.SyncDirectory("/to").ok());
  ASSERT_TRUE(files_.SyncDirectory("/from").ok());
  files_.CrashLosingAll();
  EXPECT_THAT(files_.Files("/"), ElementsAre("/to/file"));
}

TEST_F(FakeFileSystemTest, Durability_SameSeedKeepsTheSame) {
  const auto run = [this](uint64_t seed) {
    FakeFileSystem files(&clock_);
    for (int i = 0; i < 20; ++i) {
      files.WriteFile(absl::StrCat("/f", i), std::string(9000, 'x'));
    }
    SeededRandom random(seed);
    files.Crash(&random);
    std::string all;
    for (const std::string& path : files.Files("/")) {
      absl::StrAppend(&all, path, "=", files.ReadFile(path).value(), ";");
    }
    return all;
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

TEST_F(FakeFileSystemTest, Crash_KillsOpenFiles) {
  auto file = OpenToWrite("/file");
  files_.SyncAll();
  auto reader = files_.OpenReadable("/file");
  files_.CrashLosingAll();
  char buffer[1];
  EXPECT_EQ(file->Append("x").code(), absl::StatusCode::kInternal);
  EXPECT_EQ(file->Sync().code(), absl::StatusCode::kInternal);
  EXPECT_EQ((*reader)->ReadAt(0, absl::MakeSpan(buffer)).status().code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(files_.open_files(), 0);
  file.reset();
  EXPECT_EQ(files_.open_files(), 0);
}

TEST_F(FakeFileSystemTest, FailedSync_IsNotMendedByALaterOne) {
  auto file = OpenToWrite("/file");
  files_.SyncAll();
  ASSERT_TRUE(file->Append(std::string(100, 'x')).ok());
  files_.Inject({.call = Call::kSync, .status = absl::InternalError("Input/output error")});
  EXPECT_EQ(file->Sync().code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(file->Sync().ok());
  EXPECT_EQ(Content("/file"), std::string(100, 'x'));
  files_.CrashLosingAll();
  EXPECT_EQ(Content("/file"), std::string(100, '\0'));
}

TEST_F(FakeFileSystemTest, FailedSync_BytesWrittenAgainAreDurableAfterTheNext) {
  auto file = OpenToWrite("/file");
  files_.SyncAll();
  ASSERT_TRUE(file->Append("bytes").ok());
  files_.Inject({.call = Call::kSync, .status = absl::InternalError("Input/output error")});
  EXPECT_FALSE(file->Sync().ok());
  ASSERT_TRUE(file->WriteAt(0, "bytes").ok());
  EXPECT_TRUE(file->Sync().ok());
  files_.CrashLosingAll();
  EXPECT_EQ(Content("/file"), "bytes");
}

TEST_F(FakeFileSystemTest, FailedSync_EvictionMayShowTheLoss) {
  bool lost = false;
  bool kept = false;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    FakeFileSystem files(&clock_);
    auto file = files.OpenWritable("/file");
    files.SyncAll();
    ASSERT_TRUE((*file)->Append("bytes").ok());
    files.Inject({.call = Call::kSync, .status = absl::InternalError("Input/output error")});
    EXPECT_FALSE((*file)->Sync().ok());
    SeededRandom random(seed);
    files.EvictPages(&random);
    const std::string content = files.ReadFile("/file").value();
    lost |= content == std::string(5, '\0');
    kept |= content == "bytes";
  }
  EXPECT_TRUE(lost);
  EXPECT_TRUE(kept);
}

TEST_F(FakeFileSystemTest, FailedSync_OfTheFileSystemLosesPagesAndKeepsNamesForTheNext) {
  files_.WriteFile("/file", "x");
  files_.Inject({.call = Call::kSyncFileSystem, .status = absl::InternalError("I/O")});
  EXPECT_FALSE(files_.SyncFileSystem("/").ok());
  EXPECT_TRUE(files_.SyncFileSystem("/").ok());
  files_.CrashLosingAll();
  EXPECT_EQ(files_.ReadFile("/file").value(), std::string(1, '\0'));
}

TEST_F(FakeFileSystemTest, FailedSync_OfADirectoryIsMendedByTheNext) {
  files_.WriteFile("/file", "");
  files_.Inject({.call = Call::kSyncDirectory, .status = absl::InternalError("I/O")});
  EXPECT_FALSE(files_.SyncDirectory("/").ok());
  EXPECT_TRUE(files_.SyncDirectory("/").ok());
  files_.CrashLosingAll();
  EXPECT_TRUE(files_.Exists("/file"));
}

TEST_F(FakeFileSystemTest, Faults_HitTheNthCallOfAKindAndPathSoOften) {
  files_.WriteFile("/a", "x");
  files_.WriteFile("/b", "x");
  files_.Inject({.call = Call::kStat,
                 .status = absl::PermissionDeniedError("Permission denied"),
                 .after = 1,
                 .times = 2,
                 .path_contains = "a"});
  EXPECT_TRUE(files_.Stat("/b").ok());
  EXPECT_TRUE(files_.Stat("/a").ok());
  EXPECT_EQ(files_.Stat("/a").status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(files_.Stat("/b").ok());
  EXPECT_EQ(files_.Stat("/a").status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(files_.Stat("/a").ok());
  EXPECT_EQ(files_.calls(Call::kStat), 6);

  files_.Inject({.call = Call::kRead,
                 .status = absl::InternalError("I/O"),
                 .times = FakeFileSystem::kForEver});
  auto reader = files_.OpenReadable("/a");
  char buffer[1];
  for (int i = 0; i < 5; ++i) EXPECT_FALSE((*reader)->ReadAt(0, absl::MakeSpan(buffer)).ok());
  files_.ClearFaults();
  EXPECT_TRUE((*reader)->ReadAt(0, absl::MakeSpan(buffer)).ok());
}

TEST_F(FakeFileSystemTest, Faults_ShortAppendLeavesAPrefix) {
  auto file = OpenToWrite("/file");
  files_.Inject({.call = Call::kWrite,
                 .status = absl::ResourceExhaustedError("No space left on device"),
                 .written_bytes = 3});
  EXPECT_EQ(file->Append("abcdef").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Content("/file"), "abc");
  EXPECT_EQ(file->size_bytes(), 3);
}

TEST_F(FakeFileSystemTest, Faults_FullDiskTakesWhatFitsAndFreesWithTruncate) {
  files_.SetTotalSpace(10);
  auto file = OpenToWrite("/file");
  ASSERT_TRUE(file->Append("12345678").ok());
  EXPECT_EQ(file->Append("90ab").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Content("/file"), "1234567890");
  EXPECT_EQ(files_.FreeSpace("/")->free_bytes, 0);
  ASSERT_TRUE(file->WriteAt(0, "x").ok());
  ASSERT_TRUE(file->Truncate(8).ok());
  EXPECT_EQ(files_.FreeSpace("/")->free_bytes, 2);
  EXPECT_TRUE(file->Append("90").ok());
}

TEST_F(FakeFileSystemTest, Faults_StaleHandleIsAbortedUntilOpenedAgain) {
  files_.WriteFile("/file", "x");
  auto reader = files_.OpenReadable("/file");
  files_.MakeStale("/file");
  char buffer[1];
  EXPECT_EQ((*reader)->ReadAt(0, absl::MakeSpan(buffer)).status().code(),
            absl::StatusCode::kAborted);
  reader = files_.OpenReadable("/file");
  EXPECT_TRUE((*reader)->ReadAt(0, absl::MakeSpan(buffer)).ok());
}

TEST_F(FakeFileSystemTest, Faults_TooManyOpenFiles) {
  files_.WriteFile("/file", "x");
  files_.SetOpenFilesMax(1);
  auto first = files_.OpenReadable("/file");
  EXPECT_EQ(files_.OpenReadable("/file").status().code(), absl::StatusCode::kUnavailable);
  first->reset();
  EXPECT_TRUE(files_.OpenReadable("/file").ok());
}

TEST_F(FakeFileSystemTest, Faults_InterceptorDecidesBeforeEachCall) {
  files_.WriteFile("/file", "x");
  std::string seen;
  files_.SetInterceptor([&seen](Call call, const std::string& path) -> absl::Status {
    absl::StrAppend(&seen, static_cast<int>(call), path, " ");
    return call == Call::kOpen ? absl::InternalError("no") : absl::OkStatus();
  });
  EXPECT_TRUE(files_.Stat("/file").ok());
  EXPECT_EQ(files_.OpenReadable("/file").status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(seen, absl::StrCat(static_cast<int>(Call::kStat), "/file ",
                               static_cast<int>(Call::kOpen), "/file "));
}

TEST_F(FakeFileSystemTest, Faults_SyncFileSystemCanBeUnimplemented) {
  files_.RefuseSyncFileSystem(true);
  EXPECT_EQ(files_.SyncFileSystem("/").code(), absl::StatusCode::kUnimplemented);
}

TEST_F(FakeFileSystemTest, Corrupt_ChangesTheByteInMemoryAndOnDisk) {
  files_.WriteFile("/file", "abc");
  files_.SyncAll();
  files_.Corrupt("/file", 1, 0x01);
  EXPECT_EQ(Content("/file"), "acc");
  files_.CrashLosingAll();
  EXPECT_EQ(Content("/file"), "acc");
}

}  // namespace
}  // namespace tributary
