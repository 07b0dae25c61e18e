#include "collector/ingest/shard.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "collector/ingest/mirror_source.h"
#include "collector/ingest/zero_runs.h"
#include "common/check.h"
#include "common/status_macros.h"

namespace tributary {
namespace {

using ingest::v1::RefusalReason;

// Of one hole. A real one is one run of zeros.
constexpr size_t kUnfilledRunsMax = 16;
// What may go on as unfilled zeros ends so.
constexpr absl::string_view kUnfilledTail("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", kZeroRunBytesMin);

bool Covers(const ByteRange& range, const ByteRange& other) {
  return range.offset <= other.offset &&
         other.offset + other.length_bytes <= range.offset + range.length_bytes;
}

}  // namespace

Shard::Shard(const Options& options, const Dependencies& dependencies)
    : options_(options), deps_(dependencies) {}

Shard::State* Shard::Find(const std::shared_ptr<MirrorStream>& stream) {
  std::unique_ptr<State>& slot = streams_[stream->id()];
  if (slot == nullptr) {
    slot = std::make_unique<State>();
    slot->stream = stream;
    slot->rewinds = stream->rewinds();
    const StreamIdentity& identity = stream->identity();
    const absl::string_view name = BaseName(identity.path);
    if (!absl::EndsWith(name, ".profile-empty")) {
      EventFileIdentity file;
      file.run = stream->run();
      file.file_name = std::string(name);
      file.node = identity.node;
      file.logdir_name = identity.logdir_name;
      file.path = identity.path;
      file.merge = stream->merge();
      slot->index = deps_.index->AddFile(
          file, std::make_shared<MirrorSource>(deps_.files, stream->mirror_path()));
      StartCatchUp(slot.get());
    }
  } else if (!slot->suspended && slot->rewinds != stream->rewinds()) {
    Restart(slot.get());
  }
  return slot.get();
}

StreamProgress Shard::ProgressOf(const State& state) const {
  StreamProgress progress;
  progress.stream = state.stream->id();
  // First: a seal on the commit queue may come between, and then these numbers pass for old ones.
  progress.rewinds = state.stream->rewinds();
  progress.generation = state.stream->generation();
  progress.received = state.stream->received();
  progress.visible = state.index == nullptr || progress.received < state.awaited_end
                         ? progress.received
                         : std::min(progress.received, state.index->indexed_bytes());
  return progress;
}

std::shared_ptr<FileIndex> Shard::Adopt(const std::shared_ptr<MirrorStream>& stream) {
  State* state = Find(stream);
  if (state->catching_up && !state->loading) {
    state->loading = true;
    loading_.fetch_add(1, std::memory_order_relaxed);
  }
  return state->index;
}

StreamOffer Shard::Offer(const std::shared_ptr<MirrorStream>& stream,
                         std::optional<uint64_t> ask_offset) {
  State* state = Find(stream);
  StreamOffer offer;
  offer.index = state->index;
  if (state->suspended) {
    offer.status = absl::UnavailableError("a new generation is being started; open again");
    return offer;
  }
  if (stream->awaits_disk()) {
    offer.status = absl::ResourceExhaustedError("the disk has no room to put the stream in order");
    return offer;
  }
  offer.progress = ProgressOf(*state);
  const uint64_t received = offer.progress.received;
  const absl::StatusOr<Fingerprint> fingerprint =
      stream->FingerprintAt(std::min(ask_offset.value_or(received), received));
  if (!fingerprint.ok()) {
    offer.status = fingerprint.status();
    return offer;
  }
  state->dropping = false;
  state->rewinds_offered = offer.progress.rewinds;
  offer.fingerprint = *fingerprint;
  offer.durable = stream->durable();
  offer.unfilled = stream->unfilled();
  offer.overwritten = stream->overwritten();
  return offer;
}

AppendResult Shard::Append(std::vector<ShardSlice> slices) {
  AppendResult result;
  result.slices = slices.size();
  bool dirty = false;
  State* state = nullptr;
  for (const ShardSlice& slice : slices) {
    result.bytes += slice.data.size();
    if (state == nullptr || state->stream != slice.stream) state = Find(slice.stream);
    bool advanced = false;
    std::optional<SliceRefusal> refusal = AppendSlice(state, slice, &advanced);
    if (refusal.has_value()) {
      result.refused_bytes += slice.data.size();
      deps_.metrics->BytesRefused(slice.data.size());
      // UNSPECIFIED stands for "dropped behind an earlier refusal".
      if (refusal->reason == ingest::v1::REFUSAL_REASON_UNSPECIFIED) continue;
      if (refusal->reason == ingest::v1::REFUSAL_REASON_STORE_FULL) result.store_full = true;
      result.refusals.push_back(*std::move(refusal));
      continue;
    }
    dirty = dirty || advanced;
    const StreamProgress progress = ProgressOf(*state);
    if (!result.progress.empty() && result.progress.back().stream == progress.stream) {
      result.progress.back() = progress;
    } else {
      result.progress.push_back(progress);
    }
  }
  if (dirty) deps_.events->OnDirty();
  return result;
}

std::optional<SliceRefusal> Shard::AppendSlice(State* state, const ShardSlice& slice,
                                               bool* advanced) {
  MirrorStream* const stream = state->stream.get();
  if (state->dropping || state->suspended) return SliceRefusal();
  if (slice.generation != stream->generation()) {
    state->dropping = true;
    SliceRefusal refusal;
    refusal.number = slice.number;
    refusal.stream = stream->id();
    refusal.reason = ingest::v1::REFUSAL_REASON_GENERATION;
    refusal.detail = absl::StrCat("generation ", slice.generation.value(), ", the stream is at ",
                                  stream->generation().value(), ": open it again");
    return refusal;
  }
  const uint64_t before = stream->received();
  const bool in_step = state->index != nullptr && state->index->indexed_bytes() == before;
  const absl::Status status = stream->Append(slice.offset, slice.data);
  if (!status.ok()) {
    SliceRefusal refusal = RefuseBy(status, *state, slice.number);
    // A full store is waited for; the rest needs a comparison of bytes.
    state->dropping = refusal.reason != ingest::v1::REFUSAL_REASON_STORE_FULL;
    if (!absl::IsResourceExhausted(status)) {
      deps_.log->Warn("bytes refused", {{"node", stream->identity().node},
                                        {"path", stream->identity().path},
                                        {"offset", slice.offset},
                                        {"reason", ingest::v1::RefusalReason_Name(refusal.reason)},
                                        {"detail", status}});
    }
    return refusal;
  }
  // Not asked of the stream: a commit may seal it at any moment, and then it goes back.
  const uint64_t end = slice.offset + slice.data.size();
  const uint64_t stored = end > before ? end - before : 0;
  *advanced = stored > 0;
  deps_.metrics->BytesStored(stored);
  deps_.metrics->BytesRepeated(slice.data.size() - stored);
  if (state->index == nullptr || stored == 0 || state->rewinds != stream->rewinds()) {
    return std::nullopt;
  }
  if (in_step) {
    Feed(state, absl::string_view(slice.data).substr(slice.data.size() - stored));
  } else {
    if (Awaits(*state) && absl::EndsWith(slice.data, kUnfilledTail)) {
      state->fed_at = deps_.clock->Monotonic();
      WatchZeros(state);
    }
    StartCatchUp(state);
  }
  return std::nullopt;
}

SliceRefusal Shard::RefuseBy(const absl::Status& status, const State& state, uint32_t number) {
  SliceRefusal refusal;
  refusal.number = number;
  refusal.stream = state.stream->id();
  refusal.detail = std::string(status.message());
  // A write that failed seals the stream at the next commit.
  if (absl::IsInternal(status)) deps_.events->OnDirty();
  switch (status.code()) {
    case absl::StatusCode::kOutOfRange:
      refusal.reason = ingest::v1::REFUSAL_REASON_GAP;
      refusal.wanted_offset = state.stream->received();
      break;
    case absl::StatusCode::kAlreadyExists:
      refusal.reason = ingest::v1::REFUSAL_REASON_CONFLICT;
      refusal.wanted_offset = state.stream->received();
      break;
    case absl::StatusCode::kResourceExhausted:
      refusal.reason = ingest::v1::REFUSAL_REASON_STORE_FULL;
      refusal.wanted_offset = state.stream->received();
      break;
    default:
      // Sealed just now or soon, and then written to again; or stopped until an operator acts.
      refusal.reason = state.stream->health().ok() ? ingest::v1::REFUSAL_REASON_STORE_LOST
                                                   : ingest::v1::REFUSAL_REASON_STORE_FAILED;
  }
  return refusal;
}

std::optional<SliceRefusal> Shard::Fill(const FillOrder& order) {
  State* state = Find(order.stream);
  SliceRefusal refusal;
  refusal.number = order.number;
  refusal.stream = order.stream->id();
  if (state->suspended || order.generation != order.stream->generation()) {
    refusal.reason = ingest::v1::REFUSAL_REASON_GENERATION;
    refusal.detail = absl::StrCat("fill for generation ", order.generation.value());
    return refusal;
  }
  const absl::Status status = order.stream->Fill(order.offset, order.data);
  if (!status.ok()) return RefuseBy(status, *state, order.number);
  deps_.metrics->FillTaken(order.data.size());
  PendingFill fill;
  fill.stream = order.stream->id();
  fill.number = order.number;
  fill.session = order.session;
  fill.generation = order.generation;
  fill.range = {order.offset, order.data.size()};
  fills_.push_back(fill);
  if (state->index != nullptr) {
    state->filled_from = std::min(state->filled_from.value_or(order.offset), order.offset);
  }
  deps_.events->OnDirty();
  return std::nullopt;
}

void Shard::Suspend(const std::shared_ptr<MirrorStream>& stream) { Find(stream)->suspended = true; }

StreamOffer Shard::Resume(const std::shared_ptr<MirrorStream>& stream) {
  const auto it = streams_.find(stream->id());
  CHECK(it != streams_.end() && it->second->suspended, "Stream ", stream->id().value(),
        " is resumed and was not suspended.");
  it->second->suspended = false;
  TakeFills(it->second.get());
  if (it->second->index != nullptr) StartCatchUp(it->second.get());
  return Offer(stream, std::nullopt);
}

ShardNotes Shard::Note() {
  ShardNotes notes;
  notes.fills = std::exchange(fills_, {});
  for (const PendingFill& fill : notes.fills) TakeFills(streams_.at(fill.stream).get());
  notes.notes = deps_.store->NoteDirty(options_.number);
  return notes;
}

StreamProgress Shard::Rewind(const std::shared_ptr<MirrorStream>& stream) {
  State* state = Find(stream);
  const StreamProgress progress = ProgressOf(*state);
  if (state->rewinds_offered < progress.rewinds) state->dropping = true;
  return progress;
}

void Shard::Feed(State* state, absl::string_view bytes) {
  state->awaited_end = 0;
  state->index->Append(bytes);
  state->fed_at = deps_.clock->Monotonic();
  const uint64_t indexed = state->index->indexed_bytes();
  const uint64_t boundary = state->index->boundary_offset();
  // While it catches up, the row's boundary is the better one.
  if (indexed == state->stream->received()) {
    state->stream->SetBoundary(boundary, state->index->framing_holds());
    if (std::exchange(state->anew, false)) state->index->Show();
  }
  if (state->hole_begin.has_value()) NoteHole(state);
  LookAtZeros(state);
  if (indexed - boundary > options_.held_bytes_max) AwaitRecord(state);
}

void Shard::AwaitRecord(State* state) {
  const uint64_t end = state->index->awaited_end();
  if (end > 0 && state->index->Rewind()) state->awaited_end = end;
}

bool Shard::Awaits(const State& state) { return state.stream->received() < state.awaited_end; }

void Shard::Restart(State* state) {
  state->rewinds = state->stream->rewinds();
  if (state->index == nullptr) return;
  state->index->Reset();
  state->filled_from.reset();
  state->anew = false;
  state->awaited_end = 0;
  state->hole_begin.reset();
  StartCatchUp(state);
}

void Shard::TakeFills(State* state) {
  // Suspended: Resume comes back to it.
  if (!state->filled_from.has_value() || state->suspended) return;
  const uint64_t filled_from = *std::exchange(state->filled_from, std::nullopt);
  // A new index that has not come so far yet finds them by itself.
  if (state->anew && state->index->indexed_bytes() <= filled_from) return;
  // Records that were damage may be whole now.
  state->index->BeginAnew();
  state->anew = true;
  state->awaited_end = 0;
  state->hole_begin.reset();
  StartCatchUp(state);
}

void Shard::StartCatchUp(State* state) {
  if (state->catching_up || Awaits(*state)) return;
  if (state->index->indexed_bytes() >= state->stream->received()) return;
  state->catching_up = true;
  deps_.queue->Post([this, id = state->stream->id()] { CatchUp(id); });
}

absl::StatusOr<std::string> Shard::ReadBehind(const State& state) const {
  const uint64_t indexed = state.index->indexed_bytes();
  const uint64_t received = state.stream->received();
  if (indexed >= received) return std::string();
  const uint64_t awaited = state.awaited_end > indexed ? state.awaited_end - indexed : 0;
  ASSIGN_OR_RETURN(std::unique_ptr<ReadableFile> file,
                   deps_.files->OpenReadable(state.stream->mirror_path()));
  std::string bytes(std::min(received - indexed, std::max(options_.catch_up_part_bytes, awaited)),
                    '\0');
  ASSIGN_OR_RETURN(const size_t read, file->ReadAt(indexed, absl::MakeSpan(bytes)));
  if (read == 0) {
    return absl::DataLossError(absl::StrCat(state.stream->mirror_path(), " ends at ", indexed,
                                            ", the store has ", received, " bytes"));
  }
  bytes.resize(read);
  return bytes;
}

void Shard::CatchUp(StreamId id) {
  State* state = streams_.at(id).get();
  state->catching_up = false;
  if (state->suspended) {  // Resume goes on.
    EndLoading(state);
    return;
  }
  if (state->rewinds != state->stream->rewinds()) {
    Restart(state);
    if (!state->catching_up) EndLoading(state);
    return;
  }
  absl::StatusOr<std::string> bytes = ReadBehind(*state);
  if (!bytes.ok()) {
    deps_.log->Error("mirror cannot be indexed; trying again",
                     {{"path", state->stream->mirror_path()}, {"error", bytes.status()}});
    state->catching_up = true;
    deps_.queue->PostAfter(options_.retry_after, [this, id] { CatchUp(id); });
  } else if (!bytes->empty()) {
    Feed(state, *bytes);
    // The next part is a task of its own: appends of other streams go between.
    StartCatchUp(state);
    if (!state->catching_up) deps_.events->OnProgress(ProgressOf(*state));
  }
  if (!state->catching_up) EndLoading(state);
}

void Shard::EndLoading(State* state) {
  if (!state->loading) return;
  state->loading = false;
  loading_.fetch_sub(1, std::memory_order_relaxed);
}

void Shard::LookAtZeros(State* state) {
  if (!state->index->at_zeros()) return;
  while (state->index->stuck_at_zeros()) TakeZeros(state);
  if (state->index->at_zeros()) WatchZeros(state);
}

void Shard::WatchZeros(State* state) {
  if (std::exchange(state->zeros_watched, true)) return;
  deps_.queue->PostAfter(options_.zeros_wait, [this, id = state->stream->id()] { ZerosStood(id); });
}

void Shard::ZerosStood(StreamId id) {
  State* state = streams_.at(id).get();
  state->zeros_watched = false;
  if (state->suspended || (!state->index->at_zeros() && !Awaits(*state))) return;
  const absl::Duration stood = deps_.clock->Monotonic() - state->fed_at;
  if (stood >= options_.zeros_wait) {
    NoteUnfilled(state, state->index->boundary_offset(), state->stream->received(),
                 /*at_end_only=*/true);
    return;
  }
  state->zeros_watched = true;
  deps_.queue->PostAfter(options_.zeros_wait - stood, [this, id] { ZerosStood(id); });
}

void Shard::TakeZeros(State* state) {
  state->hole_begin = state->index->boundary_offset();
  state->hole_noted_to = *state->hole_begin;
  state->index->TakeZerosAsDamage();
  state->stream->SetBoundary(state->index->boundary_offset(), state->index->framing_holds());
  NoteHole(state);
}

void Shard::NoteHole(State* state) {
  const uint64_t begin = *state->hole_begin;
  uint64_t end = state->index->indexed_bytes();
  if (state->index->framing_holds()) {
    // It ends where the record behind it was found.
    for (const Damage& damage : state->index->damage()) {
      if (damage.offset == begin) end = begin + damage.length_bytes;
    }
    state->hole_begin.reset();
  }
  NoteUnfilled(state, state->hole_noted_to, end);
  state->hole_noted_to = end;
}

void Shard::NoteUnfilled(State* state, uint64_t begin, uint64_t end, bool at_end_only) {
  MirrorStream* const stream = state->stream.get();
  const auto find = [&]() -> absl::StatusOr<std::vector<ByteRange>> {
    ASSIGN_OR_RETURN(const std::unique_ptr<ReadableFile> file,
                     deps_.files->OpenReadable(stream->mirror_path()));
    return at_end_only ? FindZerosAtEnd(file.get(), begin, end)
                       : FindZeroRuns(file.get(), begin, end, kUnfilledRunsMax);
  };
  const absl::StatusOr<std::vector<ByteRange>> runs = find();
  if (!runs.ok()) {
    deps_.log->Warn("unfilled zeros are not noted",
                    {{"path", stream->mirror_path()}, {"offset", begin}, {"error", runs.status()}});
    return;
  }
  for (const ByteRange& run : *runs) {
    const std::vector<ByteRange> known = stream->unfilled();
    if (std::any_of(known.begin(), known.end(),
                    [&](const ByteRange& range) { return Covers(range, run); })) {
      continue;
    }
    stream->AddUnfilled(run);
    deps_.events->OnDirty();
  }
}

}  // namespace tributary
