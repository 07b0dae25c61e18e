// The gRPC side of the DataProvider: a service for the collector's gRPC server. Hides gRPC.
#ifndef TRIBUTARY_COLLECTOR_SERVE_GRPC_DATA_PROVIDER_H_
#define TRIBUTARY_COLLECTOR_SERVE_GRPC_DATA_PROVIDER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "collector/serve/data_provider.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace tributary::serve {

// Answers on threads of its own, "data-NN", so that gRPC's threads stay free for what agents send.
// They only hand requests on.
//
// Life: register service() with one server; end that server, then this.
class GrpcDataProvider {
 public:
  struct Options {
    // Answers that are made at once.
    int threads = 2;
    // Calls that may wait for a thread; more are refused with RESOURCE_EXHAUSTED.
    size_t calls_waiting_max = 1'000;
    // Longest part of a blob in one message, in bytes.
    size_t part_bytes_max = 8u << 20;
    // Blobs that are held for clients which have not read them yet, in bytes. A blob that does not
    // fit is refused with RESOURCE_EXHAUSTED, unless it is the only one.
    uint64_t blob_bytes_max = 128u << 20;
  };

  // `provider` must outlive this.
  GrpcDataProvider(const Options& options, const DataProvider* provider);
  ~GrpcDataProvider();

  // Valid as long as this.
  grpc::Service* service();

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_GRPC_DATA_PROVIDER_H_
