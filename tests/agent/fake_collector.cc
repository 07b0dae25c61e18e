#include "tests/agent/fake_collector.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/eventfile/crc32c.h"

namespace tributary::agent {

using ingest::v1::AgentMessage;
using ingest::v1::CollectorMessage;

FakeCollector::FakeCollector(TaskQueue* queue) : queue_(queue) {
  limits.set_chunk_bytes_max(1u << 20);
  limits.set_chunk_slices_max(4096);
  limits.set_open_batch_max(1000);
  limits.set_streams_max(1'000'000);
  limits.set_path_bytes_max(4096);
  limits.set_asset_bytes_max(256u << 20);
  limits.set_heartbeat_nanos(absl::ToInt64Nanoseconds(absl::Seconds(5)));
  limits.set_dead_after_nanos(absl::ToInt64Nanoseconds(absl::Seconds(20)));
}

void FakeCollector::Tell(std::function<void(TransportEvents*)> what) {
  queue_->Post([this, connection = connection_, what = std::move(what)] {
    if (connection == connection_ && events_ != nullptr) what(events_);
  });
}

void FakeCollector::SendToAgent(CollectorMessage message) {
  if (mute || closing_) return;
  Tell([message = std::move(message)](TransportEvents* events) { events->OnMessage(message); });
}

void FakeCollector::CloseWith(absl::Status status) {
  if (events_ == nullptr || closing_) return;
  closing_ = true;
  Tell([this, status](TransportEvents* events) {
    events_ = nullptr;
    events->OnClosed(status);
  });
}

void FakeCollector::Connect(TransportEvents* events) {
  EXPECT_EQ(events_, nullptr) << "connected twice";
  ++connection_;
  ++connects_;
  events_ = events;
  sending_ = false;
  closing_ = false;
  open_.clear();
  credit_ = 0;
  if (!reachable) {
    CloseWith(absl::UnavailableError("collector host:1 cannot be reached: refused"));
    return;
  }
  Tell([](TransportEvents* told) { told->OnConnected(); });
}

void FakeCollector::Close() { CloseWith(absl::CancelledError("closed by the agent")); }

void FakeCollector::Break() {
  // What is on its way is lost.
  ++connection_;
  CloseWith(absl::UnavailableError("connection reset"));
}

void FakeCollector::AgentDied() {
  ++connection_;
  events_ = nullptr;
}

void FakeCollector::Restart() {
  Break();
  start_nonce = absl::StrCat(start_nonce, "+");
  for (auto& [key, kept] : mirrors_) {
    if (!kept.is_asset) kept.bytes.resize(kept.durable);
  }
}

void FakeCollector::Send(AgentMessage message) {
  ASSERT_NE(events_, nullptr) << "sent without a connection";
  ASSERT_FALSE(sending_) << "sent before OnSent";
  if (closing_) return;
  sending_ = true;
  messages_.push_back(message);
  if (goodbye_overtakes_sent && message.has_goodbye()) {
    Break();
    return;
  }
  Tell([this](TransportEvents* events) {
    sending_ = false;
    events->OnSent();
  });
  switch (message.message_case()) {
    case AgentMessage::kHello:
      OnHello(message.hello());
      break;
    case AgentMessage::kOpenBatch:
      if (answer_opens) OnOpens(message.open_batch());
      break;
    case AgentMessage::kChunk:
      OnChunk(message.chunk());
      break;
    case AgentMessage::kFill:
      OnFill(message.fill());
      break;
    case AgentMessage::kAssetPart:
      OnAssetPart(message.asset_part());
      break;
    case AgentMessage::kNewGeneration:
      OnNewGeneration(message.new_generation());
      break;
    case AgentMessage::kStreamReport: {
      Mirror* kept = Find(message.stream_report().stream());
      ASSERT_NE(kept, nullptr);
      kept->state = message.stream_report().state();
      break;
    }
    case AgentMessage::kCloseStreams:
      for (const uint32_t stream : message.close_streams().streams()) {
        ASSERT_NE(Find(stream), nullptr);
        open_.erase(stream);
      }
      break;
    case AgentMessage::kCreditReturn:
      Spend(message.credit_return().bytes());
      break;
    default:
      break;
  }
}

void FakeCollector::OnHello(const ingest::v1::Hello& hello) {
  hello_ = hello;
  if (!hold_welcome) AnswerHello();
}

void FakeCollector::AnswerHello() {
  CollectorMessage answer;
  if (refuse_hello.has_value()) {
    *answer.mutable_refusal() = *refuse_hello;
    SendToAgent(std::move(answer));
    return;
  }
  ingest::v1::Welcome* welcome = answer.mutable_welcome();
  welcome->set_protocol_version(1);
  welcome->set_store_id(store_id);
  welcome->set_start_nonce(start_nonce);
  welcome->set_node(hello_.node().name());
  welcome->set_credit_bytes(first_credit);
  *welcome->mutable_limits() = limits;
  credit_ = first_credit;
  SendToAgent(std::move(answer));
}

ingest::v1::Offer FakeCollector::MakeOffer(uint32_t stream, const Mirror& kept,
                                           std::optional<uint64_t> ask_offset) {
  ingest::v1::Offer offer;
  const uint64_t received = kept.bytes.size();
  const uint64_t offset = std::min<uint64_t>(ask_offset.value_or(received), received);
  const absl::string_view bytes = absl::string_view(kept.bytes).substr(0, offset);
  offer.set_stream(stream);
  offer.set_generation(kept.generation);
  offer.set_offset(offset);
  offer.set_tail_crc32c(Crc32c(bytes.substr(offset - std::min<uint64_t>(offset, 4096))));
  offer.set_head_crc32c(Crc32c(bytes.substr(0, 1024)));
  offer.set_received(received);
  offer.set_durable(kept.durable);
  for (const auto& [begin, length] : kept.unfilled) {
    ingest::v1::Range* range = offer.add_unfilled();
    range->set_offset(begin);
    range->set_length(length);
  }
  if (change_offer) change_offer(&offer);
  return offer;
}

void FakeCollector::OnOpens(const ingest::v1::OpenBatch& batch) {
  EXPECT_LE(static_cast<uint32_t>(batch.opens_size()), limits.open_batch_max());
  CollectorMessage answer;
  for (const ingest::v1::Open& open : batch.opens()) {
    const Key key(open.logdir_name(), open.path());
    const bool is_asset = open.kind() == ingest::v1::STREAM_KIND_ASSET;
    if (is_asset && !takes_assets) {
      ingest::v1::Offer* refused = answer.mutable_offer_batch()->add_offers();
      refused->set_stream(open.stream());
      refused->set_refused(ingest::v1::REFUSAL_REASON_UNSUPPORTED);
      continue;
    }
    open_[open.stream()] = key;
    if (is_asset) {
      Mirror& kept = mirrors_[key];
      kept.is_asset = true;
      kept.coming_bytes.clear();
      ingest::v1::Offer* offer = answer.mutable_offer_batch()->add_offers();
      offer->set_stream(open.stream());
      if (kept.version.has_value()) *offer->mutable_asset() = *kept.version;
      continue;
    }
    std::optional<uint64_t> ask_offset;
    if (open.has_ask_offset()) ask_offset = open.ask_offset();
    *answer.mutable_offer_batch()->add_offers() =
        MakeOffer(open.stream(), mirrors_[key], ask_offset);
  }
  SendToAgent(std::move(answer));
}

FakeCollector::Mirror* FakeCollector::Find(uint32_t stream) {
  const auto found = open_.find(stream);
  return found == open_.end() ? nullptr : &mirrors_[found->second];
}

void FakeCollector::Spend(uint64_t bytes) {
  ASSERT_LE(bytes, credit_) << "more than the credit held";
  credit_ -= bytes;
}

void FakeCollector::GiveCredit(uint64_t bytes) {
  credit_ += bytes;
  CollectorMessage message;
  message.mutable_credit()->set_bytes(bytes);
  SendToAgent(std::move(message));
}

void FakeCollector::OnChunk(const ingest::v1::Chunk& chunk) {
  uint64_t bytes = 0;
  EXPECT_GT(chunk.slices_size(), 0) << "an empty chunk";
  EXPECT_LE(static_cast<uint32_t>(chunk.slices_size()), limits.chunk_slices_max());
  for (const ingest::v1::Slice& slice : chunk.slices()) bytes += slice.data().size();
  EXPECT_LE(bytes, limits.chunk_bytes_max());
  Spend(bytes);
  payload_bytes_ += bytes;
  for (const ingest::v1::Slice& slice : chunk.slices()) OnSlice(slice);
  if (give_credit_back) GiveCredit(bytes);
}

void FakeCollector::OnSlice(const ingest::v1::Slice& slice) {
  EXPECT_FALSE(slice.data().empty()) << "an empty slice";
  Mirror* kept = Find(slice.stream());
  if (kept == nullptr) {
    Refuse(slice.stream(), ingest::v1::REFUSAL_REASON_NOT_OPEN);
    return;
  }
  if (refuse_slices_times > 0) {
    --refuse_slices_times;
    if (refuse_slices == ingest::v1::REFUSAL_REASON_NOT_OPEN) open_.erase(slice.stream());
    Refuse(slice.stream(), refuse_slices);
    return;
  }
  if (slice.generation() != kept->generation) {
    Refuse(slice.stream(), ingest::v1::REFUSAL_REASON_GENERATION);
    return;
  }
  if (slice.offset() > kept->bytes.size()) {
    Refuse(slice.stream(), ingest::v1::REFUSAL_REASON_GAP);
    return;
  }
  const size_t overlap = std::min<size_t>(kept->bytes.size() - slice.offset(), slice.data().size());
  if (absl::string_view(kept->bytes).substr(slice.offset(), overlap) !=
      absl::string_view(slice.data()).substr(0, overlap)) {
    Refuse(slice.stream(), ingest::v1::REFUSAL_REASON_CONFLICT);
    return;
  }
  kept->bytes.append(slice.data(), overlap, std::string::npos);
  Acknowledge(slice.stream(), *kept);
}

void FakeCollector::Acknowledge(uint32_t stream, const Mirror& kept) {
  CollectorMessage message;
  auto fill = [&](ingest::v1::Watermark* mark) {
    mark->set_stream(stream);
    mark->set_generation(kept.generation);
    mark->set_offset(kept.bytes.size());
  };
  if (acknowledge_received) fill(message.mutable_acks()->add_received());
  if (acknowledge_durable) {
    fill(message.mutable_acks()->add_durable());
    Find(stream)->durable = kept.bytes.size();
  }
  if (message.has_acks()) SendToAgent(std::move(message));
}

void FakeCollector::AcknowledgeAll() {
  acknowledge_received = true;
  acknowledge_durable = true;
  for (const auto& [stream, key] : open_) {
    if (!mirrors_[key].is_asset) Acknowledge(stream, mirrors_[key]);
  }
}

void FakeCollector::OnFill(const ingest::v1::Fill& fill) {
  Spend(fill.data().size());
  Mirror* kept = Find(fill.stream());
  ASSERT_NE(kept, nullptr);
  ASSERT_EQ(fill.generation(), kept->generation);
  ASSERT_LE(fill.offset() + fill.data().size(), kept->bytes.size());
  const std::string present = kept->bytes.substr(fill.offset(), fill.data().size());
  if (present != fill.data() && present.find_first_not_of('\0') != std::string::npos) {
    Refuse(fill.stream(), ingest::v1::REFUSAL_REASON_CONFLICT);
    return;
  }
  kept->bytes.replace(fill.offset(), fill.data().size(), fill.data());
  kept->unfilled.clear();
  CollectorMessage message;
  ingest::v1::FillAck* ack = message.mutable_fill_ack();
  ack->set_stream(fill.stream());
  ack->set_generation(fill.generation());
  ack->mutable_range()->set_offset(fill.offset());
  ack->mutable_range()->set_length(fill.data().size());
  ack->set_durable(acknowledge_durable);
  SendToAgent(std::move(message));
  if (give_credit_back) GiveCredit(fill.data().size());
}

void FakeCollector::OnAssetPart(const ingest::v1::AssetPart& part) {
  const uint64_t bytes = part.data().size();
  EXPECT_LE(bytes, limits.chunk_bytes_max());
  EXPECT_LE(part.version().size_bytes(), limits.asset_bytes_max());
  EXPECT_TRUE(bytes > 0 || part.version().size_bytes() == 0) << "an empty part";
  Spend(bytes);
  payload_bytes_ += bytes;
  if (on_part) on_part(part);
  Mirror* kept = Find(part.stream());
  if (kept == nullptr) {
    Refuse(part.stream(), ingest::v1::REFUSAL_REASON_NOT_OPEN);
  } else if (refuse_parts_times > 0) {
    --refuse_parts_times;
    if (refuse_parts == ingest::v1::REFUSAL_REASON_NOT_OPEN) open_.erase(part.stream());
    kept->dropping = true;
    Refuse(part.stream(), refuse_parts);
  } else {
    TakePart(part, kept);
  }
  if (give_credit_back) GiveCredit(bytes);
}

void FakeCollector::TakePart(const ingest::v1::AssetPart& part, Mirror* kept) {
  ASSERT_TRUE(kept->is_asset);
  if (kept->dropping && part.offset() > 0) return;
  if (part.offset() == 0) {
    kept->dropping = false;
    kept->coming_bytes.clear();
    kept->coming = part.version();
  }
  ASSERT_EQ(part.offset(), kept->coming_bytes.size()) << "a part that does not follow";
  ASSERT_EQ(part.version().size_bytes(), kept->coming.size_bytes());
  ASSERT_EQ(part.version().modified_unix_nanos(), kept->coming.modified_unix_nanos());
  kept->coming_bytes += part.data();
  ASSERT_EQ(part.last(), kept->coming_bytes.size() == part.version().size_bytes());
  CollectorMessage message;
  ingest::v1::AssetAck* ack = message.mutable_asset_ack();
  ack->set_stream(part.stream());
  *ack->mutable_version() = part.version();
  ack->set_received_bytes(kept->coming_bytes.size());
  if (acknowledge_parts) SendToAgent(message);
  if (!part.last()) return;
  ASSERT_EQ(part.version().crc32c(), Crc32c(kept->coming_bytes));
  if (!acknowledge_assets) return;
  kept->bytes = kept->coming_bytes;
  kept->version = part.version();
  ++kept->versions;
  ack->set_durable(true);
  SendToAgent(message);
}

void FakeCollector::OnNewGeneration(const ingest::v1::NewGeneration& message) {
  Mirror* kept = Find(message.stream());
  ASSERT_NE(kept, nullptr);
  ASSERT_EQ(message.differs_from_generation(), kept->generation);
  kept->superseded.push_back(std::exchange(kept->bytes, ""));
  kept->durable = 0;
  ++kept->generation;
  CollectorMessage answer;
  *answer.mutable_offer_batch()->add_offers() = MakeOffer(message.stream(), *kept, std::nullopt);
  SendToAgent(std::move(answer));
}

void FakeCollector::Refuse(uint32_t stream, ingest::v1::RefusalReason reason) {
  CollectorMessage message;
  message.mutable_refusal()->set_reason(reason);
  message.mutable_refusal()->set_detail("told to");
  message.mutable_refusal()->set_stream(stream);
  SendToAgent(std::move(message));
}

std::vector<const AgentMessage*> FakeCollector::Messages(AgentMessage::MessageCase kind) const {
  std::vector<const AgentMessage*> found;
  for (const AgentMessage& message : messages_) {
    if (message.message_case() == kind) found.push_back(&message);
  }
  return found;
}

}  // namespace tributary::agent
