#include "collector/registry/service_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace tributary {
namespace {

using ::testing::Not;
using ::testing::StartsWith;

TEST(ServicePathTest, EncodesWhatAPathSegmentCannotHold) {
  EXPECT_EQ(ServicePath("n1", "tensorboard~2"), "/node/n1/tensorboard~2");
  EXPECT_EQ(ServicePath("a/b c", "x"), "/node/a%2Fb%20c/x");
}

TEST(ServiceHostLabelTest, PlainNamesAreReadable) {
  EXPECT_EQ(ServiceHostLabel("node07", "jupyter"), "jupyter--node07");
  EXPECT_EQ(ServiceHostLabel("gpu-3", "my-board"), "my-board--gpu-3");
}

TEST(ServiceHostLabelTest, OtherNamesBecomeALabelOfTheirOwn) {
  const std::string second = ServiceHostLabel("n1", "tensorboard~2");
  EXPECT_THAT(second, StartsWith("tensorboard-2--n1-"));
  // Links are kept: the mark is the same for ever.
  EXPECT_EQ(second, "tensorboard-2--n1-e552dc3d");
  EXPECT_NE(second, ServiceHostLabel("n1", "tensorboard.2"));
  EXPECT_NE(ServiceHostLabel("n1", "tensorboard-2"), second);
}

TEST(ServiceHostLabelTest, EveryLabelIsLegalAndUnique) {
  const std::string names[] = {"a",
                               "A",
                               "a.b",
                               "a~2",
                               "a-",
                               "-a",
                               "a--b",
                               "~",
                               "",
                               std::string(63, 'q'),
                               std::string(64, 'q'),
                               "\xc3\xa4",
                               "b--a",
                               "x"};
  std::set<std::string> labels;
  for (const std::string& node : names) {
    for (const std::string& service : names) {
      const std::string label = ServiceHostLabel(node, service);
      EXPECT_TRUE(labels.insert(label).second) << node << " " << service << " " << label;
      EXPECT_LE(label.size(), 63u);
      EXPECT_THAT(label, Not(StartsWith("-")));
      EXPECT_FALSE(absl::EndsWith(label, "-"));
      for (const char c : label) {
        EXPECT_TRUE(absl::ascii_islower(static_cast<unsigned char>(c)) ||
                    absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-')
            << label;
      }
    }
  }
}

}  // namespace
}  // namespace tributary
