#include "agent/side_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tributary::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SideFilesTest, Wants_ByPlaceAndName) {
  const SideFiles files({});
  EXPECT_TRUE(files.Wants(0, "plugins/profile/1/host.xplane.pb"));
  EXPECT_TRUE(files.Wants(0, "a/b/plugins/x"));
  EXPECT_TRUE(files.Wants(0, "projector_config.pbtxt"));
  EXPECT_TRUE(files.Wants(0, "a/projector_config.pbtxt"));
  EXPECT_FALSE(files.Wants(0, "a/plugins"));
  EXPECT_FALSE(files.Wants(0, "a/myplugins/x"));
  EXPECT_FALSE(files.Wants(0, "a/plugins2/x"));
  EXPECT_FALSE(files.Wants(0, "a/my_projector_config.pbtxt"));
  EXPECT_FALSE(files.Wants(0, "checkpoint"));
  // Event files are event files wherever they are, and uploaded ones are left alone.
  EXPECT_FALSE(files.Wants(0, "plugins/events.out.tfevents.1"));
  EXPECT_FALSE(files.Wants(0, "plugins/events.out.tfevents.1.sagemaker-uploaded"));
}

TEST(SideFilesTest, Malicious_NamesThatAreCapturedChooseNothing) {
  SideFiles::Options options;
  options.names_above = {0, 2};
  const SideFiles files(options);
  EXPECT_TRUE(files.Wants(0, "plugins/job/secret"));
  EXPECT_FALSE(files.Wants(1, "plugins/job/secret"));
  EXPECT_FALSE(files.Wants(1, "alice/plugins/secret"));
  EXPECT_TRUE(files.Wants(1, "alice/job/plugins/x"));
  EXPECT_TRUE(files.Wants(2, "plugins/x"));
}

TEST(ProjectorPathsTest, AllThatAConfigurationNames) {
  EXPECT_THAT(ProjectorPaths(R"(
    embeddings { tensor_name: "a" tensor_path: "0/a.tsv" metadata_path: "0/m.tsv"
                 sprite { image_path: "0/s.png" single_image_dim: 8 } bookmarks_path: "b.json" }
    embeddings { tensor_path: "./0//a.tsv" })",
                             "run/x"),
              ElementsAre("run/x/0/a.tsv", "run/x/0/m.tsv", "run/x/0/s.png", "run/x/b.json"));
  EXPECT_THAT(ProjectorPaths(R"(embeddings { tensor_path: "a.tsv" })", ""), ElementsAre("a.tsv"));
}

TEST(ProjectorPathsTest, Malicious_NothingOutsideOfTheLogdir) {
  const auto resolve = [](const std::string& path, const std::string& directory) {
    return ProjectorPaths("embeddings { tensor_path: \"" + path + "\" }", directory);
  };
  EXPECT_THAT(resolve("../a", "run"), ElementsAre("a"));
  EXPECT_THAT(resolve("../../a", "run"), IsEmpty());
  EXPECT_THAT(resolve("x/../../../a", "run"), IsEmpty());
  EXPECT_THAT(resolve("/etc/passwd", "run"), IsEmpty());
  EXPECT_THAT(resolve("..", "run"), IsEmpty());
  EXPECT_THAT(resolve("", "run"), IsEmpty());
  EXPECT_THAT(resolve("a\\000b", "run"), IsEmpty());
  EXPECT_THAT(resolve("..a/...", "run"), ElementsAre("run/..a/..."));
}

TEST(ProjectorPathsTest, Malformed_NamesNothing) {
  EXPECT_THAT(ProjectorPaths("embeddings {", "run"), IsEmpty());
  EXPECT_THAT(ProjectorPaths("\xff\x00\x01", "run"), IsEmpty());
  EXPECT_THAT(ProjectorPaths("", "run"), IsEmpty());
}

}  // namespace
}  // namespace tributary::agent
