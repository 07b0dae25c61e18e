// The gRPC side of ingest, and the collector's one gRPC server: fed with sockets that the port mux
// accepted. Hides gRPC.
#ifndef TRIBUTARY_COLLECTOR_INGEST_GRPC_SERVICE_H_
#define TRIBUTARY_COLLECTOR_INGEST_GRPC_SERVICE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "collector/ingest/ingest.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace tributary {

// Thread-safe. The threads are gRPC's own; they copy, post to the session queue and start the next
// operation, nothing more.
class GrpcServer {
 public:
  struct Options {
    // Longest message of an agent, in bytes: an OpenBatch of 1 000 long paths fits.
    int message_bytes_max = 16 << 20;
    // Calls at once on one connection.
    int calls_max = 100;
    // While so much waits for an agent that does not read, nothing more is read from it. It is then
    // silent and ends as such; what it makes us keep is bounded.
    uint64_t unread_bytes_max = 1u << 20;
    uint64_t unread_messages_max = 1'024;
    // How long a session that was closed may take to read what is queued for it.
    absl::Duration close_grace = absl::Seconds(5);
    // A connection without a call for so long is closed.
    absl::Duration idle_max = absl::Minutes(5);
    // A connection whose other end gives no answer is closed: asked after so long a silence, and
    // given so long to answer. Calls have heartbeats of their own.
    absl::Duration keepalive_time = absl::Seconds(10);
    absl::Duration keepalive_timeout = absl::Seconds(10);
    // What DescribeCollector answers. Called on threads of gRPC, for a moment only. Null: that call
    // is answered by UNIMPLEMENTED, as by a collector that does not know it.
    std::function<ingest::v1::DescribeCollectorResponse()> describe = nullptr;
  };

  // Without `ingest` (null) every call is answered by FAILED_PRECONDITION, which says that the
  // collector has no store. Messages that are compressed are refused: they could be small and
  // become huge. `ingest` and its session queue must outlive Stop, and so must the `others`:
  // services that are served beside ours.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const Options& options, Ingest* ingest, const std::vector<grpc::Service*>& others = {});
  ~GrpcServer();

  // Takes a connected, non-blocking socket over; bytes that were only peeked at are still in it.
  void Adopt(int socket);

  // Lets calls end for at most `grace`, then cuts them. Returns when no call is left. Once; before
  // the session queue stops.
  void Stop(absl::Duration grace);

 private:
  struct Impl;
  explicit GrpcServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_GRPC_SERVICE_H_
