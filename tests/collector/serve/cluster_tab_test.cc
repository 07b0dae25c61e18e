#include "collector/serve/plugins/cluster_tab.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/collector/serve/serve_fixture.h"

namespace tributary::serve {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ClusterTabTest : public ServeTest {
 protected:
  void ServeStore(const std::string& path_prefix = "") {
    HttpApi::Options options;
    options.has_store = true;
    options.path_prefix = path_prefix;
    Serve(options);
  }
  void PublishNode(const std::string& state) {
    auto snapshot = std::make_shared<ClusterSnapshot>();
    NodeStatus node;
    node.name = "n";
    node.state = state;
    snapshot->nodes.push_back(std::move(node));
    board_.Publish(std::move(snapshot));
  }
  // The ids of the tabs in their order.
  std::vector<std::string> Tabs(absl::string_view listing = "/data/plugins_listing") {
    return ParseJson(Json(listing))->keys;
  }
};

TEST_F(ClusterTabTest, WithoutAStoreThereIsNoTab) {
  EXPECT_THAT(Tabs(), Not(::testing::Contains("cluster")));
  EXPECT_EQ(Get("/data/plugin_entry.html?name=cluster").status, 404);
  EXPECT_EQ(Get("/data/plugin/cluster/main.js").status, 404);
}

TEST_F(ClusterTabTest, LastUntilAnAgentIsConnectedThenFirst) {
  ServeStore();
  EXPECT_EQ(Tabs().back(), "cluster");
  PublishNode("away");
  EXPECT_EQ(Tabs().back(), "cluster");
  PublishNode("connected");
  EXPECT_EQ(Tabs().front(), "cluster");
  EXPECT_EQ(Tabs("/all/data/plugins_listing").front(), "cluster");
}

TEST_F(ClusterTabTest, WhoOpensOneNamespaceSeesItsChartsFirst) {
  ServeStore();
  PublishNode("connected");
  EXPECT_EQ(Tabs("/ns/4711%2Fnode0/data/plugins_listing").back(), "cluster");
}

TEST_F(ClusterTabTest, ListedAsAPageInAFrame) {
  ServeStore("/tb");
  EXPECT_THAT(Json("/tb/experiment/x/data/plugins_listing"),
              HasSubstr(R"("cluster":{"disable_reload":false,"enabled":true,"remove_dom":false,)"
                        R"("tab_name":"Cluster","loading_mechanism":{"type":"IFRAME",)"
                        R"("module_path":"/tb/experiment/x/data/plugin/cluster/main.js"}})"));
}

TEST_F(ClusterTabTest, PageForbidsAllThatItDoesNotNeed) {
  ServeStore("/tb");
  for (const char* view : {"/tb", "/tb/all", "/tb/ns/a%2Fb", "/tb/experiment/x"}) {
    const http::Response page = Get(absl::StrCat(view, "/data/plugin_entry.html?name=cluster"));
    EXPECT_EQ(page.status, 200) << view;
    EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
    const std::string policy = HeaderOf(page, "Content-Security-Policy");
    EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
    EXPECT_THAT(policy, HasSubstr("require-trusted-types-for 'script'"));
    EXPECT_THAT(policy, HasSubstr("frame-ancestors 'self'"));
    EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
    EXPECT_THAT(page.body, HasSubstr("<base href=\"plugin/cluster/\">"));
    EXPECT_THAT(page.body, Not(HasSubstr("style=")));
  }
}

TEST_F(ClusterTabTest, EachFileIsServedWithItsTypeAndATag) {
  ServeStore();
  for (const EmbeddedFile& file : ClusterTabFiles()) {
    if (file.name == "index.html") continue;
    const std::string path = absl::StrCat("/data/plugin/cluster/", file.name);
    const http::Response answer = Get(path);
    EXPECT_EQ(answer.status, 200) << path;
    EXPECT_EQ(answer.body, file.bytes) << path;
    EXPECT_THAT(answer.content_type,
                ::testing::AnyOf("text/javascript; charset=utf-8", "text/css; charset=utf-8"));
    const std::string tag = HeaderOf(answer, "ETag");
    EXPECT_EQ(Get(path, {{"if-none-match", tag}}).status, 304) << path;
    EXPECT_EQ(Get(absl::StrCat("/ns/a%2Fb", path)).status, 200) << path;
  }
}

// What is not there cannot be used wrongly: everything from a server goes in as text.
TEST_F(ClusterTabTest, NoFileTurnsTextIntoMarkupOrCode) {
  for (const EmbeddedFile& file : ClusterTabFiles()) {
    for (const char* way : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write",
                            "eval(", "new Function", "srcdoc", "DOMParser", "setHTML"}) {
      EXPECT_FALSE(absl::StrContains(file.bytes, way)) << file.name << ": " << way;
    }
  }
}

}  // namespace
}  // namespace tributary::serve
