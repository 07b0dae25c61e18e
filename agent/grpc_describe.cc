#include "agent/grpc_describe.h"

#include <chrono>

#include "agent/grpc_channel.h"
#include "tributary/ingest/v1/ingest.grpc.pb.h"

namespace tributary::agent {
namespace {

using Stub = ingest::v1::Ingest::Stub;

template <typename Request, typename Response>
using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

template <typename Request, typename Response>
absl::StatusOr<Response> Call(const GrpcTransportOptions& options, Method<Request, Response> method,
                              const Request& request, absl::Duration timeout) {
  const std::shared_ptr<grpc::Channel> channel = MakeChannel(options);
  const std::unique_ptr<Stub> stub = ingest::v1::Ingest::NewStub(channel);
  const auto deadline = std::chrono::system_clock::now() + absl::ToChronoNanoseconds(timeout);
  // gRPC tries again by itself for as long as this waits. If it was for nothing, the call below
  // fails at once and says why.
  const bool connected = channel->WaitForConnected(deadline);
  grpc::ClientContext context;
  context.set_deadline(connected ? deadline
                                 : std::chrono::system_clock::now() + std::chrono::seconds(1));
  Response response;
  const grpc::Status status = (stub.get()->*method)(&context, request, &response);
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return ToAbslStatus(grpc::Status(grpc::StatusCode::UNAVAILABLE, "no answer in time"), options);
  }
  if (!status.ok()) return ToAbslStatus(status, options);
  return response;
}

}  // namespace

absl::StatusOr<ingest::v1::DescribeNodeResponse> DescribeNode(
    const GrpcTransportOptions& options, const ingest::v1::DescribeNodeRequest& request,
    absl::Duration timeout) {
  return Call<ingest::v1::DescribeNodeRequest, ingest::v1::DescribeNodeResponse>(
      options, &Stub::DescribeNode, request, timeout);
}

absl::StatusOr<ingest::v1::DescribeCollectorResponse> DescribeCollector(
    const GrpcTransportOptions& options, const ingest::v1::DescribeCollectorRequest& request,
    absl::Duration timeout) {
  return Call<ingest::v1::DescribeCollectorRequest, ingest::v1::DescribeCollectorResponse>(
      options, &Stub::DescribeCollector, request, timeout);
}

}  // namespace tributary::agent
