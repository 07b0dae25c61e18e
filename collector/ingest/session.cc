#include "collector/ingest/session.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/utf8.h"

namespace tributary {
namespace {

using ingest::v1::AgentMessage;
using ingest::v1::CollectorMessage;
using ingest::v1::RefusalReason;

// Longest text of an agent that is kept for people, in bytes.
constexpr size_t kDetailBytesMax = 500;
// How far apart ticks are.
constexpr absl::Duration kTick = absl::Seconds(1);

absl::string_view StateName(SessionState state) {
  switch (state) {
    case SessionState::kConnected:
      return "connected";
    case SessionState::kChecking:
      return "checking";
    case SessionState::kLive:
      return "live";
    case SessionState::kEnded:
      return "ended";
  }
  return "?";
}

}  // namespace

Session::Session(SessionId id, std::shared_ptr<SessionPeer> peer, const SessionContext* context)
    : id_(id),
      peer_(std::move(peer)),
      context_(context),
      heard_at_(context->clock->Monotonic()),
      sent_at_(heard_at_) {
  context_->metrics->SessionOpened();
}

void Session::SetState(SessionState to, absl::string_view why) {
  const bool notable = to == SessionState::kLive || state_ == SessionState::kLive;
  const std::initializer_list<LogField> fields = {
      {"session", id_.value()},
      {"node", node_.empty() ? hello_.node().name() : node_},
      {"from", StateName(state_)},
      {"to", StateName(to)},
      {"why", why},
      {"peer", peer_->address()}};
  if (notable) {
    context_->log->Info("session", fields);
  } else {
    context_->log->Debug("session", fields);
  }
  state_ = to;
}

void Session::Send(CollectorMessage message) {
  if (state_ == SessionState::kEnded) return;
  sent_at_ = context_->clock->Monotonic();
  peer_->Send(std::move(message));
}

void Session::Refuse(RefusalReason reason, const std::string& detail) {
  if (state_ == SessionState::kEnded) return;
  context_->metrics->Refused(reason);
  context_->log->Warn("session refused", {{"session", id_.value()},
                                          {"node", hello_.node().name()},
                                          {"peer", peer_->address()},
                                          {"reason", ingest::v1::RefusalReason_Name(reason)},
                                          {"detail", detail}});
  CollectorMessage message;
  message.mutable_refusal()->set_reason(reason);
  message.mutable_refusal()->set_detail(ValidUtf8(detail));
  Send(std::move(message));
  End(absl::StrCat("refused: ", detail));
}

void Session::RefuseStream(RefusalReason reason, const std::string& detail, uint32_t number,
                           std::optional<uint64_t> wanted_offset) {
  context_->metrics->Refused(reason);
  CollectorMessage message;
  ingest::v1::Refusal* refusal = message.mutable_refusal();
  refusal->set_reason(reason);
  refusal->set_detail(ValidUtf8(detail));
  refusal->set_stream(number);
  if (wanted_offset.has_value()) refusal->set_wanted_offset(*wanted_offset);
  Send(std::move(message));
}

void Session::SayGoodbye(const std::string& why) {
  CollectorMessage message;
  message.mutable_goodbye()->set_detail(why);
  Send(std::move(message));
  End(why);
}

void Session::End(absl::string_view why) {
  if (state_ == SessionState::kEnded) return;
  const bool was_live = state_ == SessionState::kLive;
  SetState(SessionState::kEnded, why);
  for (auto& [number, open] : open_) {
    if (open.entry->holder == id_) open.entry->holder = SessionId();
  }
  open_.clear();
  hold_.Reset();
  if (was_live) context_->pool->Release(id_);
  if (sent_assets_) context_->delivery->DropAssets(id_.value());
  context_->streams->Changed();
  context_->metrics->SessionClosed();
  peer_->Close();
  context_->host->OnEnded(this);
}

void Session::Accept(NodeHold node) {
  CHECK(state_ == SessionState::kChecking, "Accepted in state ", StateName(state_), ".");
  hold_ = std::move(node);
  node_ = hold_.name();
  SetState(SessionState::kLive, "hello accepted");
  const SessionLimits& limits = context_->limits;
  CollectorMessage message;
  ingest::v1::Welcome* welcome = message.mutable_welcome();
  welcome->set_protocol_version(kProtocolVersion);
  welcome->set_collector_version(context_->collector_version);
  welcome->set_store_id(context_->store_id);
  welcome->set_start_nonce(context_->start_nonce);
  welcome->set_node(node_);
  welcome->set_credit_bytes(context_->pool->held_bytes(id_));
  ingest::v1::Limits* told = welcome->mutable_limits();
  told->set_chunk_bytes_max(limits.chunk_bytes_max);
  told->set_chunk_slices_max(limits.chunk_slices_max);
  told->set_open_batch_max(limits.open_batch_max);
  told->set_streams_max(limits.streams_max);
  told->set_path_bytes_max(limits.path_bytes_max);
  told->set_asset_bytes_max(limits.asset_bytes_max);
  told->set_heartbeat_nanos(absl::ToInt64Nanoseconds(limits.heartbeat));
  told->set_dead_after_nanos(absl::ToInt64Nanoseconds(limits.dead_after));
  Send(std::move(message));
  context_->streams->Changed();
}

void Session::OnMessage(AgentMessage message) {
  if (state_ == SessionState::kEnded) return;
  heard_at_ = context_->clock->Monotonic();
  hold_.Heard(heard_at_);
  if (message.has_goodbye()) {
    End(absl::StrCat("goodbye of the agent: ",
                     absl::string_view(message.goodbye().detail()).substr(0, kDetailBytesMax)));
    return;
  }
  switch (state_) {
    case SessionState::kConnected:
      if (message.has_hello()) {
        OnHello(std::move(*message.mutable_hello()));
      } else {
        Refuse(ingest::v1::REFUSAL_REASON_PROTOCOL, "the first message must be Hello");
      }
      return;
    case SessionState::kChecking:
      // A message of a later protocol is ignored, a heartbeat is welcome.
      if (message.message_case() != AgentMessage::kHeartbeat &&
          message.message_case() != AgentMessage::MESSAGE_NOT_SET) {
        Refuse(ingest::v1::REFUSAL_REASON_PROTOCOL, "a message before Welcome");
      }
      return;
    case SessionState::kLive:
      OnLiveMessage(std::move(message));
      return;
    case SessionState::kEnded:
      return;
  }
}

void Session::OnHello(ingest::v1::Hello hello) {
  hello_ = std::move(hello);
  const std::optional<MessageRefusal> refusal =
      CheckHello(hello_, context_->store_id, context_->limits);
  if (refusal.has_value()) {
    Refuse(refusal->reason, refusal->detail);
    return;
  }
  clock_offset_ = absl::FromUnixNanos(hello_.clock_unix_nanos()) - context_->clock->Wall();
  SetState(SessionState::kChecking, "hello");
  context_->host->OnHello(this);
}

void Session::OnLiveMessage(AgentMessage message) {
  switch (message.message_case()) {
    case AgentMessage::kHello:
      Refuse(ingest::v1::REFUSAL_REASON_PROTOCOL, "a second Hello");
      return;
    case AgentMessage::kOpenBatch:
      return OnOpenBatch(std::move(*message.mutable_open_batch()));
    case AgentMessage::kChunk:
      return OnChunk(std::move(*message.mutable_chunk()));
    case AgentMessage::kNewGeneration:
      return OnNewGeneration(message.new_generation());
    case AgentMessage::kStreamReport:
      return OnStreamReport(message.stream_report());
    case AgentMessage::kFill:
      return OnFill(std::move(*message.mutable_fill()));
    case AgentMessage::kAssetPart:
      return OnAssetPart(std::move(*message.mutable_asset_part()));
    case AgentMessage::kListingComplete:
      return OnListingComplete(message.listing_complete());
    case AgentMessage::kHeartbeat:
      return OnHeartbeat(message.heartbeat());
    case AgentMessage::kCloseStreams:
      return OnCloseStreams(message.close_streams());
    case AgentMessage::kCreditReturn:
      if (!context_->pool->Return(id_, message.credit_return().bytes())) {
        Refuse(ingest::v1::REFUSAL_REASON_PROTOCOL, "more credit returned than held");
        return;
      }
      context_->host->WantsFlush(this);
      return;
    case AgentMessage::kGoodbye:
    case AgentMessage::MESSAGE_NOT_SET:  // of a later protocol
      return;
  }
}

void Session::OnHeartbeat(const ingest::v1::Heartbeat& heartbeat) {
  clock_offset_ = absl::FromUnixNanos(heartbeat.clock_unix_nanos()) - context_->clock->Wall();
  // A number that was never asked with proves nothing.
  if (heartbeat.pong() <= pings_) pong_ = std::max(pong_, heartbeat.pong());
}

void Session::SendHeartbeat(uint64_t ping) {
  CollectorMessage message;
  message.mutable_heartbeat()->set_clock_unix_nanos(absl::ToUnixNanos(context_->clock->Wall()));
  message.mutable_heartbeat()->set_ping(ping);
  Send(std::move(message));
}

uint64_t Session::Ping() {
  SendHeartbeat(++pings_);
  return pings_;
}

void Session::Tick() {
  if (state_ == SessionState::kEnded) return;
  const absl::Duration now = context_->clock->Monotonic();
  // Noticed within dead_after: not at the first tick after it.
  if (now - heard_at_ + kTick > context_->limits.dead_after) {
    End(absl::StrCat("silent for ", absl::FormatDuration(now - heard_at_)));
    return;
  }
  if (peer_->queued_messages() > context_->limits.queued_messages_max) {
    End("the agent does not read");
    return;
  }
  if (now - sent_at_ >= context_->limits.heartbeat) SendHeartbeat(0);
}

void Session::GiveCredit(uint64_t bytes) {
  CollectorMessage message;
  message.mutable_credit()->set_bytes(bytes);
  Send(std::move(message));
}

// Streams: opened, held, lost.

std::optional<MessageRefusal> Session::CheckPlace(const ingest::v1::Open& open,
                                                  size_t opens_before) {
  if (auto refusal = CheckOpen(open, context_->limits); refusal.has_value()) return refusal;
  bool known = false;
  for (const ingest::v1::Logdir& logdir : hello_.logdirs()) {
    known = known || logdir.name() == open.logdir_name();
  }
  if (!known) {
    return MessageRefusal{
        ingest::v1::REFUSAL_REASON_PATH,
        absl::StrCat("logdir name '", open.logdir_name(), "' is not among those of Hello")};
  }
  if (!open_.contains(open.stream()) &&
      open_.size() + opens_before >= context_->limits.streams_max) {
    return MessageRefusal{ingest::v1::REFUSAL_REASON_LIMIT,
                          absl::StrCat("number of open streams is ", open_.size() + opens_before,
                                       ", at most ", context_->limits.streams_max, " allowed")};
  }
  return std::nullopt;
}

void Session::OnOpenBatch(ingest::v1::OpenBatch message) {
  if (batch_under_way_) {
    Refuse(ingest::v1::REFUSAL_REASON_PROTOCOL, "a second OpenBatch before the first's offers");
    return;
  }
  if (message.opens_size() > static_cast<int>(context_->limits.open_batch_max)) {
    Refuse(ingest::v1::REFUSAL_REASON_LIMIT,
           absl::StrCat("OpenBatch has ", message.opens_size(), " opens, at most ",
                        context_->limits.open_batch_max, " allowed"));
    return;
  }
  auto batch = std::make_shared<Batch>();
  Requests requests;
  absl::flat_hash_map<uint32_t, bool> numbers;
  absl::flat_hash_map<std::pair<std::string, std::string>, bool> paths;
  for (ingest::v1::Open& open : *message.mutable_opens()) {
    if (!numbers.emplace(open.stream(), true).second) {
      Refuse(ingest::v1::REFUSAL_REASON_PROTOCOL,
             absl::StrCat("stream number ", open.stream(), " twice in one OpenBatch"));
      return;
    }
    const bool first = paths.emplace(std::pair(open.logdir_name(), open.path()), true).second;
    AddPlace(std::move(open), batch.get(), &requests, first);
  }
  batch_under_way_ = true;
  context_->delivery->OpenStreams(std::move(requests.events), std::move(requests.assets),
                                  [host = context_->host, id = id_, batch](auto opened) {
                                    if (Session* session = host->FindSession(id)) {
                                      session->OnStreams(batch, std::move(opened));
                                    }
                                  });
}

void Session::AddPlace(ingest::v1::Open open, Batch* batch, Requests* requests,
                       bool first_of_path) {
  Batch::Place place;
  place.number = open.stream();
  if (open.has_ask_offset()) place.ask_offset = open.ask_offset();
  place.refusal = CheckPlace(open, requests->size());
  if (!place.refusal.has_value() && !first_of_path) {
    place.refusal =
        MessageRefusal{ingest::v1::REFUSAL_REASON_PATH, "the same path twice in one OpenBatch"};
  }
  // Whatever was open under the number is replaced.
  LetGo(place.number);
  if (!place.refusal.has_value()) {
    StreamRequest request;
    request.identity = {node_, open.logdir_name(), open.path()};
    request.run = RunName(open.run());
    request.run_why = open.run_why();
    request.merge = open.merge();
    // Named from now on: a listing that completes before the offers does not take it for gone.
    if (StreamEntry* entry = context_->streams->Find(request.identity)) entry->named_by = id_;
    const bool is_asset = open.kind() == ingest::v1::STREAM_KIND_ASSET;
    (is_asset ? requests->assets : requests->events).push_back(std::move(request));
  }
  place.open = std::move(open);
  batch->places.push_back(std::move(place));
}

void Session::OnNoStreams(Batch* batch, const absl::Status& why) {
  const RefusalReason reason = absl::IsResourceExhausted(why)
                                   ? ingest::v1::REFUSAL_REASON_STORE_FULL
                                   : ingest::v1::REFUSAL_REASON_STORE_FAILED;
  for (Batch::Place& place : batch->places) {
    if (place.refusal.has_value()) continue;
    place.refusal = MessageRefusal{reason, std::string(why.message())};
  }
  if (reason == ingest::v1::REFUSAL_REASON_STORE_FULL) {
    context_->host->OnStoreFull();
    context_->pool->Owe(id_);
  }
  batch_under_way_ = false;
  SendOffers(*batch, {});
}

void Session::OnStreams(std::shared_ptr<Batch> batch, absl::StatusOr<Delivery::Opened> opened) {
  if (!opened.ok()) {
    OnNoStreams(batch.get(), opened.status());
    return;
  }
  std::vector<Delivery::OfferOrder> orders;
  size_t next_event = 0;
  size_t next_asset = 0;
  for (Batch::Place& place : batch->places) {
    if (place.refusal.has_value()) continue;
    const size_t known = context_->streams->size();
    if (place.open.kind() == ingest::v1::STREAM_KIND_ASSET) {
      place.entry = context_->streams->Add(opened->assets[next_asset++]);
    } else {
      place.entry = context_->streams->Add(opened->streams[next_event++]);
    }
    if (place.entry == nullptr) {
      place.refusal = MessageRefusal{ingest::v1::REFUSAL_REASON_PATH,
                                     "the path is known as a stream of another kind"};
      continue;
    }
    place.is_new = context_->streams->size() > known;
    place.entry->named_by = id_;
    place.entry->source_state = ingest::v1::SOURCE_STATE_LIVE;
    place.entry->source_bytes = place.open.size_bytes();
    // Before the shard is asked: what another session sends from here on comes to nothing, what it
    // sent before is in the offer.
    Hold(place.entry, place.number);
    if (!place.entry->is_asset()) orders.push_back({place.entry->stream, place.ask_offset});
  }
  context_->metrics->StreamsOpened(next_event + next_asset);
  context_->delivery->Offer(std::move(orders),
                            [host = context_->host, id = id_, batch](auto offers) {
                              if (Session* session = host->FindSession(id)) {
                                session->OnOffers(batch, std::move(offers));
                              }
                            });
}

void Session::OnOffers(std::shared_ptr<Batch> batch, std::vector<StreamOffer> offers) {
  batch_under_way_ = false;
  SendOffers(*batch, offers);
}

void Session::Hold(StreamEntry* entry, uint32_t number) {
  if (entry->holder != SessionId() && (entry->holder != id_ || entry->number != number)) {
    if (Session* other = context_->host->FindSession(entry->holder)) {
      other->LoseStream(entry->number, "a newer session opened the stream");
    }
  }
  entry->holder = id_;
  entry->number = number;
  open_[number] = OpenStream();
  open_[number].entry = entry;
}

Session::OpenStream* Session::FindOffered(uint32_t number) {
  const auto it = open_.find(number);
  return it == open_.end() || !it->second.offered ? nullptr : &it->second;
}

void Session::LetGo(uint32_t number) {
  const auto it = open_.find(number);
  if (it == open_.end()) return;
  StreamEntry* const entry = it->second.entry;
  if (entry->holder == id_ && entry->number == number) entry->holder = SessionId();
  open_.erase(it);
}

void Session::LoseStream(uint32_t number, const std::string& detail) {
  open_.erase(number);
  RefuseStream(ingest::v1::REFUSAL_REASON_NOT_OPEN, detail, number);
}

std::optional<MessageRefusal> Session::CheckOffer(const StreamEntry& entry,
                                                  const StreamOffer& offer) {
  if (!offer.status.ok()) {
    const std::string detail(offer.status.message());
    if (absl::IsUnavailable(offer.status)) {
      return MessageRefusal{ingest::v1::REFUSAL_REASON_GENERATION, detail};
    }
    if (absl::IsResourceExhausted(offer.status)) {
      context_->host->OnStoreFull();
      context_->pool->Owe(id_);
      return MessageRefusal{ingest::v1::REFUSAL_REASON_STORE_FULL, detail};
    }
    return MessageRefusal{ingest::v1::REFUSAL_REASON_STORE_FAILED, detail};
  }
  if (offer.progress.rewinds < entry.rewinds) {
    return MessageRefusal{ingest::v1::REFUSAL_REASON_STORE_LOST,
                          "the store's disk lost bytes just now: open the stream again"};
  }
  return std::nullopt;
}

void Session::TakeOffer(uint32_t number, const StreamOffer& offer) {
  OpenStream& open = open_.at(number);
  open.offered = true;
  open.rewinds = offer.progress.rewinds;
  open.acked_generation = offer.progress.generation;
  open.acked_received = offer.progress.received;
  open.acked_durable = offer.durable;
  context_->streams->Take(open.entry, offer);
  // What moved while the offer was on its way here.
  OnMoved(*open.entry);
}

Session::OpenStream* Session::FindEvents(uint32_t number) {
  OpenStream* const open = FindOffered(number);
  return open == nullptr || open->entry->is_asset() ? nullptr : open;
}

namespace {

void FillAssetOffer(const StreamEntry& entry, bool is_new, ingest::v1::Offer* out) {
  if (!is_new) out->set_run_since_unix_nanos(absl::ToUnixNanos(entry.run_since()));
  if (const std::optional<AssetVersion> version = entry.asset->version()) {
    FillVersion(*version, out->mutable_asset());
  }
}

void FillOffer(const StreamEntry& entry, const StreamOffer& offer, bool is_new,
               ingest::v1::Offer* out) {
  out->set_generation(offer.progress.generation.value());
  out->set_offset(offer.fingerprint.offset);
  out->set_tail_crc32c(offer.fingerprint.tail_crc32c);
  out->set_head_crc32c(offer.fingerprint.head_crc32c);
  out->set_received(offer.progress.received);
  out->set_durable(offer.durable);
  if (!is_new) out->set_run_since_unix_nanos(absl::ToUnixNanos(entry.run_since()));
  for (const ByteRange& range : offer.unfilled) {
    ingest::v1::Range* told = out->add_unfilled();
    told->set_offset(range.offset);
    told->set_length(range.length_bytes);
  }
  out->set_overwritten(offer.overwritten);
}

}  // namespace

void Session::SendOffers(const Batch& batch, const std::vector<StreamOffer>& offers) {
  CollectorMessage message;
  ingest::v1::OfferBatch* out = message.mutable_offer_batch();
  size_t next = 0;
  for (const Batch::Place& place : batch.places) {
    ingest::v1::Offer* offer = out->add_offers();
    offer->set_stream(place.number);
    if (place.refusal.has_value()) {
      context_->metrics->Refused(place.refusal->reason);
      offer->set_refused(place.refusal->reason);
      offer->set_refused_detail(ValidUtf8(place.refusal->detail));
      continue;
    }
    const bool is_asset = place.entry->is_asset();
    const StreamOffer* const made = is_asset ? nullptr : &offers[next++];
    const auto it = open_.find(place.number);
    if (it == open_.end() || it->second.entry != place.entry) {
      offer->set_refused(ingest::v1::REFUSAL_REASON_NOT_OPEN);
      offer->set_refused_detail("closed, or opened by a newer session");
      continue;
    }
    if (is_asset) {
      it->second.offered = true;
      offer->set_run(context_->decisions->Get()->ShownAs(place.entry->run().value()));
      FillAssetOffer(*place.entry, place.is_new, offer);
      continue;
    }
    if (const auto refusal = CheckOffer(*place.entry, *made); refusal.has_value()) {
      LetGo(place.number);
      context_->metrics->Refused(refusal->reason);
      offer->set_refused(refusal->reason);
      offer->set_refused_detail(ValidUtf8(refusal->detail));
      continue;
    }
    TakeOffer(place.number, *made);
    offer->set_run(context_->decisions->Get()->ShownAs(place.entry->run().value()));
    FillOffer(*place.entry, *made, place.is_new, offer);
  }
  Send(std::move(message));
}

}  // namespace tributary
