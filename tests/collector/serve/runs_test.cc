#include "collector/serve/runs.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "collector/serve/same_origin.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/collector/serve/serve_fixture.h"

namespace tributary::serve {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using Headers = std::vector<std::pair<std::string, std::string>>;

const Headers& Good() {
  static const auto* const headers =
      new Headers{{"host", "localhost:6006"}, {"content-type", "application/json"}};
  return *headers;
}

class RunsTest : public ServeTest {
 protected:
  RunsTest() {
    for (const char* run : {"a", "b"}) {
      AddFile(run, EventFileBuilder().FileVersion().Scalar("loss", Step(1), 1));
    }
    MakeApi(true);
  }

  void MakeApi(bool with_store) {
    HttpApi::Options options;
    options.path_prefix = "/tb";
    HttpApi::Dependencies dependencies;
    dependencies.index = index_.get();
    dependencies.cluster = &board_;
    dependencies.services = &services_;
    dependencies.hosts = &hosts_;
    dependencies.collector = [] { return CollectorFacts(); };
    dependencies.clock = &clock_;
    dependencies.files = &files_;
    dependencies.log = &log_;
    dependencies.health.ready = [this] { return ready_; };
    dependencies.decisions.board = &decisions_;
    if (with_store) {
      dependencies.decisions.audit = &trail_;
      dependencies.decisions.decide =
          [this](const RunDecision& decision,
                 const std::string& who) -> absl::StatusOr<RunDecisionLog::Outcome> {
        if (!answer_.ok()) return answer_;
        who_ = who;
        asked_.push_back(decision);
        return RunDecisionLog::Outcome{decision.to.empty() ? decision.run : decision.to, true};
      };
    }
    api_ = std::make_unique<HttpApi>(options, dependencies);
  }

  http::Response Decide(std::string body, Headers headers = Good()) {
    http::Request request;
    request.method = "POST";
    request.headers = std::move(headers);
    request.body = std::move(body);
    request.peer = "10.0.0.1";
    return Send(std::move(request), "/tb/api/v1/runs");
  }

  AuditTrail trail_{100};
  absl::Status answer_;
  std::string who_;
  std::vector<RunDecision> asked_;
};

TEST_F(RunsTest, ADecisionIsHandedOnWithWhoMadeIt) {
  const http::Response answer = Decide(R"({"run":"a","action":"rename","to":"b"})");
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body, "{\"run\":\"b\",\"changed\":true}");
  ASSERT_EQ(asked_.size(), 1);
  EXPECT_EQ(asked_[0].run, "a");
  EXPECT_EQ(asked_[0].to, "b");
  EXPECT_TRUE(asked_[0].to_exists);
  EXPECT_EQ(who_, "10.0.0.1");
  for (const char* action : {"hide", "show", "merge", "split"}) {
    EXPECT_EQ(Decide(absl::StrCat(R"({"run":"a","action":")", action, "\"}")).status, 200);
  }
}

