// The real file system. What a disk must fail for is done on a small tmpfs, if we may mount one.

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using ::testing::UnorderedElementsAre;

class FilePosixTest : public ::testing::Test {
 protected:
  void Write(const std::string& path, absl::string_view content) {
    auto file = files_->OpenWritable(path);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Truncate(0).ok());
    ASSERT_TRUE((*file)->Append(content).ok());
  }
  std::string Read(const std::string& path) {
    auto file = files_->OpenReadable(path);
    if (!file.ok()) return file.status().ToString();
    std::string content(1000, '\0');
    const auto size = (*file)->ReadAt(0, absl::MakeSpan(content));
    return size.ok() ? content.substr(0, *size) : size.status().ToString();
  }

  FileSystem* const files_ = RealFileSystem();
  const TemporaryDirectory directory_;
};

TEST_F(FilePosixTest, Malformed_MissingPathsAreNotFoundAndNamed) {
  const std::string missing = directory_ / "missing";
  EXPECT_EQ(files_->OpenReadable(missing).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_->OpenReadable(missing).status().message(),
            absl::StrCat(missing, ": No such file or directory"));
  EXPECT_EQ(files_->OpenWritable(missing + "/x").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_->Stat(missing).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_->List(missing).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_->RealPath(missing).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_->Rename(missing, directory_ / "x").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_->Remove(missing).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_->SyncDirectory(missing).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_->SyncFileSystem(missing).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_->FreeSpace(missing).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(FilePosixTest, Malformed_FileUsedAsDirectoryIsNotFound) {
  Write(directory_ / "file", "x");
  EXPECT_EQ(files_->Stat(directory_ / "file/x").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_->List(directory_ / "file").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_->SyncDirectory(directory_ / "file").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_->MakeDirectories(directory_ / "file").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(files_->MakeDirectories(directory_ / "file/x").code(), absl::StatusCode::kNotFound);
}

TEST_F(FilePosixTest, Malicious_PathWithNulNamesNoOtherFile) {
  Write(directory_ / "file", "x");
  const std::string path = absl::StrCat(directory_ / "file", std::string(1, '\0'), "tail");
  EXPECT_EQ(files_->OpenReadable(path).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(files_->OpenWritable(path).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(files_->Stat(path).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(files_->Remove(path).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(files_->Rename(path, directory_ / "to").code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Read(directory_ / "file"), "x");
}

TEST_F(FilePosixTest, Malicious_FifoInPlaceOfAFileDoesNotBlock) {
  ASSERT_EQ(mkfifo((directory_ / "fifo").c_str(), 0600), 0);
  auto file = files_->OpenReadable(directory_ / "fifo");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_FALSE((*file)->Stat()->is_regular);
}

TEST_F(FilePosixTest, Errors_PermissionDeniedUnlessRoot) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  Write(directory_ / "secret", "x");
  ASSERT_EQ(chmod((directory_ / "secret").c_str(), 0), 0);
  EXPECT_EQ(files_->OpenReadable(directory_ / "secret").status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(FilePosixTest, Errors_TooManyOpenFilesIsUnavailable) {
  Write(directory_ / "file", "x");
  struct rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  struct rlimit few = before;
  few.rlim_cur = 32;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<std::unique_ptr<ReadableFile>> open;
  absl::Status status;
  for (int i = 0; i < 64 && status.ok(); ++i) {
    auto file = files_->OpenReadable(directory_ / "file");
    status = file.status();
    if (file.ok()) open.push_back(*std::move(file));
  }
  EXPECT_EQ(files_->List(directory_.path()).status().code(), absl::StatusCode::kUnavailable);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(FilePosixTest, Errors_FileBeyondTheSizeLimitIsResourceExhausted) {
  // Beyond RLIMIT_FSIZE a write is cut short and then fails with EFBIG, as with ENOSPC.
  struct rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_NE(std::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  struct rlimit small = before;
  small.rlim_cur = 5;
  auto file = files_->OpenWritable(directory_ / "file");
  ASSERT_TRUE(file.ok());
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = (*file)->Append("1234567890");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ((*file)->size_bytes(), 5);
  ASSERT_TRUE((*file)->Truncate(2).ok());
  ASSERT_TRUE((*file)->Append("z").ok());
  EXPECT_EQ(Read(directory_ / "file"), "12z");
}

TEST_F(FilePosixTest, Errors_FullDiskIsResourceExhaustedAndHealsWithSpace) {
  const std::string mount_point = directory_ / "small";
  ASSERT_TRUE(files_->MakeDirectories(mount_point).ok());
  if (mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "cannot mount a tmpfs: " << std::strerror(errno);
  }
  const auto unmount = [](const std::string* path) { umount2(path->c_str(), MNT_DETACH); };
  const std::unique_ptr<const std::string, decltype(unmount)> unmount_at_end(&mount_point, unmount);
  {
    auto file = files_->OpenWritable(mount_point + "/file");
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->Append(std::string(4096, 'a')).ok());
    EXPECT_EQ((*file)->Append(std::string(1 << 20, 'b')).code(),
              absl::StatusCode::kResourceExhausted);
    EXPECT_GT((*file)->size_bytes(), 4096);
    EXPECT_EQ((*file)->size_bytes(), files_->Stat(mount_point + "/file")->size_bytes);
    EXPECT_EQ(files_->FreeSpace(mount_point)->free_bytes, 0);
    EXPECT_EQ(files_->FreeSpace(mount_point)->total_bytes, 64 << 10);
    ASSERT_TRUE((*file)->Truncate(4096).ok());
    EXPECT_TRUE((*file)->Append("more").ok());
    EXPECT_TRUE(files_->SyncFileSystem(mount_point).ok());
  }
  ASSERT_EQ(mount("", mount_point.c_str(), "", MS_REMOUNT | MS_RDONLY, ""), 0);
  EXPECT_EQ(files_->OpenWritable(mount_point + "/other").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(files_->MakeDirectories(mount_point).ok());
}

TEST_F(FilePosixTest, Write_AppendsOverwritesAndTruncates) {
  const std::string path = directory_ / "file";
  Write(path, "hello");
  auto file = files_->OpenWritable(path);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ((*file)->size_bytes(), 5);
  ASSERT_TRUE((*file)->Append(" you").ok());
  ASSERT_TRUE((*file)->WriteAt(0, "J").ok());
  EXPECT_EQ(Read(path), "Jello you");
  ASSERT_TRUE((*file)->WriteAt(8, "rself").ok());
  EXPECT_EQ((*file)->size_bytes(), 13);
  ASSERT_TRUE((*file)->Truncate(3).ok());
  ASSERT_TRUE((*file)->Append("ly").ok());
  EXPECT_TRUE((*file)->Sync().ok());
  EXPECT_EQ(Read(path), "Jelly");
  ASSERT_TRUE((*file)->Append("").ok());
  EXPECT_EQ((*file)->size_bytes(), 5);
}

TEST_F(FilePosixTest, Read_ShortOnlyAtTheEnd) {
  Write(directory_ / "file", "0123456789");
  auto file = files_->OpenReadable(directory_ / "file");
  char buffer[8];
  EXPECT_EQ((*file)->ReadAt(0, absl::MakeSpan(buffer)).value(), 8);
  EXPECT_EQ((*file)->ReadAt(8, absl::MakeSpan(buffer)).value(), 2);
  EXPECT_EQ((*file)->ReadAt(10, absl::MakeSpan(buffer)).value(), 0);
  EXPECT_EQ((*file)->ReadAt(99, absl::MakeSpan(buffer)).value(), 0);
  (*file)->DropCache(0, 10);
  EXPECT_EQ((*file)->ReadAt(9, absl::MakeSpan(buffer, 1)).value(), 1);
  EXPECT_EQ(buffer[0], '9');
}

TEST_F(FilePosixTest, Stat_TellsWhatIsThere) {
  Write(directory_ / "file", "12345");
  ASSERT_EQ(symlink("file", (directory_ / "link").c_str()), 0);
  struct timespec times[2] = {{1'600'000'000, 0}, {1'600'000'001, 500'000'000}};
  ASSERT_EQ(utimensat(AT_FDCWD, (directory_ / "file").c_str(), times, 0), 0);
  struct stat expected;
  ASSERT_EQ(stat((directory_ / "file").c_str(), &expected), 0);
  for (const char* name : {"file", "link"}) {
    const auto stat = files_->Stat(directory_ / name);
    ASSERT_TRUE(stat.ok());
    EXPECT_EQ(stat->size_bytes, 5);
    EXPECT_EQ(stat->inode, expected.st_ino);
    EXPECT_EQ(stat->device, expected.st_dev);
    EXPECT_EQ(stat->owner_uid, geteuid());
    EXPECT_EQ(stat->modified, absl::FromUnixMillis(1'600'000'001'500));
    EXPECT_TRUE(stat->is_regular);
    EXPECT_FALSE(stat->is_directory);
  }
  EXPECT_TRUE(files_->Stat(directory_.path())->is_directory);
  auto open = files_->OpenReadable(directory_ / "file");
  EXPECT_EQ((*open)->Stat()->inode, expected.st_ino);
}

TEST_F(FilePosixTest, List_NamesAndTypesWithoutDots) {
  Write(directory_ / "file", "");
  ASSERT_TRUE(files_->MakeDirectories(directory_ / "sub").ok());
  ASSERT_EQ(symlink("nowhere", (directory_ / "link").c_str()), 0);
  EXPECT_THAT(*files_->List(directory_.path()), UnorderedElementsAre("file", "sub", "link"));
  const auto entries = files_->ListEntries(directory_.path());
  ASSERT_TRUE(entries.ok());
  for (const DirectoryEntry& entry : *entries) {
    if (entry.type == DirectoryEntry::Type::kUnknown) continue;
    EXPECT_EQ(entry.type, entry.name == "file"  ? DirectoryEntry::Type::kRegular
                          : entry.name == "sub" ? DirectoryEntry::Type::kDirectory
                                                : DirectoryEntry::Type::kSymlink);
  }
}

TEST_F(FilePosixTest, Names_DirectoriesRenameRemoveAndRealPath) {
  ASSERT_TRUE(files_->MakeDirectories(directory_ / "a/b/c").ok());
  EXPECT_TRUE(files_->MakeDirectories(directory_ / "a/b/c").ok());
  EXPECT_TRUE(files_->MakeDirectories(directory_ / "a/b//d/").ok());
  Write(directory_ / "a/file", "new");
  Write(directory_ / "a/b/c/file", "old");
  ASSERT_TRUE(files_->Rename(directory_ / "a/file", directory_ / "a/b/c/file").ok());
  EXPECT_EQ(Read(directory_ / "a/b/c/file"), "new");
  EXPECT_TRUE(files_->SyncDirectory(directory_ / "a").ok());
  ASSERT_EQ(symlink("a/b", (directory_ / "link").c_str()), 0);
  const std::string root = files_->RealPath(directory_.path()).value();
  EXPECT_EQ(files_->RealPath(directory_ / "link/../b/c").value(), root + "/a/b/c");
  EXPECT_FALSE(files_->Remove(directory_ / "a/b/c").ok());
  EXPECT_TRUE(files_->Remove(directory_ / "a/b/c/file").ok());
  EXPECT_TRUE(files_->Remove(directory_ / "a/b/c").ok());
}

TEST_F(FilePosixTest, SyncFileSystem_OkOrHonestlyUnimplemented) {
  Write(directory_ / "file", "x");
  struct statfs type;
  ASSERT_EQ(statfs(directory_.path().c_str(), &type), 0);
  for (int i = 0; i < 2; ++i) {
    const absl::Status status = files_->SyncFileSystem(directory_.path());
    if (type.f_type == 0xEF53 || type.f_type == 0x58465342 || type.f_type == 0x01021994) {
      EXPECT_TRUE(status.ok()) << status;
    } else {
      EXPECT_TRUE(status.ok() || status.code() == absl::StatusCode::kUnimplemented) << status;
    }
  }
  // A server's file system, or one of the kernel, reports nothing.
  EXPECT_EQ(files_->SyncFileSystem("/proc").code(), absl::StatusCode::kUnimplemented);
}

TEST_F(FilePosixTest, Descriptors_AreNotInherited) {
  Write(directory_ / "file", "x");
  auto file = files_->OpenReadable(directory_ / "file");
  bool found = false;
  for (int fd = 3; fd < 64; ++fd) {
    const int flags = fcntl(fd, F_GETFD);
    if (flags < 0) continue;
    const auto target = files_->RealPath(absl::StrCat("/proc/self/fd/", fd));
    if (!target.ok() || *target != *files_->RealPath(directory_ / "file")) continue;
    found = true;
    EXPECT_NE(flags & FD_CLOEXEC, 0);
  }
  EXPECT_TRUE(found);
}

TEST(PathTest, SplitsAndJoins) {
  EXPECT_EQ(DirName("a/b"), "a");
  EXPECT_EQ(DirName("/a"), "/");
  EXPECT_EQ(DirName("a"), ".");
  EXPECT_EQ(BaseName("a/b"), "b");
  EXPECT_EQ(BaseName("b"), "b");
  EXPECT_EQ(JoinPath("a", "b"), "a/b");
  EXPECT_EQ(JoinPath("a/", "b"), "a/b");
  EXPECT_EQ(JoinPath("/", "b"), "/b");
}

}  // namespace
}  // namespace tributary
