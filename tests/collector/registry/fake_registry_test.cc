#include "tests/support/fake_registry.h"

#include "tests/collector/registry/registry_contract.h"

namespace tributary {
namespace {

class FakeTraits {
 public:
  Registry* registry() { return &registry_; }
  void Reopen() {
    registry_.Crash();
    registry_.Reopen();
  }

 private:
  FakeRegistry registry_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Fake, RegistryContract, FakeTraits);

TEST(FakeRegistryTest, UnknownOutcome_ClosesTheRegistryUntilItIsOpenedAgain) {
  for (const bool applied : {false, true}) {
    FakeRegistry registry;
    registry.FailCommit(applied ? FakeRegistry::Fate::kAppliedUnknown
                                : FakeRegistry::Fate::kLostUnknown);
    EXPECT_TRUE(absl::IsInternal(registry.Commit({.puts = {{"a", "1"}}})));
    EXPECT_TRUE(absl::IsFailedPrecondition(registry.Get("a").status()));
    EXPECT_TRUE(absl::IsFailedPrecondition(registry.Commit({})));
    registry.Reopen();
    EXPECT_EQ(registry.Get("a")->has_value(), applied);
  }
}

TEST(FakeRegistryTest, NoSpace_ChangesNothingAndMayBeTriedAgain) {
  FakeRegistry registry;
  registry.FailCommit(FakeRegistry::Fate::kNoSpace);
  EXPECT_TRUE(absl::IsResourceExhausted(registry.Commit({.puts = {{"a", "1"}}})));
  EXPECT_EQ(*registry.Get("a"), std::nullopt);
  EXPECT_TRUE(registry.Commit({.puts = {{"a", "1"}}}).ok());
}

TEST(FakeRegistryTest, ForgetAtCrash_LosesWhatWasAnsweredOk) {
  FakeRegistry registry;
  ASSERT_TRUE(registry.Commit({.puts = {{"a", "1"}}}).ok());
  registry.ForgetAtCrashFromNowOn();
  ASSERT_TRUE(registry.Commit({.puts = {{"b", "1"}}}).ok());
  registry.Crash();
  registry.Reopen();
  EXPECT_TRUE(registry.Get("a")->has_value());
  EXPECT_FALSE(registry.Get("b")->has_value());
}

}  // namespace
}  // namespace tributary
