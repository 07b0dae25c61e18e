#include "collector/serve/router.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace tributary::serve {
namespace {

std::string Path(absl::string_view path, absl::string_view prefix) {
  const std::optional<Location> location = Locate(path, prefix);
  return location.has_value() ? location->path : "outside";
}

TEST(LocateTest, PrefixMustMatchWholeSegments) {
  EXPECT_EQ(Path("/tb/data/runs", "/tb"), "/data/runs");
  EXPECT_EQ(Path("/tbx/data/runs", "/tb"), "outside");
  EXPECT_EQ(Path("/data/runs", "/tb"), "outside");
  EXPECT_EQ(Path("/", "/tb"), "outside");
  EXPECT_EQ(Path("/tb", "/tb"), "");
  EXPECT_EQ(Path("/tb/", "/tb"), "/");
}

TEST(LocateTest, OneSlashAtTheEndIsIgnored) {
  EXPECT_EQ(Path("/data/runs/", ""), "/data/runs");
  EXPECT_EQ(Path("/data/runs//", ""), "/data/runs/");
  EXPECT_EQ(Path("/", ""), "/");
}

TEST(LocateTest, ExperimentIsTakenOffUpToTwice) {
  EXPECT_EQ(Path("/experiment/x/data/runs", ""), "/data/runs");
  EXPECT_EQ(Path("/experiment/x/experiment/y/data/runs", ""), "/data/runs");
  EXPECT_EQ(Path("/experiment/x/experiment/y/experiment/z/data/runs", ""),
            "/experiment/z/data/runs");
  EXPECT_EQ(Path("/experiment/x", ""), "");
  EXPECT_EQ(Path("/experiment//data/runs", ""), "/data/runs");
  EXPECT_EQ(Path("/experiment", ""), "/experiment");
  EXPECT_EQ(Path("/tb/experiment/x/data/runs", "/tb"), "/data/runs");
}

TEST(LocateTest, RelativeRootLeadsToThePrefix) {
  EXPECT_EQ(Locate("/", "")->relative_root, "./");
  EXPECT_EQ(Locate("/experiment/x/", "")->relative_root, "./");
  EXPECT_EQ(Locate("/tb/", "/tb")->relative_root, "./");
  EXPECT_EQ(Locate("/tb/experiment/x/", "/tb")->relative_root, "../../");
}

TEST(LocateTest, ScriptRootIsWhatWasTakenOff) {
  EXPECT_EQ(Locate("/tb/experiment/x/data/runs", "/tb")->script_root, "/tb/experiment/x");
  EXPECT_EQ(Locate("/data/runs", "")->script_root, "");
}

TEST(FeatureFlagsTest, MustBeAJsonObjectOrAbsent) {
  http::Request request;
  EXPECT_TRUE(FeatureFlagsAreSound(request));
  request.query = {{"tensorBoardFeatureFlags", "{}"}};
  EXPECT_TRUE(FeatureFlagsAreSound(request));
  for (const char* flags : {"no json", "[]", "1"}) {
    request.query = {{"tensorBoardFeatureFlags", flags}};
    EXPECT_FALSE(FeatureFlagsAreSound(request)) << flags;
    request.headers = {{"x-tensorboard-feature-flags", "{}"}};
    EXPECT_TRUE(FeatureFlagsAreSound(request)) << "the header wins";
    request.headers.clear();
  }
}

}  // namespace
}  // namespace tributary::serve
