#include "agent/delivery.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace tributary::agent {
namespace {

using ingest::v1::AgentMessage;

// Between two looks at a file that ends before its size says so.
constexpr absl::Duration kStaleSizeRetry = absl::Seconds(1);

}  // namespace

Delivery::Delivery(const Options& options, Dependencies dependencies)
    : options_(options),
      deps_(std::move(dependencies)),
      streams_(options.logdir_names.size()),
      assets_(AssetSender::Options(), deps_.tailer, deps_.clock),
      batcher_(Batcher::Options()),
      listed_(options.logdir_names.size(), false) {}

std::string Delivery::PathOf(TailedFileId id) const {
  const TailedFile& tailed = file(id);
  const std::string& name = options_.logdir_names[static_cast<size_t>(tailed.root)];
  return name.empty() ? tailed.relative_path : absl::StrCat(name, "=", tailed.relative_path);
}

void Delivery::SetState(TailedFileId id, StreamState state, absl::string_view why) {
  Stream& stream = streams_.at(id);
  if (stream.state == state) return;
  if (deps_.log->enabled(LogLevel::kDebug)) {
    deps_.log->Debug("stream state", {{"file", PathOf(id)},
                                      {"from", StreamStateName(stream.state)},
                                      {"to", StreamStateName(state)},
                                      {"why", why}});
  }
  stream.state = state;
  if (stream.asset) {
    if (state != StreamState::kLive) assets_.Hold(id);
    return;
  }
  if (state != StreamState::kLive) batcher_.Remove(id);
  if (state != StreamState::kLive && state != StreamState::kBlocked) {
    // What was sent and not received is read again from where the next offer says.
    streams_.SetInFlight(&stream, 0);
  }
}

void Delivery::OnChanged(const std::vector<TailedFileId>& ids) {
  TellUnlisted();
  // Newest first, as the tailer says; what is put to the front later overtakes.
  for (const TailedFileId id : ids) {
    while (!streams_.Has(id)) {
      const auto next = static_cast<TailedFileId>(streams_.size());
      streams_.Ensure(next);
      streams_.at(next).asset = !IsEventFileName(BaseName(file(next).relative_path));
    }
    OnFileChanged(id);
    UpdateBehind(id);
    UpdateDrain(id);
  }
}

void Delivery::TellUnlisted() {
  for (const UnlistedDirectory& directory : deps_.tailer->TakeNewlyUnlisted()) {
    deps_.log->Warn("cannot list a directory, nothing in it is delivered, trying again",
                    {{"reason", directory.error.message()}});
  }
}

void Delivery::OnFileChanged(TailedFileId id) {
  Stream& stream = streams_.at(id);
  if (stream.asset) {
    NoteSize(id);
  } else {
    deps_.follower->NoteChange(id);
  }
  const TailedFile& tailed = file(id);
  if (!Present(id)) {
    if (!tailed.error.ok()) {
      deps_.log->Warn("file cannot be looked at, will be tried again",
                      {{"file", PathOf(id)}, {"error", tailed.error}});
    }
    // An offer that is still to come finds out by itself.
    if (stream.state != StreamState::kGone && stream.state != StreamState::kOpening) MarkGone(id);
    return;
  }
  if (stream.waited_for && tailed.error.ok() && file_size(id) < stream.drain_to) {
    streams_.WaitFor(&stream, file_size(id));
  }
  switch (stream.state) {
    case StreamState::kGone:
      stream.compare = true;
      SetState(id, StreamState::kUnopened, "came back");
      QueueOpen(id, /*first=*/true);
      break;
    case StreamState::kUnopened:
      stream.changed = true;
      if (in_session_ && !stream.open) streams_.SetUnanswered(&stream, tailed.root, true);
      QueueOpen(id, /*first=*/false);
      break;
    case StreamState::kOpening:
    case StreamState::kRenewing:
      stream.changed = true;
      break;
    case StreamState::kDeferred:
    case StreamState::kBlocked:
      // Their retry is due soon enough; a look that went well again is news too, and no reason to
      // read at once what just could not be read. But it is looked at before more of it is sent.
      stream.changed = true;
      break;
    case StreamState::kLive:
      OnLiveChanged(id);
      break;
    case StreamState::kShorter:
      if (tailed.error.ok() && file_size(id) != stream.ask_offset) {
        if (file_size(id) >= stream.received) {
          Reopen(id, "as long as before again");
        } else {
          Ask(id, file_size(id));
        }
      }
      break;
  }
}

