#include "collector/ingest/delivery.h"

#include <utility>

namespace tributary {

void Delivery::CheckRegistry() {
  const absl::Status health = deps_.store->registry_health();
  if (!health.ok() && deps_.on_fatal != nullptr) deps_.on_fatal(health);
}

void Delivery::AssignNode(std::string wanted, std::string machine_id, std::string boot_id,
                          bool wanted_is_live_elsewhere,
                          Answer<absl::StatusOr<std::string>> answer) {
  deps_.commit->Post([this, wanted = std::move(wanted), machine_id = std::move(machine_id),
                      boot_id = std::move(boot_id), wanted_is_live_elsewhere,
                      answer = std::move(answer)]() mutable {
    absl::StatusOr<std::string> node =
        deps_.store->AssignNode(wanted, machine_id, boot_id, wanted_is_live_elsewhere);
    CheckRegistry();
    deps_.session->Post([answer = std::move(answer), node = std::move(node)]() mutable {
      answer(std::move(node));
    });
  });
}

void Delivery::OpenStreams(
    std::vector<StreamRequest> requests,
    Answer<absl::StatusOr<std::vector<std::shared_ptr<MirrorStream>>>> answer) {
  deps_.commit->Post([this, requests = std::move(requests), answer = std::move(answer)]() mutable {
    auto streams = deps_.store->OpenStreams(requests);
    CheckRegistry();
    deps_.session->Post([answer = std::move(answer), streams = std::move(streams)]() mutable {
      answer(std::move(streams));
    });
  });
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
          CheckRegistry();
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
