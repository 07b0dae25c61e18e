#include "collector/ingest/delivery.h"

#include <utility>

#include "common/status_macros.h"

namespace tributary {
namespace {

// How soon a name is looked at again that depends on a sign of life.
constexpr absl::Duration kAskAgain = absl::Milliseconds(50);

}  // namespace

void Delivery::CheckStore() {
  const absl::Status health = deps_.store->registry_health();
  if (!health.ok() && deps_.on_fatal != nullptr) deps_.on_fatal(health);
  if (deps_.store->awaits_disk() && deps_.on_awaits_disk != nullptr) deps_.on_awaits_disk();
}

void Delivery::EnterNode(NodePresence::Wish wish, Answer<absl::StatusOr<NodeHold>> answer) {
  deps_.commit->Post([this, wish = std::move(wish), answer = std::move(answer)]() mutable {
    const auto assign = [this](absl::string_view wanted, const Machine& machine, bool elsewhere) {
      return deps_.store->AssignNode(wanted, machine.machine_id, machine.boot_id, elsewhere);
    };
    absl::StatusOr<NodeHold> node =
        deps_.nodes->Enter(std::move(wish), assign, deps_.clock->Monotonic());
    CheckStore();
    deps_.session->Post([answer = std::move(answer), node = std::move(node)]() mutable {
      answer(std::move(node));
    });
  });
}

void Delivery::ForeseeNode(std::string name, Machine machine,
                           Answer<absl::StatusOr<std::string>> answer) {
  deps_.commit->Post([this, name = std::move(name), machine = std::move(machine),
                      answer = std::move(answer)]() mutable {
    const auto choose = [this](absl::string_view wanted, const Machine& who, bool elsewhere) {
      return deps_.store->ForeseeNode(wanted, who.machine_id, who.boot_id, elsewhere);
    };
    absl::StatusOr<std::string> node =
        deps_.nodes->Foresee(name, machine, choose, deps_.clock->Monotonic());
    if (absl::IsUnavailable(node.status())) {
      deps_.session->PostAfter(
          kAskAgain, [this, name = std::move(name), machine = std::move(machine),
                      answer = std::move(answer)]() mutable {
            ForeseeNode(std::move(name), std::move(machine), std::move(answer));
          });
      return;
    }
    deps_.session->Post([answer = std::move(answer), node = std::move(node)]() mutable {
      answer(std::move(node));
    });
  });
}

void Delivery::OpenStreams(std::vector<StreamRequest> requests,
                           std::vector<StreamRequest> asset_requests,
                           Answer<absl::StatusOr<Opened>> answer) {
  deps_.commit->Post([this, requests = std::move(requests),
                      asset_requests = std::move(asset_requests),
                      answer = std::move(answer)]() mutable {
    absl::StatusOr<Opened> opened = OpenNow(requests, asset_requests);
    CheckStore();
    deps_.session->Post([answer = std::move(answer), opened = std::move(opened)]() mutable {
      answer(std::move(opened));
    });
  });
}

absl::StatusOr<Delivery::Opened> Delivery::OpenNow(
    const std::vector<StreamRequest>& requests, const std::vector<StreamRequest>& asset_requests) {
  Opened opened;
  ASSIGN_OR_RETURN(opened.streams, deps_.store->OpenStreams(requests));
  if (!asset_requests.empty()) {
    ASSIGN_OR_RETURN(opened.assets, deps_.store->assets()->Open(asset_requests));
  }
  return opened;
}

void Delivery::TakeAssetPart(AssetOrder order, Answer<AssetResult> taken,
                             Answer<absl::Status> installed) {
  deps_.asset->Post([this, order = std::move(order), taken = std::move(taken),
                     installed = std::move(installed)]() mutable {
    const std::shared_ptr<Asset> asset = order.asset;
    const AssetVersion version = order.version;
    AssetResult result = deps_.asset_desk->Take(std::move(order));
    std::unique_ptr<AssetWriter> whole = std::move(result.whole);
    deps_.session->Post([taken = std::move(taken), result = std::move(result)]() mutable {
      taken(std::move(result));
    });
    if (whole == nullptr) return;
    deps_.commit->Post([this, asset, version, whole = std::move(whole),
                        installed = std::move(installed)]() mutable {
      absl::Status status = deps_.store->assets()->Install(asset.get(), std::move(whole), version);
      CheckStore();
      deps_.session->Post([installed = std::move(installed), status = std::move(status)]() mutable {
        installed(std::move(status));
      });
    });
  });
}

void Delivery::DropAssets(uint64_t session) {
  deps_.asset->Post([this, session] { deps_.asset_desk->Drop(session); });
}

namespace {

// Collects the shards' parts of one batch of offers. On the session queue.
struct OfferGathering {
  std::vector<StreamOffer> offers;
  size_t shards_left = 0;
  Delivery::Answer<std::vector<StreamOffer>> answer;
};

}  // namespace

void Delivery::Offer(std::vector<OfferOrder> orders, Answer<std::vector<StreamOffer>> answer) {
  struct Placed {
    size_t place;
    OfferOrder order;
  };
  auto gathering = std::make_shared<OfferGathering>();
  gathering->offers.resize(orders.size());
  gathering->answer = std::move(answer);
  std::vector<std::vector<Placed>> by_shard(deps_.shards.size());
  for (size_t i = 0; i < orders.size(); ++i) {
    const size_t shard = static_cast<size_t>(orders[i].stream->shard());
    by_shard[shard].push_back({i, std::move(orders[i])});
  }
  for (const auto& placed : by_shard) gathering->shards_left += placed.empty() ? 0 : 1;
  if (gathering->shards_left == 0) {
    deps_.session->Post([gathering] { gathering->answer({}); });
    return;
  }
  for (size_t shard = 0; shard < by_shard.size(); ++shard) {
    if (by_shard[shard].empty()) continue;
    const ShardSeat& seat = deps_.shards[shard];
    seat.queue->Post([this, gathering, seat, placed = std::move(by_shard[shard])]() mutable {
      std::vector<std::pair<size_t, StreamOffer>> offers;
      offers.reserve(placed.size());
      for (const Placed& one : placed) {
        offers.emplace_back(one.place, seat.shard->Offer(one.order.stream, one.order.ask_offset));
      }
      deps_.session->Post([gathering, offers = std::move(offers)]() mutable {
        for (auto& [place, offer] : offers) gathering->offers[place] = std::move(offer);
        if (--gathering->shards_left == 0) gathering->answer(std::move(gathering->offers));
      });
    });
  }
}

void Delivery::Append(int shard, std::vector<ShardSlice> slices, Answer<AppendResult> answer) {
  const ShardSeat& seat = deps_.shards[static_cast<size_t>(shard)];
  seat.queue->Post([this, seat, slices = std::move(slices), answer = std::move(answer)]() mutable {
    AppendResult result = seat.shard->Append(std::move(slices));
    deps_.session->Post([answer = std::move(answer), result = std::move(result)]() mutable {
      answer(std::move(result));
    });
  });
}

void Delivery::Fill(FillOrder order, Answer<std::optional<SliceRefusal>> answer) {
  const ShardSeat& seat = deps_.shards[static_cast<size_t>(order.stream->shard())];
  seat.queue->Post([this, seat, order = std::move(order), answer = std::move(answer)]() mutable {
    std::optional<SliceRefusal> refusal = seat.shard->Fill(order);
    deps_.session->Post([answer = std::move(answer), refusal = std::move(refusal)]() mutable {
      answer(std::move(refusal));
    });
  });
}

void Delivery::StartGeneration(std::shared_ptr<MirrorStream> stream, Generation differs_from,
                               Answer<NewGeneration> answer) {
  const ShardSeat& seat = deps_.shards[static_cast<size_t>(stream->shard())];
  // Shard, commit, shard: the first step is the barrier behind which no append is under way.
  seat.queue->Post(
      [this, seat, stream = std::move(stream), differs_from, answer = std::move(answer)]() mutable {
        seat.shard->Suspend(stream);
        deps_.commit->Post([this, seat, stream = std::move(stream), differs_from,
                            answer = std::move(answer)]() mutable {
          absl::Status status = deps_.store->StartGeneration(stream.get(), differs_from);
          CheckStore();
          seat.queue->Post([this, seat, stream = std::move(stream), status = std::move(status),
                            answer = std::move(answer)]() mutable {
            NewGeneration result;
            result.status = std::move(status);
            result.offer = seat.shard->Resume(stream);
            deps_.session->Post([answer = std::move(answer), result = std::move(result)]() mutable {
              answer(std::move(result));
            });
          });
        });
      });
}

void Delivery::AskFull(Answer<bool> answer) {
  deps_.commit->Post([this, answer = std::move(answer)]() mutable {
    const bool full = deps_.store->full();
    deps_.session->Post([answer = std::move(answer), full]() mutable { answer(full); });
  });
}

}  // namespace tributary
