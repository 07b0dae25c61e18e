// The part of Session that deals with open streams: bytes, generations, reports, acks.
#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "collector/ingest/session.h"
#include "common/check.h"

namespace tributary {
namespace {

using ingest::v1::CollectorMessage;

constexpr size_t kDetailBytesMax = 500;
// A peer that has so many messages to read gets its acks later, merged.
constexpr size_t kQueuedForAcksMax = 16;

// What an agent says, cut to a length that may be told on; never within a character.
absl::string_view Shortened(absl::string_view text) {
  if (text.size() <= kDetailBytesMax) return text;
  size_t end = kDetailBytesMax;
  while (end > 0 && (text[end] & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

bool Session::MayBeInFlight(uint64_t slices, uint64_t bytes) {
  if (slices_in_flight_ + slices <= context_->limits.slices_in_flight_max) return true;
  context_->pool->Finish(id_, bytes);
  Refuse(ingest::v1::REFUSAL_REASON_LIMIT,
         absl::StrCat("slices in flight are ", slices_in_flight_ + slices, ", at most ",
                      context_->limits.slices_in_flight_max, " allowed"));
  return false;
}

void Session::OnChunk(ingest::v1::Chunk chunk) {
  uint64_t bytes = 0;
  if (auto refusal = CheckChunk(chunk, context_->limits, &bytes); refusal.has_value()) {
    Refuse(refusal->reason, refusal->detail);
    return;
  }
  if (!context_->pool->Spend(id_, bytes)) {
    Refuse(ingest::v1::REFUSAL_REASON_PROTOCOL,
           absl::StrCat("a chunk of ", bytes, " bytes, the agent holds credit for ",
                        context_->pool->held_bytes(id_)));
    return;
  }
  if (!MayBeInFlight(static_cast<uint64_t>(chunk.slices_size()), bytes)) return;
  context_->metrics->BytesAccepted(bytes);
  last_bytes_ = context_->clock->Wall();
  std::vector<std::vector<ShardSlice>> by_shard(static_cast<size_t>(context_->delivery->shards()));
  absl::flat_hash_set<uint32_t> not_open;
  for (ingest::v1::Slice& slice : *chunk.mutable_slices()) {
    const OpenStream* open = FindEvents(slice.stream());
    if (open == nullptr) {
      context_->metrics->BytesRefused(slice.data().size());
      context_->pool->Refuse(id_, slice.data().size());
      if (not_open.insert(slice.stream()).second) {
        RefuseStream(ingest::v1::REFUSAL_REASON_NOT_OPEN,
                     absl::StrCat("stream ", slice.stream(), " is not open"), slice.stream());
      }
      continue;
    }
    const std::shared_ptr<MirrorStream>& stream = open->entry->stream;
    by_shard[static_cast<size_t>(stream->shard())].push_back(
        {stream, slice.stream(), Generation(slice.generation()), slice.offset(),
         std::move(*slice.mutable_data())});
  }
  for (size_t shard = 0; shard < by_shard.size(); ++shard) {
    if (!by_shard[shard].empty()) {
      Append(static_cast<int>(shard), std::move(by_shard[shard]));
    }
  }
  context_->host->WantsFlush(this);
}

void Session::Append(int shard, std::vector<ShardSlice> slices) {
  slices_in_flight_ += slices.size();
  context_->delivery->Append(shard, std::move(slices),
                             [context = context_, id = id_](AppendResult result) {
                               // First: what is refused for want of space is given back when there
                               // is some.
                               if (result.store_full) context->host->OnStoreFull();
                               context->pool->Finish(id, result.bytes - result.refused_bytes);
                               context->pool->Refuse(id, result.refused_bytes);
                               for (const StreamProgress& progress : result.progress) {
                                 // Whoever holds the stream now is told.
                                 context->host->OnProgress(progress);
                               }
                               Session* const session = context->host->FindSession(id);
                               if (session != nullptr) session->OnAppended(std::move(result));
                               context->host->WantsFlush(session);
                             });
}

void Session::OnAppended(AppendResult result) {
  slices_in_flight_ -= result.slices;
  for (const SliceRefusal& refusal : result.refusals) {
    const OpenStream* open = FindEvents(refusal.number);
    // Refused for a stream that is no longer under that number: the agent knows already.
    if (open == nullptr || open->entry->stream->id() != refusal.stream) continue;
    open->entry->failed = refusal.reason == ingest::v1::REFUSAL_REASON_STORE_FAILED;
    RefuseStream(refusal.reason, refusal.detail, refusal.number, refusal.wanted_offset);
  }
}

void Session::OnFill(ingest::v1::Fill fill) {
  const uint64_t bytes = fill.data().size();
  if (bytes == 0 || bytes > context_->limits.chunk_bytes_max) {
    Refuse(ingest::v1::REFUSAL_REASON_LIMIT,
           absl::StrCat("a fill of ", bytes, " bytes, allowed are 1 to ",
                        context_->limits.chunk_bytes_max));
    return;
  }
  if (fill.offset() > std::numeric_limits<int64_t>::max() - bytes) {
    Refuse(ingest::v1::REFUSAL_REASON_LIMIT,
           absl::StrCat("offset of a fill is ", fill.offset(), ", at most ",
                        std::numeric_limits<int64_t>::max(), " allowed"));
    return;
  }
  if (!context_->pool->Spend(id_, bytes)) {
    Refuse(ingest::v1::REFUSAL_REASON_PROTOCOL, "a fill without credit for it");
    return;
  }
  if (!MayBeInFlight(1, bytes)) return;
  context_->metrics->BytesAccepted(bytes);
  const OpenStream* open = FindEvents(fill.stream());
  if (open == nullptr) {
    context_->pool->Refuse(id_, bytes);
    context_->metrics->BytesRefused(bytes);
    RefuseStream(ingest::v1::REFUSAL_REASON_NOT_OPEN, "a fill for a stream that is not open",
                 fill.stream());
    context_->host->WantsFlush(this);
    return;
  }
  FillOrder order;
  order.stream = open->entry->stream;
  order.number = fill.stream();
  order.session = id_.value();
  order.generation = Generation(fill.generation());
  order.offset = fill.offset();
  order.data = std::move(*fill.mutable_data());
  const ByteRange range = {order.offset, bytes};
  const Generation generation = order.generation;
  ++slices_in_flight_;
  context_->delivery->Fill(
      std::move(order), [context = context_, id = id_, number = fill.stream(), generation,
                         range](std::optional<SliceRefusal> refusal) {
        if (refusal.has_value()) {
          if (refusal->reason == ingest::v1::REFUSAL_REASON_STORE_FULL) {
            context->host->OnStoreFull();
          }
          context->pool->Refuse(id, range.length_bytes);
          context->metrics->BytesRefused(range.length_bytes);
        } else {
          context->pool->Finish(id, range.length_bytes);
        }
        Session* session = context->host->FindSession(id);
        context->host->WantsFlush(session);
        if (session == nullptr) return;
        --session->slices_in_flight_;
        if (refusal.has_value()) {
          session->RefuseStream(refusal->reason, refusal->detail, number, refusal->wanted_offset);
          return;
        }
        CollectorMessage message;
        ingest::v1::FillAck* ack = message.mutable_fill_ack();
        ack->set_stream(number);
        ack->set_generation(generation.value());
        ack->mutable_range()->set_offset(range.offset);
        ack->mutable_range()->set_length(range.length_bytes);
        session->Send(std::move(message));
      });
}

void Session::OnFillDurable(uint32_t number, Generation generation, ByteRange range) {
  CollectorMessage message;
  ingest::v1::FillAck* ack = message.mutable_fill_ack();
  ack->set_stream(number);
  ack->set_generation(generation.value());
  ack->mutable_range()->set_offset(range.offset);
  ack->mutable_range()->set_length(range.length_bytes);
  ack->set_durable(true);
  Send(std::move(message));
}

void Session::OnNewGeneration(const ingest::v1::NewGeneration& request) {
  OpenStream* open = FindEvents(request.stream());
  if (open == nullptr) {
    RefuseStream(ingest::v1::REFUSAL_REASON_NOT_OPEN,
                 "a new generation of a stream that is not open", request.stream());
    return;
  }
  if (open->renewing) {
    Refuse(ingest::v1::REFUSAL_REASON_PROTOCOL,
           absl::StrCat("a second NewGeneration of stream ", request.stream(),
                        " before the first's offer"));
    return;
  }
  open->renewing = true;
  StreamEntry* const entry = open->entry;
  context_->log->Warn("source has other bytes", {{"node", node_},
                                                 {"path", entry->stream->identity().path},
                                                 {"generation", request.differs_from_generation()},
                                                 {"cause", Shortened(request.cause())}});
  context_->delivery->StartGeneration(entry->stream, Generation(request.differs_from_generation()),
                                      [context = context_, id = id_, number = request.stream(),
                                       entry](Delivery::NewGeneration result) {
                                        // Whether or not the session is still there.
                                        if (result.status.ok()) {
                                          context->metrics->GenerationStarted();
                                        }
                                        if (result.offer.status.ok()) {
                                          context->streams->Take(entry, result.offer);
                                        }
                                        if (Session* session = context->host->FindSession(id)) {
                                          session->OnGeneration(number, entry, std::move(result));
                                        }
                                      });
}

void Session::OnGeneration(uint32_t number, StreamEntry* entry, Delivery::NewGeneration result) {
  OpenStream* open = FindEvents(number);
  if (open == nullptr || open->entry != entry) return;
  open->renewing = false;
  auto batch = Batch();
  Batch::Place place;
  place.number = number;
  place.entry = entry;
  // FailedPrecondition: it was another generation that differed; overwritten: frozen. The offer
  // says both. After any other error there is nothing to go on with.
  if (!result.status.ok() && !absl::IsFailedPrecondition(result.status) &&
      !result.offer.overwritten) {
    result.offer.status = result.status;
  }
  batch.places.push_back(std::move(place));
  std::vector<StreamOffer> offers;
  offers.push_back(std::move(result.offer));
  SendOffers(batch, offers);
}

void Session::OnStreamReport(const ingest::v1::StreamReport& report) {
  const OpenStream* open = FindOffered(report.stream());
  if (open == nullptr) {
    RefuseStream(ingest::v1::REFUSAL_REASON_NOT_OPEN, "a report on a stream that is not open",
                 report.stream());
    return;
  }
  StreamEntry* const entry = open->entry;
  entry->source_state = report.state();
  entry->source_bytes = report.size_bytes();
  entry->source_detail = std::string(Shortened(report.detail()));
  context_->streams->Changed();
}

void Session::OnListingComplete(const ingest::v1::ListingComplete& listing) {
  bool known = false;
  for (const ingest::v1::Logdir& logdir : hello_.logdirs()) {
    known = known || logdir.name() == listing.logdir_name();
  }
  if (!known) {
    Refuse(ingest::v1::REFUSAL_REASON_PROTOCOL,
           absl::StrCat("ListingComplete of logdir name '", Shortened(listing.logdir_name()),
                        "', which is not among those of Hello"));
    return;
  }
  context_->streams->ForEach(node_, listing.logdir_name(), [&](StreamEntry* entry) {
    if (entry->named_by != id_) entry->source_state = ingest::v1::SOURCE_STATE_GONE;
  });
  context_->streams->Changed();
}

void Session::OnCloseStreams(const ingest::v1::CloseStreams& close) {
  for (const uint32_t number : close.streams()) LetGo(number);
  context_->streams->Changed();
}

// Acks.

void Session::OnMoved(const StreamEntry& entry) {
  OpenStream* open = FindOffered(entry.number);
  if (open == nullptr || open->entry != &entry || open->dirty) return;
  open->dirty = true;
  dirty_.push_back(entry.number);
  context_->host->WantsFlush(this);
}

void Session::OnSealed(const StreamEntry& entry) {
  const OpenStream* open = FindOffered(entry.number);
  if (open == nullptr || open->entry != &entry) return;
  // It was offered as it is now.
  if (open->rewinds >= entry.rewinds && !entry.failed) return;
  // Watermarks count from the next offer on.
  RefuseStream(entry.failed ? ingest::v1::REFUSAL_REASON_STORE_FAILED
                            : ingest::v1::REFUSAL_REASON_STORE_LOST,
               entry.failed ? "the mirror cannot be written; the collector's log says why"
                            : "the store's disk lost bytes: open the stream again",
               entry.number, entry.received);
}

bool Session::Flush() {
  if (state_ != SessionState::kLive || dirty_.empty()) return true;
  if (peer_->queued_messages() > kQueuedForAcksMax) return false;
  CollectorMessage message;
  ingest::v1::Acks* acks = message.mutable_acks();
  for (const uint32_t number : std::exchange(dirty_, {})) {
    const auto it = open_.find(number);
    if (it == open_.end() || !it->second.dirty) continue;
    OpenStream& open = it->second;
    open.dirty = false;
    const StreamEntry& entry = *open.entry;
    // Of a generation that was not offered yet: the offer tells.
    if (entry.generation != open.acked_generation) continue;
    if (entry.visible > open.acked_received) {
      open.acked_received = entry.visible;
      ingest::v1::Watermark* mark = acks->add_received();
      mark->set_stream(number);
      mark->set_generation(entry.generation.value());
      mark->set_offset(entry.visible);
    }
    if (entry.durable > open.acked_durable) {
      open.acked_durable = entry.durable;
      ingest::v1::Watermark* mark = acks->add_durable();
      mark->set_stream(number);
      mark->set_generation(entry.generation.value());
      mark->set_offset(entry.durable);
    }
  }
  if (acks->received_size() > 0 || acks->durable_size() > 0) Send(std::move(message));
  return true;
}

}  // namespace tributary
