// Requests: whatever a client asks, the answer is well formed, the same twice, and no fault of
// ours.
//
// Input, by lines: the method, the target, the Content-Type; then the body.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "collector/index/index.h"
#include "collector/registry/cluster_board.h"
#include "collector/registry/service_board.h"
#include "collector/serve/http_api.h"
#include "collector/serve/json_value.h"
#include "common/check.h"
#include "common/log.h"
#include "tests/support/event_file_builder.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"

namespace tributary {
namespace {

class MemorySource : public RecordSource {
 public:
  explicit MemorySource(std::string bytes) : bytes_(std::move(bytes)) {}
  absl::StatusOr<std::string> Read(uint64_t offset, uint64_t length_bytes) override {
    if (offset > bytes_.size() || length_bytes > bytes_.size() - offset) {
      return absl::OutOfRangeError("past the end");
    }
    return bytes_.substr(offset, length_bytes);
  }

 private:
  const std::string bytes_;
};

// A collector's answers, over one run with something of every kind.
class Site {
 public:
  Site() : files_(&clock_), index_(Index::Make(Index::Options{})) {
    EventFileBuilder file;
    file.FileVersion();
    for (int step = 0; step < 20; ++step) {
      file.Scalar("loss/train", Step(step), 1.0f / static_cast<float>(step + 1));
      file.TensorScalar("läng=&+?", Step(step), static_cast<float>(step));
    }
    file.Image("picture", Step(3), "\x89PNG").Histogram("weights", Step(4), {{1, 2}, {2, 3}});
    EventFileIdentity identity;
    identity.run = RunName("node/a b");
    identity.file_name = "events.out.tfevents.1767225600.host.1.0";
    identity.path = "/logs/node/a b/events.out.tfevents.1767225600.host.1.0";
    index_->AddFile(identity, std::make_shared<MemorySource>(file.Build()))->Append(file.Build());
    serve::HttpApi::Dependencies dependencies;
    dependencies.index = index_.get();
    dependencies.cluster = &board_;
    dependencies.services = &services_;
    dependencies.hosts = &hosts_;
    dependencies.clock = &clock_;
    dependencies.files = &files_;
    dependencies.log = &log_;
    dependencies.start_nonce = 1;
    dependencies.decisions.board = &decisions_;
    dependencies.decisions.decide =
        [this](const RunDecision& decision,
               const std::string&) -> absl::StatusOr<RunDecisionLog::Outcome> {
      // Nothing is kept: the same question has the same answer.
      const auto changes = decisions_.Get()->Decide(decision);
      if (!changes.ok()) return changes.status();
      return RunDecisionLog::Outcome{decision.run, !changes->empty()};
    };
    dependencies.health.ready = [] { return absl::OkStatus(); };
    dependencies.health.metrics = [] { return std::string("tributary_up 1\n"); };
    dependencies.collector = [] { return serve::CollectorFacts(); };
    serve::HttpApi::Options options;
    options.runs_max = 1;
    api_ = std::make_unique<serve::HttpApi>(options, dependencies);
  }

  http::Response Answer(const http::Request& request) const { return api_->Handle(request); }

 private:
  FakeClock clock_;
  FakeFileSystem files_;
  ClusterBoard board_;
  ServiceBoard services_;
  gateway::HostTable hosts_{gateway::HostTable::Options()};
  RunDecisionBoard decisions_;
  NullLogger log_;
  std::unique_ptr<Index> index_;
  std::unique_ptr<serve::HttpApi> api_;
};

std::string TakeLine(absl::string_view* rest) {
  const size_t end = rest->find('\n');
  const absl::string_view line = rest->substr(0, end);
  rest->remove_prefix(end == absl::string_view::npos ? rest->size() : end + 1);
  return std::string(line);
}

// As the HTTP server hands a request to its handler.
http::Request ParseInput(absl::string_view input) {
  http::Request request;
  request.method = TakeLine(&input);
  const std::string target = TakeLine(&input);
  request.headers = {{"content-type", TakeLine(&input)}, {"host", "localhost:6006"}};
  request.body = std::string(input);
  const size_t question = target.find('?');
  request.raw_path = target.substr(0, question);
  request.path = http::PercentDecode(request.raw_path);
  if (question != std::string::npos) request.query = http::ParseQuery(target.substr(question + 1));
  return request;
}

}  // namespace
}  // namespace tributary

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tributary;
  static const Site* const site = new Site;
  const http::Request request =
      ParseInput(absl::string_view(reinterpret_cast<const char*>(data), size));
  http::Response response = site->Answer(request);
  CHECK(response.status >= 200 && response.status < 500);
  const std::string& body = response.body;
  if (response.content_type == "application/json" && !response.body_is_gzip && !body.empty()) {
    CHECK(serve::ParseJson(body).ok());
  }
  for (const auto& [name, value] : response.headers) {
    CHECK(!absl::StrContains(name, '\n') && !absl::StrContains(value, '\n'));
  }
  http::Response again = site->Answer(request);
  CHECK(again.status == response.status && again.body == body);
  return 0;
}
