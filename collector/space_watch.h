// Free space of the store's file system, as it was a moment ago: who asks must not wait for a disk
// that hangs.
#ifndef TRIBUTARY_COLLECTOR_SPACE_WATCH_H_
#define TRIBUTARY_COLLECTOR_SPACE_WATCH_H_

#include <cstdint>
#include <optional>
#include <string>

#include "common/file.h"
#include "common/metrics.h"
#include "common/mutex.h"
#include "common/task_queue.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary {

// Thread-safe. Outlives the tasks of its queue.
class SpaceWatch {
 public:
  struct Options {
    std::string data_dir;
    // Bytes below which nothing is taken from agents; by default a share of the file system.
    std::optional<uint64_t> free_min_bytes;
  };
  // All outlive this.
  struct Dependencies {
    FileSystem* files;
    TaskQueue* queue;  // the one that may wait for the disk
    MetricsRegistry* metrics;
  };
  SpaceWatch(const Options& options, const Dependencies& dependencies);

  // From here on the file system is asked each second. Once.
  void Start();
  // Not set before the first answer, nor if the system does not tell.
  std::optional<ingest::v1::StoreSpace> Get() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Look() ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  const Dependencies deps_;
  Gauge free_bytes_;
  Gauge free_min_bytes_;
  mutable Mutex mu_;
  std::optional<ingest::v1::StoreSpace> space_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_SPACE_WATCH_H_