TEST_F(RunsTest, Malicious_EveryMistakeIsNamed) {
  for (const auto& [body, reason] : std::vector<std::pair<std::string, std::string>>{
           {"", "Invalid argument"},
           {"[]", "must be a JSON object"},
           {R"({"action":"hide"})", "names no \"run\""},
           {R"({"run":"a"})", "names no \"action\""},
           {R"({"run":1,"action":"hide"})", "\"run\" must be a string"},
           {R"({"run":"a","action":"drop"})", "\"action\" is \"drop\", it must be rename, hide"},
           {R"({"run":"a","action":"rename"})", "needs the new name in \"to\""},
           {R"({"run":"a","action":"hide","to":"b"})", "\"to\" belongs to rename only"},
           {R"({"run":"a","action":"hide","force":true})",
            "\"force\" is none of run, action, to"}}) {
    const http::Response answer = Decide(body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_THAT(answer.body, HasSubstr(reason)) << body;
  }
  EXPECT_TRUE(asked_.empty());
}

TEST_F(RunsTest, ARunMustBeThere) {
  EXPECT_EQ(Decide(R"({"run":"none","action":"hide"})").status, 404);
  ready_ = absl::UnavailableError("loading");
  EXPECT_EQ(Decide(R"({"run":"none","action":"hide"})").status, 503) << "it may still come";
  EXPECT_EQ(Decide(R"({"run":"a","action":"hide"})").status, 200);
}

TEST_F(RunsTest, AFormerNameStandsForItsRun) {
  RunDecisions::States states;
  states["old"].renamed_to = "a";
  decisions_.Publish(std::make_shared<const RunDecisions>(states));
  EXPECT_EQ(Decide(R"({"run":"old","action":"hide"})").status, 200);
}

TEST_F(RunsTest, APartOfARunIsNoRun) {
  const http::Response answer = Decide(R"({"run":"a#attempt-1","action":"hide"})");
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr("decide about the whole run"));
}

TEST_F(RunsTest, ErrorsOfTheStoreAreToldAsWhatTheyAre) {
  answer_ = absl::FailedPreconditionError("taken");
  EXPECT_EQ(Decide(R"({"run":"a","action":"rename","to":"c"})").status, 409);
  answer_ = absl::UnavailableError("busy");
  EXPECT_EQ(Decide(R"({"run":"a","action":"hide"})").status, 503);
}

TEST_F(RunsTest, WithoutAStoreThereIsNowhereToKeepIt) {
  MakeApi(false);
  const http::Response answer = Decide(R"({"run":"a","action":"hide"})");
  EXPECT_EQ(answer.status, 409);
  EXPECT_THAT(answer.body, HasSubstr("--data DIR"));
  EXPECT_EQ(Get("/tb/api/v1/runs").status, 200);
}

TEST_F(RunsTest, Fault40_PagesOfOthersChangeNothing) {
  const std::string body = R"({"run":"a","action":"hide"})";
  for (const auto& [name, value] : Headers{{"origin", "http://evil.example"},
                                           {"origin", "null"},
                                           {"origin", "http://localhost:7007"},
                                           {"origin", "http://localhost:6006/x"},
                                           {"origin", "http://own--n1.localhost:6006"},
                                           {"referer", "about:client"},
                                           {"sec-fetch-site", "cross-site"},
                                           {"sec-fetch-site", "same-site"},
                                           {"referer", "http://evil.example/"},
                                           {"referer", "http://localhost:6006/tb/node/n1/x/"},
                                           {"referer", "http://localhost:6006/tb/%6eode/n1/x/"}}) {
    Headers headers = Good();
    headers.emplace_back(name, value);
    EXPECT_EQ(Decide(body, headers).status, 403) << name << ": " << value;
  }
  EXPECT_TRUE(asked_.empty());
}

TEST_F(RunsTest, Fault40_AFormCannotBeSent) {
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
                           "", "text/plain; application/json"}) {
    const http::Response answer =
        Decide(R"({"run":"a","action":"hide"})", {{"host", "localhost"}, {"content-type", type}});
    EXPECT_EQ(answer.status, 415) << type;
  }
  http::Request put;
  put.method = "PUT";
  const http::Response answer = Send(std::move(put), "/tb/api/v1/runs");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(HeaderOf(answer, "Allow"), "GET, HEAD, POST");
}

TEST_F(RunsTest, OurOwnPagesAndScriptsMayDecide) {
  const std::string body = R"({"run":"a","action":"hide"})";
  for (const char* host : {"localhost:6006", "127.0.0.1:6006", "[::1]:6006", "10.1.2.3",
                           "head.example.com", "HEAD.example.com:80"}) {
    for (const char* scheme : {"http://", "https://"}) {
      Headers headers = {{"host", host},
                         {"content-type", "Application/JSON; charset=utf-8"},
                         {"origin", absl::StrCat(scheme, host)},
                         {"sec-fetch-site", "same-origin"},
                         {"referer", absl::StrCat(scheme, host, "/tb/")}};
      EXPECT_EQ(Decide(body, headers).status, 200) << host;
    }
  }
}

