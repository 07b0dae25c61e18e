#include "agent/grpc_services.h"

#include <grpcpp/grpcpp.h>
#include <pthread.h>

#include <thread>
#include <utility>

#include "agent/grpc_channel.h"
#include "tributary/cluster/v1/cluster.grpc.pb.h"

namespace tributary::agent {
namespace {

using cluster::v1::ServicesReply;
using cluster::v1::ServicesRequest;

// One call with a thread that reads: a message each few seconds needs no more than that.
class GrpcServices : public ServicesTransport {
 public:
  GrpcServices(const GrpcTransportOptions& options, TaskQueue* queue)
      : options_(options), queue_(queue) {}

  ~GrpcServices() override { End(); }

  void Connect(ServicesTransportEvents* events) override {
    End();
    call_ = std::make_shared<Call>();
    reader_ = std::thread([this, call = call_, events] { Run(call, events); });
    pthread_setname_np(reader_.native_handle(), "services-read");
  }

  void Send(const ServicesRequest& request) override {
    if (call_ != nullptr && call_->stream != nullptr) call_->stream->Write(request);
  }

  void Finish() override {
    if (call_ != nullptr && call_->stream != nullptr) call_->stream->WritesDone();
  }

 private:
  struct Call {
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<cluster::v1::Cluster::Stub> stub;
    grpc::ClientContext context;
    // Set before OnConnected is posted, and used by the queue only after that.
    std::unique_ptr<grpc::ClientReaderWriter<ServicesRequest, ServicesReply>> stream;
  };

  void End() {
    if (!reader_.joinable()) return;
    call_->context.TryCancel();
    reader_.join();
    call_.reset();
  }

  void Run(const std::shared_ptr<Call>& call, ServicesTransportEvents* events) {
    call->channel = MakeChannel(options_);
    call->stub = cluster::v1::Cluster::NewStub(call->channel);
    call->stream = call->stub->Services(&call->context);
    queue_->Post([events] { events->OnConnected(); });
    ServicesReply reply;
    while (call->stream->Read(&reply)) {
      queue_->Post(
          [events, reply = std::move(reply)]() mutable { events->OnReply(std::move(reply)); });
      reply = ServicesReply();
    }
    absl::Status status = ToAbslStatus(call->stream->Finish(), options_);
    if (status.ok()) status = absl::UnavailableError("the collector ended the session");
    queue_->Post([events, status = std::move(status)] { events->OnClosed(status); });
  }

  const GrpcTransportOptions options_;
  TaskQueue* const queue_;
  std::shared_ptr<Call> call_;
  std::thread reader_;
};

}  // namespace

std::unique_ptr<ServicesTransport> MakeGrpcServices(const GrpcTransportOptions& options,
                                                    TaskQueue* queue) {
  return std::make_unique<GrpcServices>(options, queue);
}

}  // namespace tributary::agent
