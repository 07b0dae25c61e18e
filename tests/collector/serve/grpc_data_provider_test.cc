// The DataProvider through gRPC, in one process: what the transport adds to the answers.
#include "collector/serve/grpc_data_provider.h"

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensorboard/data/data_provider.grpc.pb.h"
#include "tests/collector/serve/serve_fixture.h"

namespace tributary::serve {
namespace {

namespace data = ::tensorboard::data;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Reading waits until the test lets it go on.
class SlowSource : public RecordSource {
 public:
  explicit SlowSource(std::string bytes) : bytes_(std::move(bytes)) {}
  absl::StatusOr<std::string> Read(uint64_t offset, uint64_t length_bytes) override
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    reading_ = true;
    changed_.SignalAll();
    while (!open_) changed_.Wait(&mu_);
    return bytes_.substr(offset, length_bytes);
  }
  void AwaitRead() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    while (!reading_) changed_.Wait(&mu_);
  }
  void Open() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    open_ = true;
    changed_.SignalAll();
  }

 private:
  const std::string bytes_;
  Mutex mu_;
  CondVar changed_;
  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  bool open_ ABSL_GUARDED_BY(mu_) = false;
};

class GrpcDataProviderTest : public ServeTest {
 protected:
  ~GrpcDataProviderTest() override {
    if (server_ == nullptr) return;
    server_->Shutdown();
    server_->Wait();
  }

  void Start(const GrpcDataProvider::Options& options = {}) {
    provider_ = std::make_unique<DataProvider>(DataProvider::Options{}, index_.get(), &metrics_);
    service_ = std::make_unique<GrpcDataProvider>(options, provider_.get());
    grpc::ServerBuilder builder;
    builder.SetMaxSendMessageSize(-1);
    builder.RegisterService(service_->service());
    server_ = builder.BuildAndStart();
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    stub_ = data::TensorBoardDataProvider::NewStub(server_->InProcessChannel(arguments));
  }

  // A file of blobs in run "a".
  static EventFileBuilder Blobs(const std::vector<std::string>& blobs) {
    tensorboard::Event event;
    event.set_wall_time(EventFileBuilder::kWall);
    auto* value = event.mutable_summary()->add_value();
    value->set_tag("x");
    value->mutable_metadata()->mutable_plugin_data()->set_plugin_name("images");
    value->mutable_tensor()->set_dtype(tensorboard::DT_STRING);
    auto* shape = value->mutable_tensor()->mutable_tensor_shape();
    shape->add_dim()->set_size(static_cast<int64_t>(blobs.size()));
    for (const std::string& blob : blobs) value->mutable_tensor()->add_string_val(blob);
    EventFileBuilder file;
    file.FileVersion().Event(event);
    return file;
  }
  std::shared_ptr<SlowSource> AddSlowFile(const std::string& run, const EventFileBuilder& file) {
    EventFileIdentity identity;
    identity.run = RunName(run);
    identity.file_name = "events.out.tfevents.1767225600.host.1.0";
    auto source = std::make_shared<SlowSource>(file.Build());
    index_->AddFile(identity, source)->Append(file.Build());
    return source;
  }
  std::vector<std::string> Keys() {
    data::ReadBlobSequencesRequest request;
    request.mutable_plugin_filter()->set_plugin_name("images");
    request.mutable_downsample()->set_num_points(10);
    data::ReadBlobSequencesResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(stub_->ReadBlobSequences(&context, request, &response).ok());
    std::vector<std::string> keys;
    for (const auto& run : response.runs()) {
      for (const auto& blob : run.tags(0).data().values(0).blob_refs()) {
        keys.push_back(blob.blob_key());
      }
    }
    return keys;
  }
  // The parts of a blob.
  grpc::Status ReadBlob(const std::string& key, std::vector<std::string>* parts) {
    data::ReadBlobRequest request;
    request.set_blob_key(key);
    grpc::ClientContext context;
    auto reader = stub_->ReadBlob(&context, request);
    data::ReadBlobResponse response;
    while (reader->Read(&response)) parts->push_back(response.data());
    return reader->Finish();
  }

  MetricsRegistry metrics_;
  std::unique_ptr<DataProvider> provider_;
  std::unique_ptr<GrpcDataProvider> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<data::TensorBoardDataProvider::Stub> stub_;
};

