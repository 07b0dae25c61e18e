// The gRPC side of ingest: one server, fed with sockets that the port mux accepted. Hides gRPC.
#ifndef TRIBUTARY_COLLECTOR_INGEST_GRPC_SERVICE_H_
#define TRIBUTARY_COLLECTOR_INGEST_GRPC_SERVICE_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "collector/ingest/ingest.h"

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
  };

  // Without `ingest` (null) every call is answered by FAILED_PRECONDITION, which says that the
  // collector has no store. `ingest` and its session queue must outlive Stop.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const Options& options, Ingest* ingest);
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
