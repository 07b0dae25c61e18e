#include "collector/registry/sqlite_registry.h"

#include <filesystem>
#include <fstream>

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

}  // namespace
}  // namespace tributary
