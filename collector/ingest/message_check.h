// What a message of an agent may say. Nothing an agent sends is believed before it passed here or
// was compared with our own state; each refusal names the field, the value and the bound.
#ifndef TRIBUTARY_COLLECTOR_INGEST_MESSAGE_CHECK_H_
#define TRIBUTARY_COLLECTOR_INGEST_MESSAGE_CHECK_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "collector/store/rows.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary {

inline constexpr uint32_t kProtocolVersion = 1;

// Bounds of one session. The first eight are told to the agent in Welcome.
struct SessionLimits {
  uint64_t chunk_bytes_max = 1u << 20;
  uint32_t chunk_slices_max = 16'384;
  uint32_t open_batch_max = 1'000;
  uint32_t streams_max = 200'000;
  uint32_t path_bytes_max = 4'096;
  uint64_t asset_bytes_max = 256u << 20;  // 0: no side files are taken
  // Below three quarters of ping_wait: an agent that knows no pings is heard in the last of that.
  absl::Duration heartbeat = absl::Seconds(3);
  absl::Duration dead_after = absl::Seconds(20);

  // How long a newer session waits for an older one to show that it lives.
  absl::Duration ping_wait = absl::Seconds(5);
  uint32_t logdirs_max = 1'000;
  uint32_t labels_max = 64;
  // Names of nodes, labels and their values, ids of machines, versions, in bytes.
  uint32_t fact_bytes_max = 200;
  // Slices that wait for a shard: what bounds the cost of slices of one byte.
  uint64_t slices_in_flight_max = 65'536;
  // Messages that wait for a peer that does not read.
  size_t queued_messages_max = 4'096;
};

struct MessageRefusal {
  ingest::v1::RefusalReason reason = ingest::v1::REFUSAL_REASON_UNSPECIFIED;
  std::string detail;
};

// A version as messages have it.
void FillVersion(const AssetVersion& version, ingest::v1::AssetVersion* out);

// Everything about Hello that needs no other state. nullopt: it is good.
std::optional<MessageRefusal> CheckHello(const ingest::v1::Hello& hello, absl::string_view store_id,
                                         const SessionLimits& limits);

// Everything about one Open but its logdir and its number.
std::optional<MessageRefusal> CheckOpen(const ingest::v1::Open& open, const SessionLimits& limits);

// LIMIT for the part itself, or PROTOCOL for one without bytes. What concerns its version is a
// matter of the stream.
std::optional<MessageRefusal> CheckAssetPart(const ingest::v1::AssetPart& part,
                                             const SessionLimits& limits);

// LIMIT for a chunk, or PROTOCOL for a slice without bytes. `bytes` is set to the payload.
std::optional<MessageRefusal> CheckChunk(const ingest::v1::Chunk& chunk,
                                         const SessionLimits& limits, uint64_t* bytes);

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_MESSAGE_CHECK_H_
