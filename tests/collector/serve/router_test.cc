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

TEST(LocateTest, SlashesAtTheBeginningCountAsOne) {
  EXPECT_EQ(Locate("//data/runs", "")->path, "/data/runs");
  EXPECT_EQ(Locate("///", "")->path, "/");
  EXPECT_EQ(Locate("/tb//data/runs", "/tb")->path, "/data/runs");
  EXPECT_EQ(Locate("/experiment/x//data/runs", "")->path, "/data/runs");
  EXPECT_EQ(Locate("/data//runs", "")->path, "/data//runs");
  // A browser would take "//experiment/x/" for another host.
  EXPECT_EQ(Locate("//experiment/x", "")->script_root, "/experiment/x");
}

TEST(LocateTest, ScriptRootIsWhatWasTakenOff) {
  EXPECT_EQ(Locate("/tb/experiment/x/data/runs", "/tb")->script_root, "/tb/experiment/x");
  EXPECT_EQ(Locate("/data/runs", "")->script_root, "");
}

TEST(LocateTest, ViewFollowsThePrefix) {
  EXPECT_EQ(Locate("/data/runs", "")->view, Location::View::kMain);
  EXPECT_EQ(Locate("/tb/all/data/runs", "/tb")->view, Location::View::kAll);
  EXPECT_EQ(Locate("/tb/all/data/runs", "/tb")->path, "/data/runs");
  EXPECT_EQ(Path("/all", ""), "");
  EXPECT_EQ(Path("/all/", ""), "/");
  EXPECT_EQ(Path("/allx", ""), "/allx");
  const std::optional<Location> below = Locate("/tb/ns/4711%2Fnode0/data/a%2Fb", "/tb");
  EXPECT_EQ(below->view, Location::View::kBelow);
  EXPECT_EQ(below->name_space, "4711/node0");
  EXPECT_EQ(below->path, "/data/a/b");
  EXPECT_EQ(below->script_root, "/tb/ns/4711%2Fnode0");
  EXPECT_EQ(Locate("/ns/a%2F%2f/", "")->name_space, "a") << "slashes at the end are no part of it";
  EXPECT_EQ(Path("/ns/a", ""), "");
}

TEST(LocateTest, ViewWithoutANameSpaceIsOutside) {
  for (const char* path : {"/ns/", "/ns//", "/ns//data/runs", "/ns/%2F/data/runs"}) {
    EXPECT_EQ(Path(path, ""), "outside") << path;
  }
  EXPECT_EQ(Path("/ns", ""), "/ns");
}

TEST(LocateTest, ViewIsARootOfItsOwn) {
  EXPECT_EQ(Locate("/ns/a/", "")->relative_root, "./");
  EXPECT_EQ(Locate("/ns/a/experiment/x/", "")->relative_root, "../../");
  EXPECT_EQ(Locate("/all/experiment/x/", "")->relative_root, "../../");
}

TEST(LocateTest, Malicious_ScriptRootIsSafeInAHeader) {
  EXPECT_EQ(Locate("/ns/a%0d%0aSet-Cookie:x\"<>/", "")->script_root,
            "/ns/a%0D%0ASet-Cookie%3Ax%22%3C%3E");
  EXPECT_EQ(Locate("/ns/%zz%/", "")->script_root, "/ns/%25zz%25");
}

TEST(LocateTest, PrefixMayBeEncoded) {
  EXPECT_EQ(Path("/a%20b/data/runs", "/a b"), "/data/runs");
  EXPECT_EQ(Path("/a%2", "/a b"), "outside");
  EXPECT_EQ(Path("/a", "/a b"), "outside");
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
