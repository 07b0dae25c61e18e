#include "collector/port_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PortChoiceTest : public ::testing::Test {
 protected:
  absl::Status Choose(const PortWish& wish) {
    const auto listen = [this](uint16_t port) -> absl::Status {
      tried_.push_back(port);
      if (!other_error_.ok()) return other_error_;
      if (!taken_.contains(port)) return absl::OkStatus();
      return absl::AlreadyExistsError(absl::StrCat("port ", port, " is taken by python (pid 7)"));
    };
    return ChoosePort(wish, listen, &passed_over_);
  }
  std::set<uint16_t> taken_;
  absl::Status other_error_;
  std::vector<uint16_t> tried_;
  std::string passed_over_;
};

TEST_F(PortChoiceTest, AnExactPortIsTheOnlyOneTried) {
  taken_ = {7000};
  const absl::Status status = Choose({7000, 6006});
  EXPECT_TRUE(absl::IsAlreadyExists(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("python"));
  EXPECT_THAT(tried_, ElementsAre(7000));
}

TEST_F(PortChoiceTest, ZeroIsLeftToTheSystem) {
  EXPECT_TRUE(Choose({0, 6006}).ok());
  EXPECT_THAT(tried_, ElementsAre(0));
}

TEST_F(PortChoiceTest, WithoutAWishTheFirstFreeOneAsTensorBoard) {
  taken_ = {6006, 6007};
  EXPECT_TRUE(Choose({}).ok());
  EXPECT_THAT(tried_, ElementsAre(6006, 6007, 6008));
  EXPECT_EQ(passed_over_, "port 6006 is taken by python (pid 7)");
}

TEST_F(PortChoiceTest, TheSearchEndsAfterAHundred) {
  for (int port = 6006; port < 6200; ++port) taken_.insert(static_cast<uint16_t>(port));
  const absl::Status status = Choose({});
  EXPECT_TRUE(absl::IsAlreadyExists(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("6105"));
  EXPECT_EQ(tried_.size(), 100u);
  EXPECT_EQ(tried_.back(), 6105);
}

TEST_F(PortChoiceTest, AnotherErrorEndsTheSearch) {
  other_error_ = absl::InvalidArgumentError("no such host");
  EXPECT_TRUE(absl::IsInvalidArgument(Choose({})));
  EXPECT_EQ(tried_.size(), 1u);
}

TEST_F(PortChoiceTest, ARememberedPortIsUsedOrTheStartFails) {
  EXPECT_TRUE(Choose({std::nullopt, 6050}).ok());
  EXPECT_THAT(tried_, ElementsAre(6050));
  taken_ = {6050};
  const absl::Status status = Choose({std::nullopt, 6050});
  EXPECT_TRUE(absl::IsAlreadyExists(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("python"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("--port"));
  EXPECT_EQ(tried_.size(), 2u);
}

}  // namespace
}  // namespace tributary
