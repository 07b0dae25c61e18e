// The part of Delivery that is about side files: which are to be delivered, and when their parts
// have room.
#include <algorithm>
#include <utility>

#include "agent/delivery.h"

namespace tributary::agent {
namespace {

using ingest::v1::AgentMessage;

}  // namespace

bool Delivery::Present(TailedFileId id) const {
  const TailedFile& tailed = file(id);
  if (!tailed.present || !is_asset(id)) return tailed.present;
  return !assets_refused_ && tailed.stat.size_bytes <= AssetBytesMax();
}

uint64_t Delivery::AssetBytesMax() const {
  // What the collector takes is known once there was one.
  const uint64_t taken = limits_.asset_bytes_max();
  return taken == 0 ? options_.asset_bytes_max : std::min(options_.asset_bytes_max, taken);
}

void Delivery::NoteSize(TailedFileId id) {
  Stream& stream = streams_.at(id);
  const bool too_large = file(id).present && file_size(id) > AssetBytesMax();
  if (too_large && !stream.told_too_large) {
    deps_.log->Warn("side file is larger than the limit, and left out",
                    {{"file", PathOf(id)}, {"bytes", file_size(id)}, {"limit", AssetBytesMax()}});
  }
  stream.told_too_large = too_large;
}

uint64_t Delivery::ReceivedOf(TailedFileId id) const {
  const Stream& stream = streams_.at(id);
  if (stream.asset) return DurableOf(id);
  return stream.accepted ? std::min(file_size(id), stream.received) : 0;
}

uint64_t Delivery::DurableOf(TailedFileId id) const {
  const Stream& stream = streams_.at(id);
  if (!stream.accepted) return 0;
  if (stream.asset) return assets_.IsDurable(id) ? file_size(id) : 0;
  return std::min(file_size(id), stream.durable);
}

bool Delivery::IsWhole(TailedFileId id, uint64_t size_bytes) const {
  const Stream& stream = streams_.at(id);
  return stream.asset ? assets_.IsDrained(id) : stream.durable >= size_bytes;
}

void Delivery::OnAssetOffer(TailedFileId id, const ingest::v1::Offer& offer) {
  Stream& stream = streams_.at(id);
  stream.accepted = true;
  stream.hopeless = false;
  stream.changed = false;
  SetState(id, StreamState::kLive, "accepted");
  assets_.Open(id, offer.has_asset() ? std::optional(offer.asset()) : std::nullopt);
  Report(id, ingest::v1::SOURCE_STATE_LIVE, "");
}

void Delivery::GiveUpAssets() {
  if (std::exchange(assets_refused_, true)) return;
  deps_.log->Warn("the collector takes no side files, which stay here; it is older than this agent",
                  {});
  for (TailedFileId id = 0; id < streams_.size(); ++id) {
    // What was asked for is refused one by one.
    if (!is_asset(id) || streams_.at(id).state == StreamState::kOpening) continue;
    MarkGone(id);
    UpdateDrain(id);
  }
}

uint64_t Delivery::AssetRoom() const {
  // An eighth of what this agent may send stays for event files, which so never wait for an answer
  // about a side file; and little enough is on its way that they do not wait behind it for long.
  const uint64_t in_flight = assets_.in_flight_bytes();
  const uint64_t chunk_max = std::min(options_.chunk_bytes_max, limits_.chunk_bytes_max());
  const uint64_t all = credit_ + in_flight;
  const uint64_t most = std::min(all - all / 8, 2 * chunk_max);
  if (in_flight >= most) return 0;
  const uint64_t room = std::min({most - in_flight, chunk_max, credit_});
  // No crumbs, as long as something comes back.
  return in_flight > 0 && room < most / 4 ? 0 : room;
}

std::optional<AgentMessage> Delivery::NextAssetPart() {
  while (AssetRoom() > 0) {
    std::optional<AssetSender::Part> next = assets_.Next(AssetRoom());
    if (!next.has_value()) return std::nullopt;
    if (!next->error.ok()) {
      Block(next->id, next->error);
      continue;
    }
    const uint64_t bytes = next->part.data().size();
    credit_ -= bytes;
    sent_bytes_total_ += bytes;
    busy_at_ = now();
    assets_turn_ = false;
    streams_.at(next->id).hopeless = false;
    Report(next->id, ingest::v1::SOURCE_STATE_LIVE, "");
    AgentMessage message;
    *message.mutable_asset_part() = std::move(next->part);
    return message;
  }
  return std::nullopt;
}

void Delivery::OnAssetAck(const ingest::v1::AssetAck& ack) {
  if (!streams_.Has(ack.stream()) || !is_asset(ack.stream())) return;
  assets_.OnAck(ack);
  if (!ack.durable()) return;
  // It makes progress: an earlier failure is forgotten.
  if (streams_.at(ack.stream()).state == StreamState::kLive) streams_.ClearRetry(ack.stream());
  UpdateBehind(ack.stream());
  UpdateDrain(ack.stream());
}

}  // namespace tributary::agent
