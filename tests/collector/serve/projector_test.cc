// The Projector dashboard: files beside the event files.
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/atomic_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/collector/serve/serve_fixture.h"

namespace tributary::serve {
namespace {

using ::testing::HasSubstr;

constexpr char kRoute[] = "/data/plugin/projector/";

class ProjectorTest : public ServeTest {
 protected:
  void Write(const std::string& path, absl::string_view content) {
    ASSERT_TRUE(files_.MakeDirectories(path.substr(0, path.rfind('/'))).ok());
    ASSERT_TRUE(WriteFileAtomically(&files_, path, content).ok());
  }
  // Run "logs/a" in directory /d/a, with this configuration.
  void ServeRun(absl::string_view config) {
    AddFile("logs/a", EventFileBuilder().FileVersion().Scalar("x", Step(1), 1));
    Write("/d/a/projector_config.pbtxt", config);
    Write("/d/a/t.tsv", "1\t2\n3\t4\n");
    Write("/d/secret", "x");
    Write("/ui/index.html", "<head></head>");
    Write("/ui/data/plugin/projector/index.js", "module");
    HttpApi::Options options;
    options.webfiles = "/ui";
    local_projector_.Add({{"logs/a", "/d/a"}});
    Serve(options);
  }
  int StatusOf(absl::string_view rest) { return Get(absl::StrCat(kRoute, rest)).status; }
};

TEST_F(ProjectorTest, Malformed_ParametersAre400) {
  ServeRun(R"(embeddings { tensor_name: "t" tensor_path: "t.tsv" })");
  for (const char* rest : {"info", "info?run=b", "info?run=../a", "tensor?run=logs/a",
                           "tensor?run=logs/a&name=no", "tensor?run=logs/a&name=t&num_rows=0",
                           "tensor?run=logs/a&name=t&num_rows=x", "metadata?run=logs/a&name=t",
                           "bookmarks?run=logs/a&name=t", "sprite_image?run=logs/a&name=t"}) {
    EXPECT_EQ(StatusOf(rest), 400) << rest;
  }
}

TEST_F(ProjectorTest, Malformed_ConfigurationHidesItsRun) {
  ServeRun("embeddings {");
  EXPECT_EQ(Json(absl::StrCat(kRoute, "runs")), "[]");
  EXPECT_THAT(Json("/data/plugins_listing"),
              HasSubstr(R"("projector":{"disable_reload":true,"enabled":false)"));
}

TEST_F(ProjectorTest, Malicious_FilesOutsideTheDirectoryAreNotRead) {
  ServeRun(R"(embeddings { tensor_name: "t" tensor_path: "t.tsv" metadata_path: "../secret"
                           bookmarks_path: "/d/secret" sprite { image_path: "." } })");
  for (const char* file : {"metadata", "bookmarks", "sprite_image"}) {
    EXPECT_EQ(StatusOf(absl::StrCat(file, "?run=logs/a&name=t")), 400) << file;
  }
}

TEST_F(ProjectorTest, Malformed_TensorsAre400) {
  ServeRun(R"(embeddings { tensor_name: "ragged" tensor_path: "ragged" }
              embeddings { tensor_name: "short" tensor_path: "short" tensor_shape: 2 tensor_shape: 2 })");
  Write("/d/a/ragged", "1\t2\n3\n");
  Write("/d/a/short", "\xff\xff\xff\xff");
  EXPECT_EQ(StatusOf("tensor?run=logs/a&name=ragged"), 400);
  EXPECT_EQ(StatusOf("tensor?run=logs/a&name=short"), 400);
  EXPECT_EQ(StatusOf("info?run=logs/a"), 200);
}

TEST_F(ProjectorTest, ServesWhatTheConfigurationNames) {
  ServeRun(R"(embeddings { tensor_name: "t:0" tensor_path: "t.tsv" metadata_path: "m" })");
  Write("/d/a/m", "name\tkind\na\t1\nb\t2");
  EXPECT_EQ(Json(absl::StrCat(kRoute, "runs")), R"(["logs/a"])");
  EXPECT_THAT(Json(absl::StrCat(kRoute, "info?run=logs/a")),
              HasSubstr(R"("tensorName":"t","metadataPath":"m","tensorShape":[2,2])"));
  const std::string bytes = Get(absl::StrCat(kRoute, "tensor?run=logs/a&name=t&num_rows=1")).body;
  float second = 0;
  ASSERT_EQ(bytes.size(), 8U);
  std::memcpy(&second, bytes.data() + 4, sizeof(second));
  EXPECT_EQ(second, 2);
  EXPECT_EQ(Get(absl::StrCat(kRoute, "metadata?run=logs/a&name=t:0&num_rows=1")).body,
            "name\tkind\na\t1\n");
  EXPECT_THAT(Json("/data/plugins_listing"),
              HasSubstr(R"("projector":{"disable_reload":true,"enabled":true)"));
  EXPECT_EQ(Get("/data/plugin_entry.html?name=projector").status, 200);
}

}  // namespace
}  // namespace tributary::serve
