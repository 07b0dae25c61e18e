// What every Registry must do: a typed suite. An implementation gives a traits class
//   struct Traits {
//     Registry* registry();   // open, at first empty
//     void Reopen();          // closes it in order and opens the same one again
//   };
// and INSTANTIATE_TYPED_TEST_SUITE_P(Name, RegistryContract, Traits).
#ifndef TRIBUTARY_TESTS_COLLECTOR_REGISTRY_REGISTRY_CONTRACT_H_
#define TRIBUTARY_TESTS_COLLECTOR_REGISTRY_REGISTRY_CONTRACT_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "collector/registry/registry.h"

namespace tributary {

template <typename Traits>
class RegistryContract : public ::testing::Test {
 protected:
  Registry* registry() { return traits_.registry(); }

  std::optional<std::string> Get(const std::string& key) {
    const auto value = registry()->Get(key);
    EXPECT_TRUE(value.ok()) << value.status();
    return value.value_or(std::nullopt);
  }
  std::vector<std::string> Keys(const std::string& prefix) {
    const auto entries = registry()->List(prefix);
    EXPECT_TRUE(entries.ok()) << entries.status();
    std::vector<std::string> keys;
    if (entries.ok()) {
      for (const RegistryEntry& entry : *entries) keys.push_back(entry.key);
    }
    return keys;
  }
  void Put(const std::string& key, const std::string& value) {
    const absl::Status status = registry()->Commit({.puts = {{key, value}}});
    EXPECT_TRUE(status.ok()) << status;
  }

  Traits traits_;
};

TYPED_TEST_SUITE_P(RegistryContract);

TYPED_TEST_P(RegistryContract, Get_OfAnAbsentKeyIsNothing) {
  EXPECT_EQ(this->Get("nobody"), std::nullopt);
  EXPECT_EQ(this->Get(""), std::nullopt);
}

TYPED_TEST_P(RegistryContract, Put_IsSeenAndOverwritten) {
  this->Put("a", "1");
  EXPECT_EQ(this->Get("a"), "1");
  this->Put("a", "22");
  EXPECT_EQ(this->Get("a"), "22");
}

TYPED_TEST_P(RegistryContract, Put_KeepsAnyBytes) {
  const std::string odd("\0\xff'\"%\n\0", 7);
  this->Put(odd, odd);
  this->Put("empty", "");
  EXPECT_EQ(this->Get(odd), odd);
  EXPECT_EQ(this->Get("empty"), "");
  this->traits_.Reopen();
  EXPECT_EQ(this->Get(odd), odd);
  EXPECT_EQ(this->Get("empty"), "");
}

TYPED_TEST_P(RegistryContract, List_IsByPrefixInByteOrder) {
  for (const char* key : {"s/b", "s/a", "s", "s/\x7f", "s/\xc3\xa4", "s0", "r/z", "s/B"}) {
    this->Put(key, key);
  }
  EXPECT_THAT(this->Keys("s/"),
              ::testing::ElementsAre("s/B", "s/a", "s/b", "s/\x7f", "s/\xc3\xa4"));
  EXPECT_THAT(this->Keys("s"), ::testing::SizeIs(7));
  EXPECT_THAT(this->Keys(""), ::testing::SizeIs(8));
  EXPECT_THAT(this->Keys("t"), ::testing::IsEmpty());
}

TYPED_TEST_P(RegistryContract, List_OfAPrefixOfHighestBytes) {
  this->Put("\xff\xff", "1");
  this->Put("\xff\xff\xff", "2");
  this->Put("\xfe", "3");
  EXPECT_THAT(this->Keys("\xff\xff"), ::testing::ElementsAre("\xff\xff", "\xff\xff\xff"));
}

TYPED_TEST_P(RegistryContract, Delete_RemovesAndAllowsAbsentKeys) {
  this->Put("a", "1");
  EXPECT_TRUE(this->registry()->Commit({.deletes = {"a", "never"}}).ok());
  EXPECT_EQ(this->Get("a"), std::nullopt);
}

TYPED_TEST_P(RegistryContract, Commit_IsWhole) {
  this->Put("old", "1");
  ASSERT_TRUE(this->registry()
                  ->Commit({.expect = {{"old", "1"}, {"new", std::nullopt}},
                            .puts = {{"new", "2"}, {"newer", "3"}},
                            .deletes = {"old"}})
                  .ok());
  EXPECT_THAT(this->Keys(""), ::testing::ElementsAre("new", "newer"));
}

TYPED_TEST_P(RegistryContract, Commit_WithABrokenExpectationChangesNothing) {
  this->Put("a", "1");
  for (const RegistryTransaction::Expectation& wrong :
       {RegistryTransaction::Expectation{"a", "2"}, {"a", std::nullopt}, {"b", "1"}}) {
    const absl::Status status = this->registry()->Commit(
        {.expect = {{"a", "1"}, wrong}, .puts = {{"c", "9"}}, .deletes = {"a"}});
    EXPECT_TRUE(absl::IsAborted(status)) << status;
  }
  EXPECT_THAT(this->Keys(""), ::testing::ElementsAre("a"));
  this->Put("d", "still usable");
}

TYPED_TEST_P(RegistryContract, Commit_SurvivesAReopen) {
  this->Put("a", "1");
  this->Put("b", "2");
  ASSERT_TRUE(this->registry()->Commit({.deletes = {"a"}}).ok());
  this->traits_.Reopen();
  EXPECT_THAT(this->Keys(""), ::testing::ElementsAre("b"));
}

TYPED_TEST_P(RegistryContract, Commit_OfNothingIsFine) {
  EXPECT_TRUE(this->registry()->Commit({}).ok());
}

TYPED_TEST_P(RegistryContract, Commit_OfManyEntries) {
  RegistryTransaction transaction;
  for (int i = 0; i < 3000; ++i) {
    transaction.puts.push_back({"k" + std::to_string(i), std::string(100, 'x')});
  }
  ASSERT_TRUE(this->registry()->Commit(transaction).ok());
  this->traits_.Reopen();
  EXPECT_THAT(this->Keys("k"), ::testing::SizeIs(3000));
}

REGISTER_TYPED_TEST_SUITE_P(RegistryContract, Get_OfAnAbsentKeyIsNothing, Put_IsSeenAndOverwritten,
                            Put_KeepsAnyBytes, List_IsByPrefixInByteOrder,
                            List_OfAPrefixOfHighestBytes, Delete_RemovesAndAllowsAbsentKeys,
                            Commit_IsWhole, Commit_WithABrokenExpectationChangesNothing,
                            Commit_SurvivesAReopen, Commit_OfNothingIsFine, Commit_OfManyEntries);

}  // namespace tributary

#endif  // TRIBUTARY_TESTS_COLLECTOR_REGISTRY_REGISTRY_CONTRACT_H_
