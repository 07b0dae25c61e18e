// An HttpApi over a real index, filled from event files in memory.
#ifndef TRIBUTARY_TESTS_COLLECTOR_SERVE_SERVE_FIXTURE_H_
#define TRIBUTARY_TESTS_COLLECTOR_SERVE_SERVE_FIXTURE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "collector/index/index.h"
#include "collector/registry/cluster_board.h"
#include "collector/registry/projector_board.h"
#include "collector/registry/service_board.h"
#include "collector/serve/http_api.h"
#include "collector/serve/json_value.h"
#include "gtest/gtest.h"
#include "tests/support/capture_logger.h"
#include "tests/support/event_file_builder.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"

namespace tributary::serve {

// Bytes of one event file; fails on demand, as a disk does.
class MemorySource : public RecordSource {
 public:
  explicit MemorySource(std::string bytes) : bytes_(std::move(bytes)) {}
  absl::StatusOr<std::string> Read(uint64_t offset, uint64_t length_bytes) override {
    if (broken) return absl::InternalError("the disk failed");
    if (offset + length_bytes > bytes_.size()) return absl::OutOfRangeError("short");
    return bytes_.substr(offset, length_bytes);
  }
  bool broken = false;

 private:
  const std::string bytes_;
};

class ServeTest : public ::testing::Test {
 protected:
  ServeTest() : index_(Index::Make(Index::Options{})) {}

  // Serves what was added so far and will be; call it before the first request.
  void Serve(const HttpApi::Options& options = HttpApi::Options{}) {
    HttpApi::Dependencies dependencies;
    dependencies.index = index_.get();
    dependencies.cluster = &board_;
    dependencies.services = &services_;
    dependencies.hosts = &hosts_;
    dependencies.local_projector = &local_projector_;
    dependencies.clock = &clock_;
    dependencies.files = &files_;
    dependencies.log = &log_;
    dependencies.start_nonce = 0xabc;
    dependencies.decisions.board = &decisions_;
    dependencies.health.ready = [this] { return ready_; };
    dependencies.health.metrics = [] { return std::string("tributary_up 1\n"); };
    dependencies.collector = [] { return CollectorFacts{"0.1.0", "tributary-agent …", "note"}; };
    api_ = std::make_unique<HttpApi>(options, dependencies);
  }

  std::shared_ptr<MemorySource> AddFile(const std::string& run, const EventFileBuilder& file) {
    EventFileIdentity identity;
    identity.run = RunName(run);
    identity.file_name =
        absl::StrCat("events.out.tfevents.", 1'767'225'600 + files_added_++, ".host.1.0");
    identity.path = absl::StrCat("/logs/", run, "/", identity.file_name);
    auto source = std::make_shared<MemorySource>(file.Build());
    index_->AddFile(identity, source)->Append(file.Build());
    return source;
  }

  http::Response Send(http::Request request, absl::string_view target) {
    if (api_ == nullptr) Serve();
    const size_t question = target.find('?');
    request.raw_path = std::string(target.substr(0, question));
    request.path = http::PercentDecode(request.raw_path);
    if (question != absl::string_view::npos) {
      request.query = http::ParseQuery(target.substr(question + 1));
    }
    return api_->Handle(request);
  }
  http::Response Get(absl::string_view target,
                     std::vector<std::pair<std::string, std::string>> headers = {}) {
    http::Request request;
    request.method = "GET";
    request.headers = std::move(headers);
    return Send(std::move(request), target);
  }
  http::Response Post(absl::string_view target, std::string type, std::string body) {
    http::Request request;
    request.method = "POST";
    request.headers = {{"content-type", std::move(type)}};
    request.body = std::move(body);
    return Send(std::move(request), target);
  }
  http::Response PostForm(absl::string_view target, std::string body) {
    return Post(target, "application/x-www-form-urlencoded", std::move(body));
  }
  // The body of a GET that must be answered with 200.
  std::string Json(absl::string_view target) {
    http::Response response = Get(target);
    EXPECT_EQ(response.status, 200) << target << ": " << response.body;
    EXPECT_EQ(response.content_type, "application/json") << target;
    EXPECT_TRUE(ParseJson(response.body).ok()) << target << ": " << response.body;
    return std::move(response.body);
  }
  static std::string HeaderOf(const http::Response& response, absl::string_view name) {
    for (const auto& [header, value] : response.headers) {
      if (header == name) return value;
    }
    return "";
  }

  std::unique_ptr<Index> index_;
  ClusterBoard board_;
  gateway::HostTable hosts_{gateway::HostTable::Options()};
  ProjectorBoard local_projector_;
  ServiceBoard services_;
  RunDecisionBoard decisions_;
  FakeClock clock_;
  CaptureLogger log_;
  FakeFileSystem files_{&clock_};
  absl::Status ready_;
  std::unique_ptr<HttpApi> api_;

 private:
  int files_added_ = 0;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_TESTS_COLLECTOR_SERVE_SERVE_FIXTURE_H_
