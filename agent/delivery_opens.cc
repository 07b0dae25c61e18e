// The part of Delivery that opens streams, compares files with offers, and deals with what goes
// wrong with one stream.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/delivery.h"
#include "common/eventfile/identity.h"
#include "common/utf8.h"

namespace tributary::agent {
namespace {

using ingest::v1::AgentMessage;
using ingest::v1::RefusalReason;

// Of one OpenBatch, whatever its limit on opens: names may be long.
constexpr uint64_t kOpenBatchBytesMax = 1u << 20;

// Of what is told about a stream.
constexpr size_t kDetailBytesMax = 1000;

// A file that could not be read or named so often in a row is not waited for by a drain.
constexpr int kTriesOfDrain = 3;

constexpr absl::Duration kRetryFirst = absl::Milliseconds(100);
constexpr absl::Duration kRetryCap = absl::Seconds(15);
// Space may be there any moment; the credit that is held back bounds what comes of asking.
constexpr absl::Duration kStoreFullRetry = absl::Seconds(2);
constexpr absl::Duration kBadOfferRetry = absl::Seconds(10);

// All streams are gone through for streams that may be closed, so not all the time.
constexpr absl::Duration kCloseEvery = absl::Seconds(1);

}  // namespace

void Delivery::QueueOpen(TailedFileId id, bool first) {
  Stream& stream = streams_.at(id);
  if (!in_session_ || stream.in_open_queue) return;
  stream.in_open_queue = true;
  if (first) {
    open_queue_.push_front(id);
  } else {
    open_queue_.push_back(id);
  }
}

std::optional<AgentMessage> Delivery::NextOpens() {
  if (opening_ > 0 || open_queue_.empty()) return std::nullopt;
  AgentMessage message;
  ingest::v1::OpenBatch* batch = message.mutable_open_batch();
  uint64_t bytes = 0;
  while (!open_queue_.empty() && bytes < kOpenBatchBytesMax &&
         static_cast<uint32_t>(batch->opens_size()) < std::max(1u, limits_.open_batch_max())) {
    const TailedFileId id = open_queue_.front();
    Stream& stream = streams_.at(id);
    const bool wanted =
        stream.state == StreamState::kUnopened && Present(id) && !stream.renewal_asked;
    if (wanted && !stream.open &&
        streams_.open_streams() >= static_cast<int64_t>(limits_.streams_max())) {
      if (!batch->opens().empty()) break;
      if (std::optional<AgentMessage> close = CloseGone()) return close;
      if (!std::exchange(told_streams_max_, true)) {
        deps_.log->Warn("more files than the collector takes from one agent",
                        {{"streams_max", limits_.streams_max()}, {"files", streams_.size()}});
      }
      break;
    }
    open_queue_.pop_front();
    stream.in_open_queue = false;
    if (!wanted) continue;
    if (absl::Status added = AddOpen(id, batch); !added.ok()) {
      const StreamTable::Retry* retry = streams_.FindRetry(id);
      const bool hopeless = retry != nullptr && retry->tries + 1 >= kTriesOfDrain;
      Defer(id, absl::ZeroDuration(), added.message(), hopeless);
      UpdateDrain(id);
      continue;
    }
    const ingest::v1::Open& open = *batch->opens().rbegin();
    bytes += open.path().size() + open.run().size() + open.run_why().size() + 128;
    streams_.SetOpen(&stream, true);
    SetState(id, StreamState::kOpening, "asked");
    ++opening_;
  }
  if (batch->opens().empty()) return std::nullopt;
  return message;
}

std::optional<AgentMessage> Delivery::CloseGone() {
  if (now() < next_close_) return std::nullopt;
  next_close_ = now() + kCloseEvery;
  AgentMessage message;
  ingest::v1::CloseStreams* const close = message.mutable_close_streams();
  for (TailedFileId id = 0; id < streams_.size(); ++id) {
    Stream& stream = streams_.at(id);
    // What was read of it is received: a byte that came after the end would be refused.
    const bool closable = stream.open && stream.state == StreamState::kGone && !stream.asset &&
                          !stream.renewal_asked && deps_.follower->position(id) <= stream.received;
    if (!closable) continue;
    close->add_streams(id);
    streams_.SetOpen(&stream, false);
  }
  if (close->streams().empty()) return std::nullopt;
  return message;
}

absl::Status Delivery::AddOpen(TailedFileId id, ingest::v1::OpenBatch* batch) {
  const TailedFile& tailed = file(id);
  // Nothing is known of a file that could not be looked at even once.
  if (!tailed.error.ok() && tailed.stat.inode == 0) return tailed.error;
  absl::StatusOr<StreamNaming> naming = deps_.namer(tailed, node_);
  if (!naming.ok()) return std::move(naming).status();
  const Stream& stream = streams_.at(id);
  ingest::v1::Open* open = batch->add_opens();
  open->set_stream(id);
  open->set_kind(stream.asset ? ingest::v1::STREAM_KIND_ASSET : ingest::v1::STREAM_KIND_EVENT);
  open->set_logdir_name(options_.logdir_names[static_cast<size_t>(tailed.root)]);
  open->set_path(tailed.relative_path);
  open->set_run(naming->run);
  asked_runs_[id] = std::move(naming->run);
  open->set_run_why(std::move(naming->why));
  open->set_merge(naming->merge);
  open->set_size_bytes(tailed.stat.size_bytes);
  if (stream.ask_offset != Stream::kNone) open->set_ask_offset(stream.ask_offset);
  *open->mutable_file() = std::move(naming->file);
  return absl::OkStatus();
}

void Delivery::OnOffers(const ingest::v1::OfferBatch& batch) {
  for (const ingest::v1::Offer& offer : batch.offers()) {
    if (!streams_.Has(offer.stream())) continue;
    OnOffer(offer);
    UpdateBehind(offer.stream());
    UpdateDrain(offer.stream());
  }
}

void Delivery::OnOffer(const ingest::v1::Offer& offer) {
  const TailedFileId id = offer.stream();
  Stream& stream = streams_.at(id);
  if (EndRenewal(id) && stream.state != StreamState::kRenewing) return;
  if (stream.state == StreamState::kOpening) {
    --opening_;
    CompareRun(id, offer);
  } else if (stream.state != StreamState::kRenewing) {
    return;  // An answer to a question that is not asked any more.
  }
  streams_.SetUnanswered(&stream, file(id).root, false);
  if (offer.refused() != ingest::v1::REFUSAL_REASON_UNSPECIFIED) {
    streams_.SetOpen(&stream, false);
    if (stream.asset && offer.refused() == ingest::v1::REFUSAL_REASON_UNSUPPORTED) {
      GiveUpAssets();
      MarkGone(id);
    } else {
      DeferRefused(id, offer.refused(), offer.refused_detail());
    }
    return;
  }
  if (!Present(id)) {
    MarkGone(id);
    return;
  }
  if (stream.asset) {
    OnAssetOffer(id, offer);
    return;
  }
  if (offer.overwritten()) {
    Defer(id, options_.overwritten_retry, "rewritten again and again, frozen by the collector",
          /*hopeless=*/true);
    return;
  }
  const uint64_t position = deps_.follower->position(id);
  const bool known = same_collector_ && !stream.compare && stream.accepted &&
                     stream.ask_offset == Stream::kNone &&
                     offer.generation() == stream.generation && stream.received <= offer.offset() &&
                     offer.offset() <= position;
  if (known) {
    // This very run of the collector took these bytes from this process.
    deps_.follower->Rewind(id, offer.offset());
    stream.received = offer.offset();
    stream.durable = std::max(stream.durable, offer.durable());
    GoLive(id);
    return;
  }
  CompareWithOffer(id, offer);
}

void Delivery::CompareRun(TailedFileId id, const ingest::v1::Offer& offer) {
  const auto asked = asked_runs_.extract(id);
  if (told_kept_run_ || asked.empty() || offer.run().empty() || offer.run() == asked.mapped()) {
    return;
  }
  told_kept_run_ = true;
  deps_.log->Info("a run keeps the name it has, the template gives another; plan lists all such",
                  {{"file", PathOf(id)}, {"kept", offer.run()}, {"template", asked.mapped()}});
}

bool Delivery::EndRenewal(TailedFileId id) {
  if (!std::exchange(streams_.at(id).renewal_asked, false)) return false;
  // It had to wait for this.
  if (streams_.at(id).state == StreamState::kUnopened) QueueOpen(id, /*first=*/true);
  return true;
}

void Delivery::CompareWithOffer(TailedFileId id, const ingest::v1::Offer& offer) {
  Stream& stream = streams_.at(id);
  stream.generation = offer.generation();
  if (offer.offset() == 0) {
    Accept(id, offer);
    return;
  }
  const uint64_t size = file_size(id);
  if (size < offer.offset()) {
    if (stream.ask_offset != Stream::kNone && offer.offset() > stream.ask_offset) {
      Defer(id, kBadOfferRetry, "the collector offered more than was asked for", false);
    } else {
      Ask(id, size);
    }
    return;
  }
  std::vector<ByteRange> unfilled;
  for (const ingest::v1::Range& range : offer.unfilled()) {
    unfilled.push_back({range.offset(), range.length()});
  }
  absl::StatusOr<ReadableFile*> opened = deps_.tailer->Open(id);
  absl::StatusOr<Fingerprint> ours = opened.ok()
                                         ? FingerprintAt(*opened, offer.offset(), unfilled)
                                         : absl::StatusOr<Fingerprint>(std::move(opened).status());
  if (!ours.ok()) {
    // OutOfRange too: it became shorter since the last look, and the next one will tell.
    const bool shorter = absl::IsOutOfRange(ours.status());
    if (!shorter) Report(id, ingest::v1::SOURCE_STATE_UNREADABLE, ours.status().message());
    const StreamTable::Retry* retry = streams_.FindRetry(id);
    const bool hopeless = retry != nullptr && retry->tries + 1 >= kTriesOfDrain;
    Defer(id, absl::ZeroDuration(), ours.status().message(), hopeless && !shorter);
    return;
  }
  const Fingerprint theirs{offer.offset(), offer.tail_crc32c(), offer.head_crc32c()};
  if (*ours == theirs) {
    Accept(id, offer);
    return;
  }
  StartNewGeneration(id, ours->head_crc32c != theirs.head_crc32c
                             ? "the first bytes"
                             : absl::StrCat("bytes before offset ", offer.offset()));
}

void Delivery::Accept(TailedFileId id, const ingest::v1::Offer& offer) {
  Stream& stream = streams_.at(id);
  std::vector<ByteRange> unfilled;
  for (const ingest::v1::Range& range : offer.unfilled()) {
    unfilled.push_back({range.offset(), range.length()});
  }
  if (absl::Status started = deps_.follower->Start(id, offer.offset(), unfilled); !started.ok()) {
    stream.compare = true;
    Defer(id, absl::ZeroDuration(), started.message(), false);
    return;
  }
  stream.accepted = true;
  stream.compare = false;
  stream.received = std::max(offer.received(), offer.offset());
  stream.durable = offer.durable();
  if (stream.received <= offer.offset()) {
    GoLive(id);
    return;
  }
  // Equal as far as it goes. The collector keeps what it has, and we wait for the rest to come
  // back.
  stream.compare = true;
  stream.ask_offset = offer.offset();
  stream.changed = false;
  SetState(id, StreamState::kShorter, "equal, and shorter than what was sent");
  Report(id, ingest::v1::SOURCE_STATE_SHORTER, "");
  const uint64_t size = file_size(id);
  if (size != offer.offset()) Ask(id, size);
}

void Delivery::GoLive(TailedFileId id) {
  Stream& stream = streams_.at(id);
  stream.ask_offset = Stream::kNone;
  stream.hopeless = false;
  SetState(id, StreamState::kLive, "accepted");
  Report(id, ingest::v1::SOURCE_STATE_LIVE, "");
  if (std::exchange(stream.changed, false)) {
    OnLiveChanged(id);
  } else {
    QueueBytes(id);
  }
  if (stream.state == StreamState::kLive && deps_.follower->watches(id)) LookAtRanges(id);
}

void Delivery::Ask(TailedFileId id, uint64_t offset) {
  Stream& stream = streams_.at(id);
  stream.ask_offset = offset;
  SetState(id, StreamState::kUnopened, "shorter than what was sent");
  QueueOpen(id, /*first=*/true);
}

void Delivery::Reopen(TailedFileId id, absl::string_view why) {
  streams_.at(id).ask_offset = Stream::kNone;
  SetState(id, StreamState::kUnopened, why);
  QueueOpen(id, /*first=*/true);
}

void Delivery::StartNewGeneration(TailedFileId id, absl::string_view cause) {
  Stream& stream = streams_.at(id);
  deps_.log->Info("file was rewritten: sent again from its start",
                  {{"file", PathOf(id)}, {"differs", cause}, {"generation", stream.generation}});
  ++new_generations_total_;
  stream.compare = true;
  stream.accepted = false;
  stream.received = 0;
  stream.durable = 0;
  SetState(id, StreamState::kRenewing, cause);
  AgentMessage message;
  stream.renewal_asked = true;
  ingest::v1::NewGeneration* generation = message.mutable_new_generation();
  generation->set_stream(id);
  generation->set_differs_from_generation(stream.generation);
  generation->set_cause(std::string(cause));
  control_.push_back(std::move(message));
}

void Delivery::Report(TailedFileId id, ingest::v1::SourceState state, absl::string_view detail) {
  Stream& stream = streams_.at(id);
  if (!in_session_ || !stream.open) return;
  // A file that stays shorter is told again with its new size.
  if (stream.reported == state && state != ingest::v1::SOURCE_STATE_SHORTER) return;
  stream.reported = state;
  AgentMessage message;
  ingest::v1::StreamReport* report = message.mutable_stream_report();
  report->set_stream(id);
  report->set_state(state);
  report->set_size_bytes(state == ingest::v1::SOURCE_STATE_GONE ? 0 : file_size(id));
  // A path may be any bytes; the other side takes text only.
  report->set_detail(ValidUtf8(detail.substr(0, kDetailBytesMax)));
  control_.push_back(std::move(message));
}

void Delivery::MarkGone(TailedFileId id) {
  Stream& stream = streams_.at(id);
  streams_.SetUnanswered(&stream, file(id).root, false);
  Report(id, ingest::v1::SOURCE_STATE_GONE, "");
  SetState(id, StreamState::kGone, "gone");
  stream.compare = true;
}

void Delivery::Block(TailedFileId id, const absl::Status& error) {
  Stream& stream = streams_.at(id);
  StreamTable::Retry& retry = streams_.retry(id);
  ++retry.tries;
  retry.due = now() + RetryDelay(retry.tries);
  retry.why = absl::StrCat("unreadable: ", error.message());
  stream.hopeless = retry.tries >= kTriesOfDrain;
  if (retry.tries == 1) {
    deps_.log->Warn("file cannot be read, will be tried again",
                    {{"file", PathOf(id)}, {"error", error}});
  }
  SetState(id, StreamState::kBlocked, retry.why);
  Report(id, ingest::v1::SOURCE_STATE_UNREADABLE, error.message());
  AddTimer(retry.due, id);
  UpdateDrain(id);
}

void Delivery::Defer(TailedFileId id, absl::Duration delay, absl::string_view why, bool hopeless) {
  Stream& stream = streams_.at(id);
  StreamTable::Retry& retry = streams_.retry(id);
  ++retry.tries;
  if (delay == absl::ZeroDuration()) delay = RetryDelay(retry.tries);
  retry.due = now() + delay;
  retry.why = std::string(why);
  stream.hopeless = hopeless;
  if (retry.tries == 1) {
    deps_.log->Warn("file waits",
                    {{"file", PathOf(id)}, {"why", why}, {"again_in_seconds", delay}});
  }
  SetState(id, StreamState::kDeferred, why);
  AddTimer(retry.due, id);
}

absl::Duration Delivery::RetryDelay(int tries) {
  absl::Duration delay = kRetryFirst;
  for (int i = 1; i < tries && delay < kRetryCap; ++i) delay *= 2;
  return std::min(delay, kRetryCap) * (0.5 + deps_.random->Unit() / 2);
}

void Delivery::DeferRefused(TailedFileId id, RefusalReason reason, absl::string_view detail) {
  const std::string why =
      absl::StrCat("refused: ", ingest::v1::RefusalReason_Name(reason), ": ", detail);
  switch (reason) {
    case ingest::v1::REFUSAL_REASON_STORE_FULL:
      if (is_asset(id)) {
        // Each try costs a part: later and later.
        Defer(id, absl::ZeroDuration(), why, /*hopeless=*/false);
        break;
      }
      Defer(id, kStoreFullRetry * (0.5 + deps_.random->Unit()), why, /*hopeless=*/false);
      break;
    case ingest::v1::REFUSAL_REASON_STORE_FAILED:
      deps_.log->Error("the collector cannot write this file's mirror",
                       {{"file", PathOf(id)}, {"detail", detail}});
      Defer(id, options_.store_failed_retry, why, /*hopeless=*/true);
      break;
    case ingest::v1::REFUSAL_REASON_LIMIT:
    case ingest::v1::REFUSAL_REASON_PATH:
    case ingest::v1::REFUSAL_REASON_UNSUPPORTED:
      Defer(id, options_.refused_retry, why, /*hopeless=*/true);
      break;
    default:
      Defer(id, absl::ZeroDuration(), why, /*hopeless=*/false);
      break;
  }
}

void Delivery::OnRefusal(const ingest::v1::Refusal& refusal) {
  ++refusals_total_;
  const TailedFileId id = refusal.stream();
  if (!streams_.Has(id)) return;
  Stream& stream = streams_.at(id);
  const RefusalReason reason = refusal.reason();
  // Then no offer comes.
  if (reason == ingest::v1::REFUSAL_REASON_NOT_OPEN) EndRenewal(id);
  const bool about_bytes =
      reason == ingest::v1::REFUSAL_REASON_GAP || reason == ingest::v1::REFUSAL_REASON_CONFLICT;
  switch (stream.state) {
    case StreamState::kLive:
    case StreamState::kBlocked:
    case StreamState::kShorter:
      break;
    case StreamState::kRenewing:
      if (about_bytes) return;  // Of the generation that is being left.
      break;
    case StreamState::kUnopened:
    case StreamState::kOpening:
    case StreamState::kDeferred:
    case StreamState::kGone:
      return;  // Of bytes that will be sent again anyhow, if they still can be.
  }
  deps_.log->Warn("the collector refused bytes, the file is compared again",
                  {{"file", PathOf(id)},
                   {"reason", ingest::v1::RefusalReason_Name(reason)},
                   {"detail", refusal.detail()}});
  switch (reason) {
    case ingest::v1::REFUSAL_REASON_CONFLICT:
      if (!stream.asset) deps_.follower->ForgetFills(id);
      [[fallthrough]];
    case ingest::v1::REFUSAL_REASON_GAP:
    case ingest::v1::REFUSAL_REASON_GENERATION:
    case ingest::v1::REFUSAL_REASON_STORE_LOST:
    case ingest::v1::REFUSAL_REASON_NOT_OPEN: {
      stream.compare = true;
      if (reason == ingest::v1::REFUSAL_REASON_NOT_OPEN) streams_.SetOpen(&stream, false);
      // The first time at once; without progress since then, later and later.
      StreamTable::Retry& retry = streams_.retry(id);
      if (retry.tries == 0) {
        retry.tries = 1;
        retry.due = now();
        retry.why = "refused by the collector";
        Reopen(id, refusal.detail());
      } else {
        Defer(id, absl::ZeroDuration(), refusal.detail(), /*hopeless=*/false);
      }
      break;
    }
    default:
      DeferRefused(id, reason, refusal.detail());
      break;
  }
  UpdateDrain(id);
}

}  // namespace tributary::agent
