// The running collector: everything wired together, started and stopped in a written order.
//
//   starts: registry and store (recovery) -> HTTP's routes -> ingest, leases -> gateway -> gRPC
//           -> their timers -> local directories -> the port, last: nobody comes in before
//   stops:  the port -> sessions of services -> sessions of agents, what was received becomes
//           durable -> gateway -> gRPC -> HTTP -> local directories -> session, shard, asset and
//           commit queues
#ifndef TRIBUTARY_COLLECTOR_SERVER_H_
#define TRIBUTARY_COLLECTOR_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/addresses.h"
#include "collector/config.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/random.h"

namespace tributary {

// Owned by main, used by its thread.
class Server {
 public:
  // All outlive the server.
  struct Dependencies {
    Clock* clock;
    FileSystem* files;
    Logger* log;
    MetricsRegistry* metrics;
    Random* random;
    // The store can no longer be trusted: the process must end with exit code 1 and recover when it
    // starts again. Called on any thread.
    std::function<void()> on_fatal;
  };

  // Listens, and begins to load; /readyz tells when all is there. Errors are one line for people:
  // AlreadyExists for a port that is taken, FailedPrecondition for a data directory that another
  // collector has open, otherwise those of the store and of the system.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const CollectorConfig& config,
                                                       const Dependencies& dependencies);
  // Stops, if Stop was not called.
  ~Server();

  // What was there at the start and is being read. Thread-safe.
  struct Loading {
    uint64_t bytes_done = 0;  // of local logdirs
    uint64_t bytes_total = 0;
    uint64_t files = 0;         // of local logdirs
    uint64_t streams = 0;       // of the store
    uint64_t streams_left = 0;  // of these
    bool done = false;
  };
  Loading loading() const;

  uint16_t port() const;
  Addresses addresses() const;

  // Once.
  void Stop();

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// The version of this program, "0.1.0".
std::string CollectorVersion();

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_SERVER_H_
