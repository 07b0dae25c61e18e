#include "collector/gateway/grpc_services.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "common/grpc_server_call.h"
#include "tributary/cluster/v1/cluster.pb.h"

namespace tributary::gateway {
namespace {

using cluster::v1::ServicesReply;
using cluster::v1::ServicesRequest;
using Reactor = grpc::ServerBidiReactor<ServicesRequest, ServicesReply>;
using CallPeer = GrpcServerPeer<ServicesRequest, ServicesReply>;

class GrpcPeer : public ServicePeer {
 public:
  explicit GrpcPeer(std::shared_ptr<CallPeer> call) : call_(std::move(call)) {}
  void Send(ServicesReply reply) override { call_->Send(std::move(reply)); }
  void Close() override { call_->Close(); }
  std::string address() const override { return call_->address(); }

 private:
  const std::shared_ptr<CallPeer> call_;
};

class Handler : public GrpcServerCallHandler<ServicesRequest, ServicesReply> {
 public:
  explicit Handler(ServiceSessions* sessions) : sessions_(sessions) {}
  uint64_t Connect(std::shared_ptr<CallPeer> peer) override {
    return sessions_->Connect(std::make_shared<GrpcPeer>(std::move(peer)));
  }
  void OnMessage(uint64_t id, ServicesRequest message, absl::Duration received_at) override {
    sessions_->OnMessage(id, std::move(message), received_at);
  }
  void OnClosed(uint64_t id) override { sessions_->OnClosed(id); }

 private:
  ServiceSessions* const sessions_;
};

class GrpcServices : public ServicesCalls {
 public:
  GrpcServices(ServiceSessions* sessions, TaskQueue* commit, Clock* clock)
      : commit_(commit), clock_(clock), handler_(sessions) {}

  Reactor* Begin(grpc::CallbackServerContext* context) override {
    return new GrpcServerCall<ServicesRequest, ServicesReply>({}, &handler_, commit_, clock_,
                                                              context);
  }

 private:
  TaskQueue* const commit_;
  Clock* const clock_;
  Handler handler_;
};

// Says why, and ends.
class NoStoreReactor : public Reactor {
 public:
  NoStoreReactor() {
    reply_.mutable_refused()->set_reason(cluster::v1::REFUSED_REASON_NO_STORE);
    reply_.mutable_refused()->set_detail(
        "this collector has no store, so it keeps no ports: start it with --data DIR");
    StartWriteAndFinish(&reply_, grpc::WriteOptions(), grpc::Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  ServicesReply reply_;
};

class NoStoreServices : public ServicesCalls {
 public:
  Reactor* Begin(grpc::CallbackServerContext*) override { return new NoStoreReactor(); }
};

}  // namespace

std::unique_ptr<ServicesCalls> MakeGrpcServices(ServiceSessions* sessions, TaskQueue* commit,
                                                Clock* clock) {
  if (sessions == nullptr) return std::make_unique<NoStoreServices>();
  return std::make_unique<GrpcServices>(sessions, commit, clock);
}

}  // namespace tributary::gateway