void Delivery::OnLiveChanged(TailedFileId id) {
  Stream& stream = streams_.at(id);
  if (stream.asset) {
    assets_.Changed(id);
    return;
  }
  switch (deps_.follower->LookAgain(id)) {
    case Follower::Look::kSame:
      QueueBytes(id);
      if (deps_.follower->watches(id)) LookAtRanges(id);
      break;
    case Follower::Look::kShorter:
      stream.compare = true;
      Ask(id, file_size(id));
      break;
    case Follower::Look::kReplaced:
      stream.compare = true;
      Reopen(id, "another file with equal bytes");
      break;
    case Follower::Look::kDifferent:
      StartNewGeneration(id, "bytes that were sent before differ");
      break;
    case Follower::Look::kUnreadable:
      Block(id, deps_.follower->last_error());
      break;
  }
}

void Delivery::QueueBytes(TailedFileId id) {
  const uint64_t size = file_size(id);
  const uint64_t position = deps_.follower->position(id);
  if (streams_.at(id).state == StreamState::kLive && position < size) {
    batcher_.Add(id, size - position, now());
  }
}

void Delivery::LookAtRanges(TailedFileId id) {
  Stream& stream = streams_.at(id);
  const absl::Duration next = deps_.follower->LookAtRanges(id);
  if (deps_.follower->fills_pending(id) && !stream.in_fill_queue) {
    stream.in_fill_queue = true;
    fill_queue_.push_back(id);
  }
  if (next < absl::InfiniteDuration() && !stream.watch_timer) {
    stream.watch_timer = true;
    AddTimer(next, id);
  }
}

void Delivery::RunTimers() {
  const absl::Duration time = now();
  while (!timers_.empty() && timers_.top().first <= time) {
    const TailedFileId id = timers_.top().second;
    timers_.pop();
    Revisit(id);
    UpdateDrain(id);
  }
}

absl::Duration Delivery::next_timer() const {
  return timers_.empty() ? absl::InfiniteDuration() : timers_.top().first;
}

void Delivery::Revisit(TailedFileId id) {
  Stream& stream = streams_.at(id);
  const StreamTable::Retry* retry = streams_.FindRetry(id);
  const bool retry_due = retry == nullptr || retry->due <= now();
  switch (stream.state) {
    case StreamState::kDeferred:
      if (retry_due) Reopen(id, "tried again");
      break;
    case StreamState::kBlocked:
      if (!retry_due) break;
      SetState(id, StreamState::kLive, "tried again");
      OnLiveChanged(id);
      break;
    case StreamState::kLive:
      // Its time may have come because the bytes before the position have changed.
      stream.watch_timer = false;
      OnLiveChanged(id);
      break;
    default:
      break;
  }
}

void Delivery::UpdateBehind(TailedFileId id) {
  Stream& stream = streams_.at(id);
  const bool behind =
      Present(id) && (stream.asset ? !assets_.IsDurable(id) : stream.received < file_size(id));
  const bool was_behind = stream.behind_since > -absl::InfiniteDuration();
  if (behind && !was_behind) stream.behind_since = now();
  if (!behind) stream.behind_since = -absl::InfiniteDuration();
}

void Delivery::Begin(const ingest::v1::Welcome& welcome, bool same_collector) {
  in_session_ = true;
  same_collector_ = same_collector;
  node_ = welcome.node();
  limits_ = welcome.limits();
  credit_ = welcome.credit_bytes();
  first_credit_ = credit_;
  window_peak_ = credit_;
  busy_at_ = now();
  assets_refused_ = limits_.asset_bytes_max() == 0;
  told_streams_max_ = false;
  std::vector<TailedFileId> present;
  for (TailedFileId id = 0; id < streams_.size(); ++id) {
    Stream& stream = streams_.at(id);
    if (!same_collector) {
      // What another store had counts for nothing here.
      stream.compare = true;
      stream.accepted = false;
      stream.received = 0;
      stream.durable = 0;
    }
    stream.ask_offset = Stream::kNone;
    stream.reported = ingest::v1::SOURCE_STATE_LIVE;
    if (stream.asset) {
      NoteSize(id);
    } else {
      deps_.follower->RepeatFills(id);
    }
    if (!Present(id)) {
      SetState(id, StreamState::kGone, "session began");
      continue;
    }
    SetState(id, StreamState::kUnopened, "session began");
    streams_.ClearRetry(id);
    streams_.SetUnanswered(&stream, file(id).root, true);
    present.push_back(id);
  }
  std::sort(present.begin(), present.end(), [this](TailedFileId a, TailedFileId b) {
    return file(a).stat.modified > file(b).stat.modified;
  });
  for (const TailedFileId id : present) QueueOpen(id, /*first=*/false);
}

