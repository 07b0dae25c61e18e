#include "collector/serve/grpc_data_provider.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <string>
#include <utility>

#include "common/worker_pool.h"
#include "tensorboard/data/data_provider.grpc.pb.h"

namespace tributary::serve {
namespace {

namespace data = ::tensorboard::data;

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

grpc::Status Busy() {
  return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many calls wait for an answer");
}

// Bytes of all blobs that are on their way. Thread-safe.
class BlobBudget {
 public:
  explicit BlobBudget(uint64_t bytes_max) : bytes_max_(bytes_max) {}
  // False if it does not fit; the first always does.
  bool Take(uint64_t bytes) {
    const uint64_t before = held_.fetch_add(bytes);
    if (before == 0 || before + bytes <= bytes_max_) return true;
    held_.fetch_sub(bytes);
    return false;
  }
  void GiveBack(uint64_t bytes) { held_.fetch_sub(bytes); }

 private:
  const uint64_t bytes_max_;
  std::atomic<uint64_t> held_{0};
};

// One call of ReadBlob. The next part is made when the one before was written, always on a worker.
// Deletes itself when gRPC is done with it, which is after Finish.
class BlobReactor : public grpc::ServerWriteReactor<data::ReadBlobResponse> {
 public:
  BlobReactor(const GrpcDataProvider::Options& options, const DataProvider* provider,
              WorkerPool* workers, BlobBudget* budget, const data::ReadBlobRequest* request)
      : part_bytes_max_(options.part_bytes_max), workers_(workers), budget_(budget) {
    OnWorker([this, provider, request] { Begin(*provider, *request); });
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::CANCELLED);
      return;
    }
    OnWorker([this] { WritePart(); });
  }

  void OnDone() override {
    budget_->GiveBack(budgeted_);
    delete this;
  }

 private:
  void OnWorker(Task task) {
    if (!workers_->Post(std::move(task))) Finish(Busy());
  }

  void Begin(const DataProvider& provider, const data::ReadBlobRequest& request) {
    absl::StatusOr<std::string> blob = provider.Blob(request);
    if (!blob.ok()) {
      Finish(ToGrpc(blob.status()));
      return;
    }
    if (!budget_->Take(blob->size())) {
      Finish(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                          "too many blobs wait for their readers"));
      return;
    }
    budgeted_ = blob->size();
    blob_ = *std::move(blob);
    WritePart();
  }

  void WritePart() {
    if (written_ == blob_.size()) {
      Finish(grpc::Status::OK);
      return;
    }
    part_.set_data(blob_.substr(written_, part_bytes_max_));
    written_ += part_.data().size();
    StartWrite(&part_);
  }

  const size_t part_bytes_max_;
  WorkerPool* const workers_;
  BlobBudget* const budget_;
  // One thread at a time: that of the write, then that of the worker it posts to.
  uint64_t budgeted_ = 0;
  std::string blob_;
  size_t written_ = 0;
  data::ReadBlobResponse part_;
};

class Service : public data::TensorBoardDataProvider::CallbackService {
 public:
  Service(const GrpcDataProvider::Options& options, const DataProvider* provider,
          WorkerPool* workers)
      : options_(options),
        provider_(provider),
        workers_(workers),
        budget_(options.blob_bytes_max) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* GetExperiment(Context* context, const data::GetExperimentRequest* request,
                         data::GetExperimentResponse* response) override {
    return Answer(context, request, response);
  }
  Reactor* ListPlugins(Context* context, const data::ListPluginsRequest* request,
                       data::ListPluginsResponse* response) override {
    return Answer(context, request, response);
  }
  Reactor* ListRuns(Context* context, const data::ListRunsRequest* request,
                    data::ListRunsResponse* response) override {
    return Answer(context, request, response);
  }
  Reactor* ListScalars(Context* context, const data::ListScalarsRequest* request,
                       data::ListScalarsResponse* response) override {
    return Answer(context, request, response);
  }
  Reactor* ReadScalars(Context* context, const data::ReadScalarsRequest* request,
                       data::ReadScalarsResponse* response) override {
    return Answer(context, request, response);
  }
  Reactor* ListTensors(Context* context, const data::ListTensorsRequest* request,
                       data::ListTensorsResponse* response) override {
    return Answer(context, request, response);
  }
  Reactor* ReadTensors(Context* context, const data::ReadTensorsRequest* request,
                       data::ReadTensorsResponse* response) override {
    return Answer(context, request, response);
  }
  Reactor* ListBlobSequences(Context* context, const data::ListBlobSequencesRequest* request,
                             data::ListBlobSequencesResponse* response) override {
    return Answer(context, request, response);
  }
  Reactor* ReadBlobSequences(Context* context, const data::ReadBlobSequencesRequest* request,
                             data::ReadBlobSequencesResponse* response) override {
    return Answer(context, request, response);
  }
  grpc::ServerWriteReactor<data::ReadBlobResponse>* ReadBlob(
      Context* /*context*/, const data::ReadBlobRequest* request) override {
    return new BlobReactor(options_, provider_, workers_, &budget_, request);
  }

 private:
  // Request, response and context live until Finish.
  template <typename Request, typename Response>
  Reactor* Answer(Context* context, const Request* request, Response* response) {
    Reactor* const reactor = context->DefaultReactor();
    const bool posted = workers_->Post([provider = provider_, context, request, response, reactor] {
      const absl::Status status =
          provider->Answer(*request, [context] { return context->IsCancelled(); }, response);
      if (!status.ok()) response->Clear();
      reactor->Finish(status.ok() ? grpc::Status::OK : ToGrpc(status));
    });
    if (!posted) reactor->Finish(Busy());
    return reactor;
  }

  const GrpcDataProvider::Options options_;
  const DataProvider* const provider_;
  WorkerPool* const workers_;
  BlobBudget budget_;
};

}  // namespace

struct GrpcDataProvider::Impl {
  Impl(const Options& options, const DataProvider* provider)
      : workers("data", options.threads, options.calls_waiting_max),
        service(options, provider, &workers) {}
  WorkerPool workers;
  Service service;
};

GrpcDataProvider::GrpcDataProvider(const Options& options, const DataProvider* provider)
    : impl_(std::make_unique<Impl>(options, provider)) {}

GrpcDataProvider::~GrpcDataProvider() = default;

grpc::Service* GrpcDataProvider::service() { return &impl_->service; }

}  // namespace tributary::serve
