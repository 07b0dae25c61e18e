#include "collector/serve/http_api.h"

#include <string>
#include <vector>

#include "common/http/gzip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/collector/serve/serve_fixture.h"

namespace tributary::serve {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class HttpApiTest : public ServeTest {
 protected:
  void Write(const std::string& path, const std::string& bytes) {
    ASSERT_TRUE(files_.MakeDirectories(std::string(DirName(path))).ok());
    auto file = files_.OpenWritable(path);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Append(bytes).ok());
  }
  void WriteUi() {
    Write("/ui/index.html", "<head>url(/font-roboto/a.woff2)</head>");
    Write("/ui/index.js", "plain");
    Write("/ui/index.js.gz", http::Gzip("script"));
    Write("/ui/icon_bundle.svg", "<svg/>");
    Write("/ui/font-roboto/a.woff2", "font");
    Write("/ui/.pinned", "1");
    Write("/ui/data/plugin/projector/index.js", "projector");
  }
  static HttpApi::Options WithUi() {
    HttpApi::Options options;
    options.webfiles = "/ui";
    return options;
  }
};

TEST_F(HttpApiTest, UnknownPathsAre404) {
  for (const char* path :
       {"/data/nothing", "/data/plugin/nothing/tags", "/index.js", "/data",
        "/data/plugin/text/nothing", "/favicon.ico", "/data//runs", "/DATA/runs"}) {
    const http::Response response = Get(path);
    EXPECT_EQ(response.status, 404) << path;
    EXPECT_EQ(response.body, "Not found") << path;
  }
}

TEST_F(HttpApiTest, FeatureFlagsThatAreNoObjectAre400) {
  EXPECT_EQ(Get("/data/runs?tensorBoardFeatureFlags=[]").status, 400);
  EXPECT_EQ(Get("/data/runs", {{"x-tensorboard-feature-flags", "{}"}}).status, 200);
}

TEST_F(HttpApiTest, WithoutUiThePageSaysHowToGetIt) {
  const http::Response page = Get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body, HasSubstr("deploy/webfiles/fetch"));
  EXPECT_THAT(HeaderOf(page, "Content-Security-Policy"), HasSubstr("default-src 'none'"));
  EXPECT_FALSE(api_->webfiles_status().ok());
  EXPECT_EQ(Get("/data/runs").status, 200);
}

TEST_F(HttpApiTest, UiFolderThatCannotBeReadIsAMissingUi) {
  WriteUi();
  files_.Remove("/ui/index.html").IgnoreError();
  Serve(WithUi());
  EXPECT_THAT(std::string(api_->webfiles_status().message()), HasSubstr("index.html"));
}

TEST_F(HttpApiTest, IndexPageGetsItsRootAndFonts) {
  WriteUi();
  HttpApi::Options options = WithUi();
  options.path_prefix = "/tb/";
  Serve(options);
  const http::Response page = Get("/tb/");
  EXPECT_EQ(page.body,
            "<!doctype html><meta name=\"tb-relative-root\" content=\"./\">"
            "<head>url(font-roboto/a.woff2)</head>");
  EXPECT_THAT(HeaderOf(page, "Content-Security-Policy"), HasSubstr("script-src 'self'"));
  EXPECT_THAT(HeaderOf(page, "Content-Security-Policy"), Not(HasSubstr("unsafe-eval")));
  EXPECT_THAT(Get("/tb/experiment/x/").body, HasSubstr("content=\"../../\""));
  const http::Response again = Get("/tb/", {{"if-none-match", HeaderOf(page, "ETag")}});
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(Get("/tb/experiment/x/", {{"if-none-match", HeaderOf(page, "ETag")}}).status, 200)
      << "another root makes another page";
}

TEST_F(HttpApiTest, PagesOfPluginsFindTheFontsBelowAPrefix) {
  WriteUi();
  const std::string route = "/data/plugin/projector/projector_binary.html";
  Write("/ui" + route, "url(/font-roboto/a.woff2)");
  Write("/ui" + route + ".gz", http::Gzip("url(/font-roboto/a.woff2)"));
  HttpApi::Options options = WithUi();
  options.path_prefix = "/tb";
  Serve(options);
  EXPECT_EQ(Get("/tb" + route).body, "url(../../../font-roboto/a.woff2)");
}

