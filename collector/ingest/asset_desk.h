// Takes versions of side files, part by part, until they are whole and on the disk. The only place
// of ingest that writes them, on a queue of its own: the sync of a large one holds up neither bytes
// of event files nor commits.
#ifndef TRIBUTARY_COLLECTOR_INGEST_ASSET_DESK_H_
#define TRIBUTARY_COLLECTOR_INGEST_ASSET_DESK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "collector/ingest/metrics.h"
#include "collector/ingest/shard.h"
#include "collector/store/asset_store.h"
#include "common/types.h"

namespace tributary {

// One part. Its size, and that of the version, were checked against the limits.
struct AssetOrder {
  std::shared_ptr<Asset> asset;
  uint32_t number = 0;
  uint64_t session = 0;
  AssetVersion version;  // the checksum counts in the last part only
  uint64_t offset = 0;
  std::string data;
  bool last = false;
};

struct AssetResult {
  // Not taken; UNSPECIFIED where it was dropped behind an earlier refusal.
  std::optional<SliceRefusal> refusal;
  uint64_t received_bytes = 0;  // of the version
  // Set by the last part: whole, checked and synced, to be installed.
  std::unique_ptr<AssetWriter> whole;
};

// What it means to an agent that the store did not take a version.
ingest::v1::RefusalReason AssetRefusal(const absl::Status& status);

// Not thread-safe: on the `asset` queue. At most one version of each asset is on its way.
class AssetDesk {
 public:
  // Both outlive this.
  AssetDesk(AssetStore* store, IngestMetrics* metrics) : store_(store), metrics_(metrics) {}

  AssetResult Take(AssetOrder order);
  // The session ended: what it did not finish is gone.
  void Drop(uint64_t session);

 private:
  struct Upload {
    uint64_t session = 0;
    uint64_t size_bytes = 0;
    int64_t modified_unix_nanos = 0;
    // Null after a refusal: parts are dropped until one begins anew.
    std::unique_ptr<AssetWriter> writer;
  };

  // Nothing but OK goes on with the upload.
  absl::Status Begin(const AssetOrder& order, Upload* upload);
  absl::Status Complete(const AssetOrder& order, AssetWriter* writer) const;

  AssetStore* const store_;
  IngestMetrics* const metrics_;
  absl::flat_hash_map<StreamId, Upload> uploads_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_ASSET_DESK_H_
