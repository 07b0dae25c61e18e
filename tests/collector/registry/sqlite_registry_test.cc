#include "collector/registry/sqlite_registry.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/user_name.h"
#include "tests/collector/registry/registry_contract.h"

namespace tributary {
namespace {

using ::testing::HasSubstr;

// A directory of its own, removed at the end.
class Directory {
 public:
  Directory() {
    std::string name = ::testing::TempDir() + "registryXXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class SqliteTraits {
 public:
  SqliteTraits() { Reopen(); }
  Registry* registry() { return registry_.get(); }
  void Reopen() {
    registry_.reset();
    auto opened = SqliteRegistry::Open(directory_.path());
    ASSERT_TRUE(opened.ok()) << opened.status();
    registry_ = *std::move(opened);
  }

 private:
  Directory directory_;
  std::unique_ptr<Registry> registry_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, RegistryContract, SqliteTraits);

TEST(SqliteRegistryTest, Open_ByASecondCollectorNamesTheDirectory) {
  Directory directory;
  auto first = SqliteRegistry::Open(directory.path());
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = SqliteRegistry::Open(directory.path());
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  EXPECT_THAT(second.status().message(), HasSubstr(directory.path()));
  EXPECT_THAT(second.status().message(), HasSubstr("in use by another collector"));
  // The first one has lost nothing by it.
  EXPECT_TRUE((*first)->Commit({.puts = {{"a", "1"}}}).ok());
  first->reset();
  EXPECT_TRUE(SqliteRegistry::Open(directory.path()).ok());
}

TEST(SqliteRegistryTest, Open_WithoutTheDirectoryFails) {
  Directory directory;
  const auto registry = SqliteRegistry::Open(directory.path() + "/none");
  EXPECT_FALSE(registry.ok());
  EXPECT_THAT(registry.status().message(), HasSubstr("/none/registry.sqlite"));
}

TEST(SqliteRegistryTest, Open_WhereItMayNotWriteNamesWhoMay) {
  Directory directory;
  ASSERT_TRUE(SqliteRegistry::Open(directory.path()).ok());
  const std::string file = directory.path() + "/registry.sqlite";
  ASSERT_EQ(::chmod(file.c_str(), 0444), 0);
  if (::access(file.c_str(), W_OK) == 0) GTEST_SKIP() << "this user may write everywhere";
  const auto registry = SqliteRegistry::Open(directory.path());
  EXPECT_TRUE(absl::IsPermissionDenied(registry.status())) << registry.status();
  EXPECT_THAT(registry.status().message(),
              HasSubstr(absl::StrCat("registry.sqlite: permission denied: it belongs to ",
                                     UserName(::geteuid()), ", and this process runs as ")));
}

TEST(SqliteRegistryTest, Malformed_FileIsDataLoss) {
  Directory directory;
  std::ofstream(directory.path() + "/registry.sqlite") << std::string(8192, 'x');
  EXPECT_TRUE(absl::IsDataLoss(SqliteRegistry::Open(directory.path()).status()));
}

TEST(SqliteRegistryTest, Malformed_PageIsAnErrorAndNoWrongAnswer) {
  Directory directory;
  {
    auto registry = SqliteRegistry::Open(directory.path());
    ASSERT_TRUE(registry.ok());
    RegistryTransaction transaction;
    for (int i = 0; i < 1000; ++i) transaction.puts.push_back({"k" + std::to_string(i), "value"});
    ASSERT_TRUE((*registry)->Commit(transaction).ok());
  }
  const std::string path = directory.path() + "/registry.sqlite";
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);
  file << std::string(4096, '\x55');
  file.close();
  auto registry = SqliteRegistry::Open(directory.path());
  EXPECT_TRUE(!registry.ok() || absl::IsDataLoss((*registry)->List("k").status()));
}

// SQLite's own way to the disk, refused as a read-only file system or a spent quota does.
int refuse_errno = 0;
int64_t RefuseWrite(int, const void*, size_t, int64_t) {
  errno = refuse_errno;
  return -1;
}

class RefusedWriteTest : public ::testing::TestWithParam<int> {
 protected:
  void Refuse(bool refuse) {
    refuse_errno = GetParam();
    sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
    const auto write = reinterpret_cast<sqlite3_syscall_ptr>(&RefuseWrite);
    for (const char* name : {"pwrite", "pwrite64"}) {
      (void)vfs->xSetSystemCall(vfs, name, refuse ? write : nullptr);
    }
  }
  ~RefusedWriteTest() override { Refuse(false); }
};

TEST_P(RefusedWriteTest, Fault11_ChangesNothingAndTheRegistryGoesOnAfterwards) {
  Directory directory;
  auto registry = SqliteRegistry::Open(directory.path());
  ASSERT_TRUE(registry.ok());
  ASSERT_TRUE((*registry)->Commit({.puts = {{"a", "1"}, {"b", "1"}}}).ok());
  Refuse(true);
  for (int i = 0; i < 3; ++i) {
    const absl::Status refused =
        (*registry)->Commit({.puts = {{"a", std::string(100'000, 'x')}}, .deletes = {"b"}});
    EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
    EXPECT_EQ(*(*registry)->Get("a"), "1");
    EXPECT_EQ((*registry)->List("")->size(), 2u);
  }
  Refuse(false);
  EXPECT_TRUE((*registry)->Commit({.puts = {{"a", "2"}}}).ok());
  EXPECT_EQ(*(*registry)->Get("a"), "2");
  registry->reset();
  auto again = SqliteRegistry::Open(directory.path());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*(*again)->Get("a"), "2");
  EXPECT_EQ(*(*again)->Get("b"), "1");
}

INSTANTIATE_TEST_SUITE_P(Each, RefusedWriteTest, ::testing::Values(EROFS, EDQUOT));

// Any other write error: nobody knows, so it is opened again.
class BrokenWriteTest : public RefusedWriteTest {};

TEST_P(BrokenWriteTest, Fault9_IsNotTakenForAWriteThatDidNotHappen) {
  Directory directory;
  auto registry = SqliteRegistry::Open(directory.path());
  ASSERT_TRUE(registry.ok());
  Refuse(true);
  const absl::Status failed = (*registry)->Commit({.puts = {{"a", "1"}}});
  EXPECT_FALSE(failed.ok());
  EXPECT_FALSE(absl::IsResourceExhausted(failed)) << failed;
  Refuse(false);
  EXPECT_TRUE(absl::IsFailedPrecondition((*registry)->Commit({.puts = {{"a", "2"}}})));
}

INSTANTIATE_TEST_SUITE_P(Each, BrokenWriteTest, ::testing::Values(EIO));

}  // namespace
}  // namespace tributary