TEST_F(HttpApiTest, MissingSlashIsRedirected) {
  HttpApi::Options options;
  options.path_prefix = "/tb";
  Serve(options);
  EXPECT_EQ(Get("/tb").status, 301);
  EXPECT_EQ(HeaderOf(Get("/tb"), "Location"), "/tb/");
  EXPECT_EQ(HeaderOf(Get("/tb/experiment/a%20b"), "Location"), "/tb/experiment/a%20b/");
  EXPECT_EQ(Get("/").status, 404);
  EXPECT_EQ(Get("/tbdata/runs").status, 404);
  EXPECT_EQ(Get("/tb/data/runs").status, 200);
}

TEST_F(HttpApiTest, StaticFilesHaveTypesAndLifetimes) {
  WriteUi();
  Serve(WithUi());
  const http::Response script = Get("/index.js?_file_hash=12345678");
  EXPECT_EQ(script.content_type, "text/javascript; charset=utf-8");
  EXPECT_TRUE(script.body_is_gzip);
  EXPECT_EQ(*http::Gunzip(script.body, 100), "script");
  EXPECT_EQ(HeaderOf(script, "Cache-Control"), "private, max-age=86400");
  EXPECT_EQ(HeaderOf(Get("/index.js"), "Cache-Control"), "no-cache, must-revalidate");
  EXPECT_EQ(HeaderOf(Get("/index.js?_file_hash="), "Cache-Control"), "no-cache, must-revalidate");
  EXPECT_EQ(HeaderOf(Get("/icon_bundle.svg?_file_hash=1"), "Cache-Control"),
            "no-cache, must-revalidate");
  EXPECT_EQ(Get("/icon_bundle.svg").content_type, "image/svg+xml");
  EXPECT_EQ(Get("/font-roboto/a.woff2").content_type, "font/woff2");
  EXPECT_EQ(Get("/index.js", {{"if-none-match", HeaderOf(script, "ETag")}}).status, 304);
}

TEST_F(HttpApiTest, Malicious_FilesOutsideOfTheUiAreNotServed) {
  WriteUi();
  Write("/secret", "x");
  Serve(WithUi());
  for (const char* path : {"/../secret", "/%2e%2e/secret", "/.pinned", "/index.js.gz",
                           "/font-roboto", "/data/plugin/projector"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
}

TEST_F(HttpApiTest, AnswersOfTheIndexAreNotSentTwice) {
  AddFile("a", EventFileBuilder().FileVersion().Scalar("loss", Step(1), 1));
  const http::Response first = Get("/data/runs");
  const std::string etag = HeaderOf(first, "ETag");
  EXPECT_THAT(etag, StartsWith("W/\"abc-"));
  const http::Response again = Get("/data/runs", {{"if-none-match", "\"x\", " + etag}});
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  AddFile("b", EventFileBuilder().FileVersion().Scalar("loss", Step(1), 1));
  const http::Response later = Get("/data/runs", {{"if-none-match", etag}});
  EXPECT_EQ(later.status, 200);
  EXPECT_NE(HeaderOf(later, "ETag"), etag);
  EXPECT_EQ(HeaderOf(Get("/data/plugin/scalars/scalars?run=no&tag=no"), "ETag"), "");
}

TEST_F(HttpApiTest, HealthAnswersWithAndWithoutPrefix) {
  HttpApi::Options options;
  options.path_prefix = "/tb";
  Serve(options);
  EXPECT_EQ(Get("/healthz").status, 200);
  EXPECT_EQ(Get("/tb/healthz").status, 200);
  EXPECT_EQ(Get("/readyz").body, "ready\n");
  ready_ = absl::UnavailableError("3 of 7 files are loaded");
  EXPECT_EQ(Get("/readyz").status, 503);
  EXPECT_EQ(Get("/readyz").body, "3 of 7 files are loaded\n");
  EXPECT_EQ(Get("/metrics").body, "tributary_up 1\n");
  EXPECT_THAT(Get("/metrics").content_type, StartsWith("text/plain; version=0.0.4"));
}

}  // namespace
}  // namespace tributary::serve
