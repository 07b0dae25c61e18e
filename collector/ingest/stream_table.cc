#include "collector/ingest/stream_table.h"

#include <algorithm>

#include "common/file.h"

namespace tributary {

namespace {

// A second one of the same name in the same directory is stored under another name, and not shown.
void NoteProjector(const Asset& asset, ProjectorBoard* board) {
  if (BaseName(asset.mirror_path()) != ProjectorBoard::kConfigFile) return;
  board->Add(
      {{ProjectorBoard::RunOf(asset.run().value()), std::string(DirName(asset.mirror_path()))}});
}

}  // namespace

StreamEntry* StreamTable::Add(const std::shared_ptr<MirrorStream>& stream) {
  std::unique_ptr<StreamEntry>& slot = by_identity_[stream->identity()];
  if (slot == nullptr) {
    slot = std::make_unique<StreamEntry>();
    slot->stream = stream;
    slot->generation = stream->generation();
    slot->received = stream->received();
    slot->durable = stream->durable();
    slot->rewinds = stream->rewinds();
    slot->overwritten = stream->overwritten();
    slot->failed = !stream->health().ok();
    by_id_[stream->id()] = slot.get();
    Changed();
  }
  return slot->is_asset() ? nullptr : slot.get();
}

StreamEntry* StreamTable::Add(const std::shared_ptr<Asset>& asset) {
  std::unique_ptr<StreamEntry>& slot = by_identity_[asset->identity()];
  if (slot == nullptr) {
    slot = std::make_unique<StreamEntry>();
    slot->asset = asset;
    by_id_[asset->id()] = slot.get();
    TakeVersion(slot.get());
    if (projector_ != nullptr) NoteProjector(*asset, projector_);
  }
  return slot->is_asset() ? slot.get() : nullptr;
}

void StreamTable::TakeVersion(StreamEntry* entry) {
  const std::optional<AssetVersion> version = entry->asset->version();
  const uint64_t bytes = version.has_value() ? version->size_bytes : 0;
  entry->received = bytes;
  entry->visible = bytes;
  entry->durable = bytes;
  Changed();
}

StreamEntry* StreamTable::Find(StreamId id) {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

StreamEntry* StreamTable::Find(const StreamIdentity& identity) {
  const auto it = by_identity_.find(identity);
  return it == by_identity_.end() ? nullptr : it->second.get();
}

void StreamTable::Take(StreamEntry* entry, const StreamProgress& progress) {
  if (progress.rewinds < entry->rewinds) return;
  const bool same = progress.rewinds == entry->rewinds && progress.generation == entry->generation;
  entry->received = same ? std::max(entry->received, progress.received) : progress.received;
  entry->visible = same ? std::max(entry->visible, progress.visible) : progress.visible;
  // What was durable is not so of another generation: the next offer or commit tells.
  if (progress.generation != entry->generation) entry->durable = 0;
  entry->generation = progress.generation;
  entry->rewinds = progress.rewinds;
  Changed();
}

void StreamTable::Take(StreamEntry* entry, const StreamOffer& offer) {
  const bool same = offer.progress.generation == entry->generation;
  Take(entry, offer.progress);
  // A commit may have told more since the shard looked.
  entry->durable = same ? std::max(entry->durable, offer.durable) : offer.durable;
  entry->index = offer.index;
  entry->overwritten = offer.overwritten;
  Changed();
}

void StreamTable::ForEach(const std::string& node, const std::string& logdir_name,
                          absl::FunctionRef<void(StreamEntry*)> visit) {
  for (auto it = by_identity_.lower_bound({node, logdir_name, ""}); it != by_identity_.end();
       ++it) {
    if (it->first.node != node || it->first.logdir_name != logdir_name) break;
    visit(it->second.get());
  }
}

void StreamTable::ForEach(absl::FunctionRef<void(const StreamEntry&)> visit) const {
  for (const auto& [identity, entry] : by_identity_) visit(*entry);
}

void StreamTable::ForEachAfter(const std::string& node, const StreamIdentity* after,
                               absl::FunctionRef<bool(const StreamEntry&)> visit) const {
  auto it = after == nullptr ? by_identity_.lower_bound({node, "", ""})
                             : by_identity_.upper_bound(*after);
  for (; it != by_identity_.end() && it->first.node == node; ++it) {
    if (!visit(*it->second)) return;
  }
}

bool StreamTable::HasNode(const std::string& node) const {
  const auto it = by_identity_.lower_bound({node, "", ""});
  return it != by_identity_.end() && it->first.node == node;
}

}  // namespace tributary
