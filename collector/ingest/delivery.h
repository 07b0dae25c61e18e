// Carries orders of sessions to the queues that may do file I/O, and the answers back.
//
// Everything is called on the session queue, and every answer runs there, after the session queue
// was left. Orders for one shard keep their order: what was appended before an Offer is in it.
#ifndef TRIBUTARY_COLLECTOR_INGEST_DELIVERY_H_
#define TRIBUTARY_COLLECTOR_INGEST_DELIVERY_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/ingest/asset_desk.h"
#include "collector/ingest/shard.h"
#include "collector/registry/node_presence.h"
#include "collector/store/store.h"
#include "common/clock.h"
#include "common/task_queue.h"

namespace tributary {

class Delivery {
 public:
  // One shard and the queue it lives on.
  struct ShardSeat {
    Shard* shard;
    TaskQueue* queue;
  };
  // All outlive this, and every task that is posted.
  struct Dependencies {
    Store* store;
    NodePresence* nodes;
    Clock* clock;
    TaskQueue* session;
    TaskQueue* commit;
    std::vector<ShardSeat> shards;
    // Null where no side files are taken.
    AssetDesk* asset_desk = nullptr;
    TaskQueue* asset = nullptr;
    // The registry can no longer be trusted: the process must end. Told on the commit queue, after
    // each order that finds it so. May be null.
    std::function<void(absl::Status)> on_fatal = nullptr;
    // Streams wait for a commit to try them again. Told likewise.
    std::function<void()> on_awaits_disk = nullptr;
  };
  template <typename T>
  using Answer = absl::AnyInvocable<void(T)>;

  struct OfferOrder {
    std::shared_ptr<MirrorStream> stream;
    std::optional<uint64_t> ask_offset;
  };
  struct Opened {
    std::vector<std::shared_ptr<MirrorStream>> streams;
    std::vector<std::shared_ptr<Asset>> assets;
  };
  struct NewGeneration {
    // The store's: see Store::StartGeneration.
    absl::Status status;
    StreamOffer offer;
  };

  explicit Delivery(const Dependencies& dependencies) : deps_(dependencies) {}

  // Gives a machine its name, as NodePresence::Enter.
  void EnterNode(NodePresence::Wish wish, Answer<absl::StatusOr<NodeHold>> answer);
  // The name that EnterNode would give now, as NodePresence::Foresee: but waits until whoever may
  // be dead has answered or had its time.
  void ForeseeNode(std::string name, Machine machine, Answer<absl::StatusOr<std::string>> answer);
  // Each kind in the order of its requests.
  void OpenStreams(std::vector<StreamRequest> requests, std::vector<StreamRequest> asset_requests,
                   Answer<absl::StatusOr<Opened>> answer);
  // In the order of the orders.
  void Offer(std::vector<OfferOrder> orders, Answer<std::vector<StreamOffer>> answer);
  // All slices belong to streams of the one shard.
  void Append(int shard, std::vector<ShardSlice> slices, Answer<AppendResult> answer);
  void Fill(FillOrder order, Answer<std::optional<SliceRefusal>> answer);
  // `taken` is answered for each part. `installed` is answered after the last part of a version, if
  // it was taken: OK when the version is durable and stands in its place.
  void TakeAssetPart(AssetOrder order, Answer<AssetResult> taken, Answer<absl::Status> installed);
  void DropAssets(uint64_t session);
  void StartGeneration(std::shared_ptr<MirrorStream> stream, Generation differs_from,
                       Answer<NewGeneration> answer);
  void AskFull(Answer<bool> answer);

  int shards() const { return static_cast<int>(deps_.shards.size()); }

 private:
  absl::StatusOr<Opened> OpenNow(const std::vector<StreamRequest>& requests,
                                 const std::vector<StreamRequest>& asset_requests);
  // After each order that commits. On the commit queue.
  void CheckStore();

  const Dependencies deps_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_DELIVERY_H_