TEST_F(RunsTest, BehindAProxyThatChangesTheHostTheNamedOriginMayDecide) {
  Headers headers = Good();
  headers.emplace_back("origin", "https://tb.example.org");
  headers.emplace_back("referer", "https://tb.example.org/tb/#cluster");
  const std::string body = R"({"run":"a","action":"hide"})";
  const http::Response refused = Decide(body, headers);
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("--allowed_hosts"));
  const gateway::HostTable named({.allowed = {"tb.example.org"}, .bases = {}});
  http::Request request;
  request.headers = headers;
  EXPECT_EQ(CheckSameOrigin(request, "/tb", named), absl::OkStatus());
  request.headers.back().second = "https://tb.example.org/tb/node/n1/board/";
  EXPECT_TRUE(absl::IsPermissionDenied(CheckSameOrigin(request, "/tb", named)));
}

TEST_F(RunsTest, ListingShowsRunsAndWhatWasDecided) {
  RunDecisions::States states;
  states["a"].renamed_to = "c";
  states["c"].hidden = true;
  states["c"].merge = false;
  decisions_.Publish(std::make_shared<const RunDecisions>(states));
  RunRules rules;
  rules.renamed.emplace(RunName("a"), RunName("c"));
  rules.hidden.insert(RunName("c"));
  index_->SetRules(std::move(rules));
  const std::string all = Json("/tb/api/v1/runs");
  EXPECT_THAT(all, HasSubstr(R"({"run":"b","stored_as":["b"],"hidden":false,"merged":false,)"
                             R"("merge_decided":null,"shown":1,"files":1)"));
  EXPECT_THAT(all, HasSubstr(R"({"run":"c","stored_as":["a"],"hidden":true,"merged":false,)"
                             R"("merge_decided":false)"));
  EXPECT_THAT(Json("/tb/api/v1/runs?decided=true"), Not(HasSubstr("\"run\":\"b\"")));
  EXPECT_THAT(Json("/tb/api/v1/runs?limit=1"), HasSubstr("\"next\":\"b\""));
  EXPECT_THAT(Json("/tb/api/v1/runs?after=b"), Not(HasSubstr("\"run\":\"b\"")));
  EXPECT_THAT(Json("/tb/api/v1/runs?below=none"), HasSubstr("\"runs\":[]"));
  EXPECT_EQ(Get("/tb/api/v1/runs?limit=0").status, 400);
  EXPECT_EQ(Get("/tb/api/v1/runs?audit_limit=1001").status, 400);
  EXPECT_EQ(Get("/tb/api/v1/runs?decided=maybe").status, 400);
}

TEST_F(RunsTest, TheTrailIsPagedNewestFirst) {
  for (uint64_t number = 1; number <= 3; ++number) {
    trail_.Add({number, absl::FromUnixSeconds(7), "::1", "rename", "a", "a", "c"});
  }
  const std::string newest = Json("/tb/api/v1/runs?audit_limit=2");
  EXPECT_THAT(newest, HasSubstr(R"("audit":[{"number":3,"at":7,"who":"::1","action":"rename",)"
                                R"("run":"a","from":"a","to":"c"},{"number":2,)"));
  EXPECT_THAT(newest, HasSubstr("\"audit_next\":2"));
  const std::string rest = Json("/tb/api/v1/runs?audit_limit=2&audit_before=2");
  EXPECT_THAT(rest, HasSubstr("\"number\":1"));
  EXPECT_THAT(rest, Not(HasSubstr("audit_next")));
}

TEST_F(RunsTest, TheClusterShowsRunsUnderTheirNames) {
  auto snapshot = std::make_shared<ClusterSnapshot>();
  NodeStatus& node = snapshot->nodes.emplace_back();
  node.name = "n";
  node.streams.emplace_back().run = "a";
  board_.Publish(snapshot);
  RunDecisions::States states;
  states["a"].renamed_to = "c";
  decisions_.Publish(std::make_shared<const RunDecisions>(states));
  EXPECT_THAT(Json("/tb/api/v1/cluster"), HasSubstr("\"run\":\"c\""));
}

}  // namespace
}  // namespace tributary::serve
