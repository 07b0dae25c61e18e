// What is known of every stream of the store, connected or not: for acks, listings, DescribeNode
// and the cluster board. The bytes are the shards' business.
//
// Not thread-safe. Owned by the session table, on the session queue.
#ifndef TRIBUTARY_COLLECTOR_INGEST_STREAM_TABLE_H_
#define TRIBUTARY_COLLECTOR_INGEST_STREAM_TABLE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "collector/index/index.h"
#include "collector/ingest/credit_pool.h"
#include "collector/ingest/shard.h"
#include "collector/registry/projector_board.h"
#include "collector/store/asset_store.h"
#include "collector/store/store.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary {

struct StreamEntry {
  // One of the two: an event file, or a side file.
  std::shared_ptr<MirrorStream> stream;
  std::shared_ptr<Asset> asset;
  std::shared_ptr<FileIndex> index;  // null: mirrored only, or not opened since the start

  // The session that may write it, and its number there. 0: none.
  SessionId holder;
  uint32_t number = 0;

  // The last session that named it in an Open.
  SessionId named_by;
  ingest::v1::SourceState source_state = ingest::v1::SOURCE_STATE_UNSPECIFIED;
  std::string source_detail;
  uint64_t source_bytes = 0;  // as last told

  Generation generation;
  // Of a side file all three are the size of the version that is durable.
  uint64_t received = 0;
  uint64_t visible = 0;
  uint64_t durable = 0;
  uint64_t rewinds = 0;  // see StreamProgress
  bool overwritten = false;
  bool failed = false;

  bool is_asset() const { return asset != nullptr; }
  const StreamIdentity& identity() const {
    return is_asset() ? asset->identity() : stream->identity();
  }
  const RunName& run() const { return is_asset() ? asset->run() : stream->run(); }
  absl::Time run_since() const { return is_asset() ? asset->run_since() : stream->run_since(); }
};

class StreamTable {
 public:
  // Is told of configurations of the Projector that are added. May be null.
  explicit StreamTable(ProjectorBoard* projector = nullptr) : projector_(projector) {}

  // Adds the stream, or finds its entry. Entries stay where they are for ever.
  // Null if the path is known as one of the other kind.
  StreamEntry* Add(const std::shared_ptr<MirrorStream>& stream);
  StreamEntry* Add(const std::shared_ptr<Asset>& asset);
  // Null if there is none.
  StreamEntry* Find(StreamId id);
  StreamEntry* Find(const StreamIdentity& identity);

  // Another version of the entry's asset is durable.
  void TakeVersion(StreamEntry* entry);
  // What a shard told. What is older than what is known already changes nothing.
  void Take(StreamEntry* entry, const StreamProgress& progress);
  void Take(StreamEntry* entry, const StreamOffer& offer);

  // Streams of (node, logdir name), in the order of their paths.
  void ForEach(const std::string& node, const std::string& logdir_name,
               absl::FunctionRef<void(StreamEntry*)> visit);
  // All streams, in the order of (node, logdir name, path).
  void ForEach(absl::FunctionRef<void(const StreamEntry&)> visit) const;
  // Streams of the node after `after` (all for null), until `visit` returns false.
  void ForEachAfter(const std::string& node, const StreamIdentity* after,
                    absl::FunctionRef<bool(const StreamEntry&)> visit) const;
  bool HasNode(const std::string& node) const;

  size_t size() const { return by_identity_.size(); }
  // Grows with each change that a viewer of the cluster could see.
  uint64_t version() const { return version_; }
  void Changed() { ++version_; }

 private:
  ProjectorBoard* const projector_;
  std::map<StreamIdentity, std::unique_ptr<StreamEntry>> by_identity_;
  absl::flat_hash_map<StreamId, StreamEntry*> by_id_;
  uint64_t version_ = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_STREAM_TABLE_H_
