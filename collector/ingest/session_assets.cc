// The part of Session that takes side files.
#include <utility>

#include "absl/strings/str_cat.h"
#include "collector/ingest/session.h"

namespace tributary {
namespace {

using ingest::v1::CollectorMessage;

}  // namespace

void Session::OnAssetPart(ingest::v1::AssetPart part) {
  if (auto refusal = CheckAssetPart(part, context_->limits); refusal.has_value()) {
    Refuse(refusal->reason, refusal->detail);
    return;
  }
  const uint64_t bytes = part.data().size();
  if (!context_->pool->Spend(id_, bytes)) {
    Refuse(ingest::v1::REFUSAL_REASON_PROTOCOL, "a part of a side file without credit for it");
    return;
  }
  if (!MayBeInFlight(1, bytes)) return;
  context_->metrics->BytesAccepted(bytes);
  last_bytes_ = context_->clock->Wall();
  context_->host->WantsFlush(this);
  const OpenStream* const open = FindOffered(part.stream());
  const bool is_open = open != nullptr && open->entry->is_asset();
  if (!is_open || part.version().size_bytes() > context_->limits.asset_bytes_max) {
    context_->pool->Refuse(id_, bytes);
    context_->metrics->BytesRefused(bytes);
    RefuseStream(
        is_open ? ingest::v1::REFUSAL_REASON_LIMIT : ingest::v1::REFUSAL_REASON_NOT_OPEN,
        is_open ? absl::StrCat("a side file of ", part.version().size_bytes(), " bytes, at most ",
                               context_->limits.asset_bytes_max, " allowed")
                : "a part for what is not open as a side file",
        part.stream());
    return;
  }
  AssetOrder order;
  order.asset = open->entry->asset;
  order.number = part.stream();
  order.session = id_.value();
  order.version = {part.version().size_bytes(), part.version().modified_unix_nanos(),
                   part.version().crc32c()};
  order.offset = part.offset();
  order.data = std::move(*part.mutable_data());
  order.last = part.last();
  const AssetVersion version = order.version;
  const uint32_t number = order.number;
  StreamEntry* const entry = open->entry;
  ++slices_in_flight_;
  sent_assets_ = true;
  context_->delivery->TakeAssetPart(
      std::move(order),
      [context = context_, id = id_, bytes, number, entry, version](AssetResult result) {
        if (result.refusal.has_value()) {
          context->pool->Refuse(id, bytes);
        } else {
          context->pool->Finish(id, bytes);
        }
        Session* const session = context->host->FindSession(id);
        context->host->WantsFlush(session);
        if (session != nullptr) session->OnAssetTaken(version, result, number, entry->asset->id());
      },
      [context = context_, id = id_, number, entry, version](const absl::Status& status) {
        // Whether or not the session is still there.
        context->streams->TakeVersion(entry);
        if (status.ok()) context->metrics->AssetInstalled();
        if (Session* const session = context->host->FindSession(id)) {
          session->OnAssetInstalled(version, status, number, entry->asset->id());
        }
      });
}

bool Session::HasAsset(uint32_t number, StreamId asset) {
  const OpenStream* const open = FindOffered(number);
  return open != nullptr && open->entry->is_asset() && open->entry->asset->id() == asset;
}

void Session::OnAssetTaken(const AssetVersion& version, const AssetResult& result, uint32_t number,
                           StreamId asset) {
  --slices_in_flight_;
  if (!HasAsset(number, asset)) return;
  if (!result.refusal.has_value()) {
    SendAssetAck(number, version, result.received_bytes, /*durable=*/false);
    return;
  }
  const SliceRefusal& refusal = *result.refusal;
  if (refusal.reason == ingest::v1::REFUSAL_REASON_UNSPECIFIED) return;
  RefuseStream(refusal.reason, refusal.detail, number, refusal.wanted_offset);
}

void Session::OnAssetInstalled(const AssetVersion& version, const absl::Status& status,
                               uint32_t number, StreamId asset) {
  if (!status.ok()) {
    context_->log->Warn("side file not taken; its agent sends it again",
                        {{"node", node_}, {"stream", asset.value()}, {"error", status}});
  }
  if (!HasAsset(number, asset)) return;
  if (status.ok()) {
    SendAssetAck(number, version, version.size_bytes, /*durable=*/true);
  } else {
    RefuseStream(AssetRefusal(status), std::string(status.message()), number);
  }
}

void Session::SendAssetAck(uint32_t number, const AssetVersion& version, uint64_t received_bytes,
                           bool durable) {
  CollectorMessage message;
  ingest::v1::AssetAck* ack = message.mutable_asset_ack();
  ack->set_stream(number);
  FillVersion(version, ack->mutable_version());
  ack->set_durable(durable);
  ack->set_received_bytes(received_bytes);
  Send(std::move(message));
}

}  // namespace tributary