void Delivery::End() {
  in_session_ = false;
  batcher_.Clear();
  assets_.End();
  open_queue_.clear();
  fill_queue_.clear();
  control_.clear();
  opening_ = 0;
  asked_runs_.clear();
  credit_ = 0;
  listed_.assign(listed_.size(), false);
  for (TailedFileId id = 0; id < streams_.size(); ++id) {
    Stream& stream = streams_.at(id);
    stream.renewal_asked = false;
    stream.in_open_queue = false;
    stream.in_fill_queue = false;
    streams_.SetOpen(&stream, false);
    streams_.SetUnanswered(&stream, file(id).root, false);
    if (stream.state != StreamState::kGone) {
      const bool known = stream.state == StreamState::kLive ||
                         stream.state == StreamState::kUnopened ||
                         stream.state == StreamState::kOpening;
      if (!known) stream.compare = true;
      SetState(id, StreamState::kUnopened, "session ended");
    }
  }
}

void Delivery::OnCredit(const ingest::v1::Credit& credit) {
  credit_ += credit.bytes();
  window_peak_ = std::max(window_peak_, credit_ + streams_.in_flight_bytes());
}

void Delivery::OnAcks(const ingest::v1::Acks& acks) {
  for (const ingest::v1::Watermark& mark : acks.received()) {
    if (!streams_.Has(mark.stream()) || is_asset(mark.stream())) continue;
    Stream& stream = streams_.at(mark.stream());
    if (!stream.accepted || mark.generation() != stream.generation) continue;
    if (mark.offset() <= stream.received) continue;
    stream.received = mark.offset();
    if (stream.state == StreamState::kLive || stream.state == StreamState::kBlocked) {
      const uint64_t position = deps_.follower->position(mark.stream());
      streams_.SetInFlight(&stream, position - std::min(position, stream.received));
      // It makes progress: an earlier failure is forgotten.
      if (stream.state == StreamState::kLive) streams_.ClearRetry(mark.stream());
    }
    UpdateBehind(mark.stream());
  }
  for (const ingest::v1::Watermark& mark : acks.durable()) {
    if (!streams_.Has(mark.stream()) || is_asset(mark.stream())) continue;
    Stream& stream = streams_.at(mark.stream());
    if (!stream.accepted || mark.generation() != stream.generation) continue;
    stream.durable = std::max(stream.durable, mark.offset());
    UpdateDrain(mark.stream());
  }
}

void Delivery::OnFillAck(const ingest::v1::FillAck& ack) {
  if (!ack.durable() || !streams_.Has(ack.stream()) || is_asset(ack.stream())) return;
  if (ack.generation() != streams_.at(ack.stream()).generation) return;
  deps_.follower->FillDurable(ack.stream(), ack.range().offset(), ack.range().length());
}

bool Delivery::Idle() const {
  return batcher_.empty() && streams_.in_flight_bytes() == 0 && assets_.in_flight_bytes() == 0;
}

Batcher::Room Delivery::RoomNow() const {
  const uint64_t chunk_max = std::min(options_.chunk_bytes_max, limits_.chunk_bytes_max());
  return {.bytes_max = std::min(credit_, chunk_max),
          .full_bytes = std::max<uint64_t>(1, std::min(chunk_max, window_peak_ / 4)),
          .idle = streams_.in_flight_bytes() == 0};
}

std::optional<AgentMessage> Delivery::NextMessage() {
  CHECK(in_session_, "a message was asked for without a session");
  if (!control_.empty()) {
    AgentMessage message = std::move(control_.front());
    control_.pop_front();
    return message;
  }
  if (std::optional<AgentMessage> opens = NextOpens()) return opens;
  if (std::optional<AgentMessage> fill = NextFill()) return fill;
  // By turns, so that neither keeps the other waiting for longer than one message takes.
  if (assets_turn_) {
    if (std::optional<AgentMessage> part = NextAssetPart()) return part;
  }
  if (std::optional<AgentMessage> chunk = NextChunk()) return chunk;
  if (std::optional<AgentMessage> part = NextAssetPart()) return part;
  if (std::optional<AgentMessage> listing = NextListing()) return listing;
  return NextCreditReturn();
}

absl::Duration Delivery::next_message() const {
  if (!in_session_) return absl::InfiniteDuration();
  absl::Duration next = batcher_.next_send(RoomNow());
  if (AssetRoom() > 0) next = std::min(next, assets_.next_due());
  if (Idle() && credit_ > first_credit_) {
    next = std::min(next, busy_at_ + options_.credit_return);
  }
  return next;
}

std::optional<AgentMessage> Delivery::NextChunk() {
  const Batcher::Room room = RoomNow();
  if (!batcher_.ShouldSend(room, now())) return std::nullopt;
  AgentMessage message;
  *message.mutable_chunk() = batcher_.Build(
      room.bytes_max, std::max<uint32_t>(1, limits_.chunk_slices_max()), now(),
      [this](uint32_t stream, uint64_t bytes_max) { return ReadBlock(stream, bytes_max); });
  if (message.chunk().slices().empty()) return std::nullopt;
  uint64_t bytes = 0;
  for (const ingest::v1::Slice& slice : message.chunk().slices()) bytes += slice.data().size();
  CHECK(bytes <= credit_, bytes, " bytes for a credit of ", credit_);
  credit_ -= bytes;
  busy_at_ = now();
  sent_bytes_total_ += bytes;
  ++chunks_sent_total_;
  assets_turn_ = true;
  return message;
}