TEST_F(GrpcDataProviderTest, EveryMethodIsThere) {
  AddFile("a", EventFileBuilder().FileVersion().Scalar("loss", Step(1), 1).Text("t", Step(1), "x"));
  Start();
  const auto ask = [this](auto method, auto request, auto response) {
    grpc::ClientContext context;
    const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  };
  using Stub = data::TensorBoardDataProvider::Stub;
  const auto filled = [](auto request) {
    request.mutable_plugin_filter()->set_plugin_name("scalars");
    if constexpr (requires { request.mutable_downsample(); }) {
      request.mutable_downsample()->set_num_points(5);
    }
    return request;
  };
  ask(&Stub::GetExperiment, data::GetExperimentRequest(), data::GetExperimentResponse());
  EXPECT_EQ(ask(&Stub::ListPlugins, data::ListPluginsRequest(), data::ListPluginsResponse())
                .plugins_size(),
            2);
  EXPECT_EQ(ask(&Stub::ListRuns, data::ListRunsRequest(), data::ListRunsResponse()).runs_size(), 1);
  EXPECT_EQ(ask(&Stub::ListScalars, filled(data::ListScalarsRequest()), data::ListScalarsResponse())
                .runs_size(),
            1);
  EXPECT_EQ(ask(&Stub::ReadScalars, filled(data::ReadScalarsRequest()), data::ReadScalarsResponse())
                .runs_size(),
            1);
  EXPECT_EQ(ask(&Stub::ListTensors, filled(data::ListTensorsRequest()), data::ListTensorsResponse())
                .runs_size(),
            0);
  EXPECT_EQ(ask(&Stub::ReadTensors, filled(data::ReadTensorsRequest()), data::ReadTensorsResponse())
                .runs_size(),
            0);
  EXPECT_EQ(ask(&Stub::ListBlobSequences, filled(data::ListBlobSequencesRequest()),
                data::ListBlobSequencesResponse())
                .runs_size(),
            0);
  EXPECT_EQ(ask(&Stub::ReadBlobSequences, filled(data::ReadBlobSequencesRequest()),
                data::ReadBlobSequencesResponse())
                .runs_size(),
            0);
}

TEST_F(GrpcDataProviderTest, Malformed_ErrorsHaveCodeAndText) {
  Start();
  data::ReadScalarsResponse response;
  grpc::ClientContext context;
  const grpc::Status status = stub_->ReadScalars(&context, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("plugin"));
  std::vector<std::string> parts;
  EXPECT_EQ(ReadBlob("?", &parts).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(GrpcDataProviderTest, ABlobComesInPartsAndAnEmptyOneInNone) {
  AddFile("a", Blobs({"", "12345678", "123456789"}));
  GrpcDataProvider::Options options;
  options.part_bytes_max = 4;
  Start(options);
  const std::vector<std::string> keys = Keys();
  ASSERT_EQ(keys.size(), 3u);
  std::vector<std::vector<std::string>> parts(3);
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(ReadBlob(keys[i], &parts[i]).ok());
  EXPECT_THAT(parts[0], ElementsAre());
  EXPECT_THAT(parts[1], ElementsAre("1234", "5678"));
  EXPECT_THAT(parts[2], ElementsAre("1234", "5678", "9"));
}

TEST_F(GrpcDataProviderTest, ALongReadDoesNotHoldUpOthers) {
  AddFile("a", Blobs({"x"}));
  Start();
  const std::vector<std::string> keys = Keys();
  auto slow = AddSlowFile("slow", EventFileBuilder().FileVersion().Text("t", Step(1), "x"));
  data::ReadTensorsRequest request;
  request.mutable_plugin_filter()->set_plugin_name("text");
  request.mutable_downsample()->set_num_points(1);
  data::ReadTensorsResponse response;
  grpc::ClientContext context;
  std::thread reader([&] { EXPECT_TRUE(stub_->ReadTensors(&context, request, &response).ok()); });
  slow->AwaitRead();
  std::vector<std::string> parts;
  EXPECT_TRUE(ReadBlob(keys[0], &parts).ok());
  slow->Open();
  reader.join();
  EXPECT_EQ(response.runs(0).tags(0).data().step_size(), 1);
}

TEST_F(GrpcDataProviderTest, Limit_MoreCallsThanMayWaitAreRefused) {
  GrpcDataProvider::Options options;
  options.threads = 1;
  options.calls_waiting_max = 0;
  Start(options);
  // Without a place to wait no call comes through, and each says why.
  data::ListRunsResponse response;
  grpc::ClientContext context;
  const grpc::Status status = stub_->ListRuns(&context, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  std::vector<std::string> parts;
  EXPECT_EQ(ReadBlob("x", &parts).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(GrpcDataProviderTest, ACallThatWasGivenUpEndsTheWork) {
  EventFileBuilder file;
  file.FileVersion().Text("t", Step(1), "x").Text("t", Step(2), "y");
  auto slow = AddSlowFile("slow", file);
  Start();
  data::ReadTensorsRequest request;
  request.mutable_plugin_filter()->set_plugin_name("text");
  request.mutable_downsample()->set_num_points(10);
  data::ReadTensorsResponse response;
  grpc::ClientContext context;
  std::thread reader([&] {
    EXPECT_EQ(stub_->ReadTensors(&context, request, &response).error_code(),
              grpc::StatusCode::CANCELLED);
  });
  slow->AwaitRead();
  context.TryCancel();
  reader.join();
  slow->Open();
}

}  // namespace
}  // namespace tributary::serve
