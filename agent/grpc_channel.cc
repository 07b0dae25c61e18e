#include "agent/grpc_channel.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "agent/connect_error.h"

namespace tributary::agent {
namespace {

int Millis(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

// A whole chunk fits into one frame and one write: fewer system calls for the same bytes.
constexpr int kFrameBytes = 1 << 20;
// Far above what the collector ever sends; offers of a thousand long names are the biggest.
constexpr int kReceiveBytesMax = 64 << 20;

}  // namespace

std::shared_ptr<grpc::Channel> MakeChannel(const GrpcTransportOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, options.use_proxy ? 1 : 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, Millis(options.keepalive_time));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Millis(options.keepalive_timeout));
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // gRPC takes the time for one try to connect from its backoff.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, Millis(options.connect_timeout));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kFrameBytes);
  arguments.SetInt(GRPC_ARG_HTTP2_WRITE_BUFFER_SIZE, kFrameBytes);
  arguments.SetMaxReceiveMessageSize(kReceiveBytesMax);
  arguments.SetMaxSendMessageSize(-1);
  return grpc::CreateCustomChannel(options.address, grpc::InsecureChannelCredentials(), arguments);
}

absl::Status ToAbslStatus(const grpc::Status& status, const GrpcTransportOptions& options) {
  if (status.ok()) return absl::OkStatus();
  std::string text = status.error_message();
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    text = absl::StrCat("collector ", options.address, " cannot be reached: ", ConnectError(text));
  } else if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    text = absl::StrCat(options.address, " is not a collector: ", text);
  }
  // The numbers of both are the same by design.
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), text);
}

}  // namespace tributary::agent