Batcher::Block Delivery::ReadBlock(TailedFileId id, uint64_t bytes_max) {
  Batcher::Block result;
  Stream& stream = streams_.at(id);
  if (stream.state != StreamState::kLive) return result;
  Follower::Block block = deps_.follower->Read(id, bytes_max, draining_);
  const uint64_t position = deps_.follower->position(id);
  switch (block.kind) {
    case Follower::Block::Kind::kBytes:
      result.generation = stream.generation;
      result.offset = block.offset;
      result.data = std::move(block.data);
      result.left_bytes = file_size(id) - std::min(file_size(id), position);
      streams_.SetInFlight(&stream, position - std::min(position, stream.received));
      stream.hopeless = false;
      Report(id, ingest::v1::SOURCE_STATE_LIVE, "");
      if (deps_.follower->watches(id) && !stream.watch_timer) LookAtRanges(id);
      break;
    case Follower::Block::Kind::kAtEnd:
      if (position < file_size(id)) AddTimer(now() + kStaleSizeRetry, id);
      break;
    case Follower::Block::Kind::kHeld:
      AddTimer(block.until, id);
      break;
    case Follower::Block::Kind::kUnreadable:
      Block(id, block.error);
      break;
    case Follower::Block::Kind::kChanged:
      // Looked at by the next step: not here, inside the batcher.
      AddTimer(now(), id);
      break;
  }
  return result;
}

std::optional<AgentMessage> Delivery::NextFill() {
  const uint64_t bytes_max = RoomNow().bytes_max;
  while (bytes_max > 0 && !fill_queue_.empty()) {
    const TailedFileId id = fill_queue_.front();
    Stream& stream = streams_.at(id);
    std::optional<Follower::Block> block;
    if (stream.state == StreamState::kLive) block = deps_.follower->NextFill(id, bytes_max);
    if (!block.has_value()) {
      stream.in_fill_queue = false;
      fill_queue_.pop_front();
      continue;
    }
    credit_ -= block->data.size();
    sent_bytes_total_ += block->data.size();
    busy_at_ = now();
    ++fills_sent_total_;
    AgentMessage message;
    ingest::v1::Fill* fill = message.mutable_fill();
    fill->set_stream(id);
    fill->set_generation(stream.generation);
    fill->set_offset(block->offset);
    fill->set_data(std::move(block->data));
    return message;
  }
  return std::nullopt;
}

std::optional<AgentMessage> Delivery::NextListing() {
  for (size_t root = 0; root < listed_.size(); ++root) {
    const int index = static_cast<int>(root);
    if (listed_[root] || streams_.unanswered(index) > 0) continue;
    if (!deps_.tailer->listing_complete(index)) continue;
    listed_[root] = true;
    AgentMessage message;
    message.mutable_listing_complete()->set_logdir_name(options_.logdir_names[root]);
    return message;
  }
  return std::nullopt;
}

std::optional<AgentMessage> Delivery::NextCreditReturn() {
  if (!Idle() || credit_ <= first_credit_ || now() < busy_at_ + options_.credit_return) {
    return std::nullopt;
  }
  AgentMessage message;
  message.mutable_credit_return()->set_bytes(credit_ - first_credit_);
  credit_ = first_credit_;
  window_peak_ = first_credit_;
  return message;
}

void Delivery::StartDrain(bool and_listing) {
  if (draining_) return;
  draining_ = true;
  drain_listing_ = and_listing;
  assets_.Flush();
  for (TailedFileId id = 0; id < streams_.size(); ++id) {
    if (!Present(id)) continue;
    streams_.WaitFor(&streams_.at(id), file_size(id));
    // What was held back goes now.
    if (in_session_ && !is_asset(id)) QueueBytes(id);
    UpdateDrain(id);
  }
}

void Delivery::UpdateDrain(TailedFileId id) {
  Stream& stream = streams_.at(id);
  if (!stream.waited_for) return;
  const bool done = stream.accepted && IsWhole(id, stream.drain_to);
  if (done || stream.hopeless || stream.state == StreamState::kGone) streams_.WaitNoMore(&stream);
}

bool Delivery::drained() const {
  if (!draining_ || streams_.waited_for() > 0) return false;
  if (!drain_listing_) return true;
  for (size_t root = 0; root < listed_.size(); ++root) {
    const bool can_be_told = deps_.tailer->listing_complete(static_cast<int>(root)) &&
                             streams_.unanswered(static_cast<int>(root)) == 0;
    if (!in_session_ || (can_be_told && !listed_[root])) return false;
  }
  return true;
}

}  // namespace tributary::agent
