// What ingest counts. Thread-safe.
#ifndef TRIBUTARY_COLLECTOR_INGEST_METRICS_H_
#define TRIBUTARY_COLLECTOR_INGEST_METRICS_H_

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "common/metrics.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary {

// Bytes balance: accepted = stored + repeated + filled + of side files + refused + in flight.
class IngestMetrics {
 public:
  explicit IngestMetrics(MetricsRegistry* registry);

  void SessionOpened();
  void SessionClosed();
  // About a session or a stream.
  void Refused(ingest::v1::RefusalReason reason);
  void StreamsOpened(uint64_t streams);
  void BytesAccepted(uint64_t bytes);
  void BytesStored(uint64_t bytes);
  void BytesRepeated(uint64_t bytes);
  void BytesRefused(uint64_t bytes);
  void GenerationStarted();
  void FillTaken(uint64_t bytes);
  // A part of a side file; a version that took the place of the former one.
  void AssetBytesTaken(uint64_t bytes);
  void AssetInstalled();
  // One commit cycle, from the first note to the last ack.
  void Committed(absl::Duration took, uint64_t streams);
  void CommitFailed();
  void StreamSealed();
  void SetPool(uint64_t reserved_bytes, uint64_t sessions);
  void SetStreams(uint64_t streams);
  void SetStoreFull(bool full);

 private:
  Counter sessions_opened_;
  Counter sessions_closed_;
  absl::flat_hash_map<int, Counter> refused_;
  Counter streams_opened_;
  Counter bytes_accepted_;
  Counter bytes_stored_;
  Counter bytes_repeated_;
  Counter bytes_refused_;
  Counter generations_started_;
  Counter bytes_filled_;
  Counter asset_bytes_taken_;
  Counter assets_installed_;
  Histogram commit_seconds_;
  Counter streams_committed_;
  Counter commits_failed_;
  Counter streams_sealed_;
  Gauge pool_reserved_bytes_;
  Gauge pool_sessions_;
  Gauge streams_;
  Gauge store_full_;
};

// What is counted of --logdir.
class LocalMetrics {
 public:
  explicit LocalMetrics(MetricsRegistry* registry);

  void Damaged(uint64_t places, uint64_t bytes);

 private:
  Counter damaged_places_;
  Counter damaged_bytes_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_METRICS_H_
