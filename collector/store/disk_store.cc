#include "collector/store/disk_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "collector/store/durable_copy.h"
#include "collector/store/recovery.h"
#include "collector/store/rows.h"
#include "common/check.h"
#include "common/status_macros.h"

namespace tributary {
namespace {

constexpr int kStoreIdDigits = 32;
// More generations than that within the window: the source is rewritten again and again.
constexpr size_t kGenerationsMax = 3;
constexpr absl::Duration kGenerationsWindow = absl::Minutes(10);
constexpr absl::Duration kOverwrittenFor = absl::Hours(1);
// Between two tries for streams that await the disk, whose cost is a copy of theirs.
constexpr absl::Duration kTryAgainAfter = absl::Seconds(1);

std::string DamagedKey(absl::string_view key) { return absl::StrCat("damaged/", key); }

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const Options& options,
                                                   const Dependencies& dependencies) {
  auto store = std::make_unique<DiskStore>(options, dependencies);
  RETURN_IF_ERROR(store->Start());
  return store;
}

DiskStore::DiskStore(const Options& options, const Dependencies& dependencies)
    : options_(options),
      registry_(dependencies.registry),
      deps_{.files = dependencies.files,
            .clock = dependencies.clock,
            .random = dependencies.random,
            .registry = &registry_},
      space_(dependencies.files, options.data_dir, options.data_free_min_bytes) {
  CHECK(options.shards > 0, options.shards, " shards");
  environment_.files = deps_.files;
  environment_.clock = deps_.clock;
  environment_.space = &space_;
  environment_.data_dir = options.data_dir;
  const auto open_files_max =
      static_cast<size_t>(std::max(1, options.open_files_max / options.shards));
  for (int i = 0; i < options.shards; ++i) {
    shards_.push_back(std::make_unique<ShardFiles>(open_files_max));
  }
}

absl::Status DiskStore::Start() {
  RETURN_IF_ERROR(PrepareDirectories());
  // The first call also begins to watch for errors, before the first byte is written.
  absl::Status sync = deps_.files->SyncFileSystem(options_.data_dir);
  // Bytes of a process before this one for which there was no room, told once: recovery trusts none
  // that are not durable.
  if (absl::IsResourceExhausted(sync)) sync = deps_.files->SyncFileSystem(options_.data_dir);
  environment_.sync_each = absl::IsUnimplemented(sync);
  if (!environment_.sync_each) RETURN_IF_ERROR(sync);
  committer_ =
      std::make_unique<Committer>(options_.data_dir, environment_.sync_each,
                                  Committer::Dependencies{deps_.files, deps_.registry, &space_,
                                                          [this] { DistrustUnsynced(); }});
  assets_ = std::make_unique<AssetStore>(
      options_.data_dir, AssetStore::Dependencies{.files = deps_.files,
                                                  .clock = deps_.clock,
                                                  .registry = deps_.registry,
                                                  .space = &space_,
                                                  .committer = committer_.get(),
                                                  .names = &names_,
                                                  .failed_syncs = &environment_.failed_syncs});
  RETURN_IF_ERROR(space_.Start());
  RETURN_IF_ERROR(LoadIdentity());
  RETURN_IF_ERROR(nodes_.Load(deps_.registry));
  RETURN_IF_ERROR(LoadStreams());
  if (environment_.sync_each) RETURN_IF_ERROR(SyncSuperseded());
  std::vector<std::shared_ptr<MirrorFile>> streams;
  for (const auto& [id, stream] : streams_) streams.push_back(stream);
  return Recover(streams, environment_.sync_each);
}

absl::Status DiskStore::Recover(const std::vector<std::shared_ptr<MirrorFile>>& streams,
                                bool sync_each) {
  Recovery recovery(options_.data_dir, sync_each, {deps_.files, committer_.get()});
  ASSIGN_OR_RETURN(const auto left, recovery.Run(streams));
  unrecovered_.insert(unrecovered_.end(), left.begin(), left.end());
  return absl::OkStatus();
}

absl::Status DiskStore::RecoverAgain(std::vector<DurableAdvance>* advances) {
  std::vector<std::shared_ptr<MirrorFile>> streams = std::exchange(unrecovered_, {});
  std::erase_if(streams, [](const auto& stream) { return !stream->awaits_disk(); });
  if (streams.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(Recover(streams, /*sync_each=*/true));
  for (const std::shared_ptr<MirrorFile>& stream : streams) {
    if (!stream->awaits_disk()) advances->push_back(Committer::SealedAdvance(stream));
  }
  return absl::OkStatus();
}

absl::Status DiskStore::PrepareDirectories() {
  for (const char* name : {"logdir", "superseded"}) {
    RETURN_IF_ERROR(deps_.files->MakeDirectories(JoinPath(options_.data_dir, name)));
  }
  RETURN_IF_ERROR(deps_.files->SyncDirectory(options_.data_dir));
  return deps_.files->SyncDirectory(std::string(DirName(options_.data_dir)));
}

// A rename out of a directory is durable once that is synced too, and the process before may have
// failed to do so.
absl::Status DiskStore::SyncSuperseded() {
  const std::string superseded = JoinPath(options_.data_dir, "superseded");
  ASSIGN_OR_RETURN(const std::vector<std::string> names, deps_.files->List(superseded));
  for (const std::string& name : names) {
    const absl::Status synced = deps_.files->SyncDirectory(JoinPath(superseded, name));
    if (!synced.ok() && !absl::IsNotFound(synced))
      return synced;  // not found: no directory of ours
  }
  return absl::OkStatus();
}

absl::Status DiskStore::LoadIdentity() {
  ASSIGN_OR_RETURN(const std::optional<std::string> format, deps_.registry->Get(kFormatKey));
  ASSIGN_OR_RETURN(const std::optional<std::string> id, deps_.registry->Get(kStoreIdKey));
  if (!format.has_value()) {
    if (id.has_value()) return absl::DataLossError("the registry has no format row");
    store_id_ = deps_.random->Hex(kStoreIdDigits);
    return committer_->CommitToRegistry(
        {.expect = {{kFormatKey, std::nullopt}},
         .puts = {MakeTextEntry(kFormatKey, kFormatValue), MakeTextEntry(kStoreIdKey, store_id_)}});
  }
  ASSIGN_OR_RETURN(const std::string format_text, ParseText({kFormatKey, *format}));
  if (format_text != kFormatValue) {
    return absl::FailedPreconditionError(
        absl::StrCat("the store in ", options_.data_dir, " has format ", format_text,
                     "; this collector knows format ", kFormatValue));
  }
  if (!id.has_value()) return absl::DataLossError("the registry has no store id");
  ASSIGN_OR_RETURN(store_id_, ParseText({kStoreIdKey, *id}));
  return absl::OkStatus();
}

void DiskStore::PutAsideDamaged(const RegistryEntry& entry, RegistryTransaction* transaction) {
  transaction->deletes.push_back(entry.key);
  transaction->puts.push_back({DamagedKey(entry.key), entry.value});
}

MarkRow DiskStore::MarkOfUnknown(StreamId id) {
  MarkRow mark;
  const absl::StatusOr<std::vector<std::string>> names =
      deps_.files->List(absl::StrCat(options_.data_dir, "/superseded/", id.value()));
  if (!names.ok()) return mark;
  for (const std::string& name : *names) {
    uint64_t generation = 0;
    if (!absl::SimpleAtoi(name, &generation)) continue;
    mark.generation = std::max(mark.generation, Generation(generation + 1));
  }
  return mark;
}

absl::Status DiskStore::LoadStreams() {
  ASSIGN_OR_RETURN(const std::vector<RegistryEntry> mark_entries,
                   deps_.registry->List(kMarkPrefix));
  ASSIGN_OR_RETURN(const std::vector<RegistryEntry> stream_entries,
                   deps_.registry->List(kStreamPrefix));
  ASSIGN_OR_RETURN(const std::optional<std::string> next, deps_.registry->Get(kNextStreamKey));
  RegistryTransaction damaged;
  absl::flat_hash_map<StreamId, MarkRow> marks;
  for (const RegistryEntry& entry : mark_entries) {
    const absl::StatusOr<StreamId> id = IdOfKey(entry.key, kMarkPrefix);
    absl::StatusOr<MarkRow> row = ParseMarkRow(entry);
    if (id.ok()) names_.Saw(*id);
    if (id.ok() && row.ok()) {
      marks[*id] = *std::move(row);
    } else {
      PutAsideDamaged(entry, &damaged);
    }
  }
  for (const RegistryEntry& entry : stream_entries) {
    const absl::StatusOr<StreamId> id = IdOfKey(entry.key, kStreamPrefix);
    absl::StatusOr<StreamRow> row = ParseStreamRow(entry);
    if (id.ok()) names_.Saw(*id);
    if (!id.ok() || !row.ok()) {
      // Its file is taken over by the stream that the agent opens next.
      PutAsideDamaged(entry, &damaged);
      continue;
    }
    const auto mark = marks.find(*id);
    MakeStream(*id, *std::move(row), mark == marks.end() ? MarkOfUnknown(*id) : mark->second);
  }
  if (next.has_value()) {
    const absl::StatusOr<std::string> text = ParseText({kNextStreamKey, *next});
    uint64_t number = 0;
    if (text.ok() && absl::SimpleAtoi(*text, &number)) {
      names_.next_id = std::max(names_.next_id, number);
    }
  }
  std::vector<RegistryEntry> damaged_assets;
  RETURN_IF_ERROR(assets_->Load(&damaged_assets));
  for (const RegistryEntry& entry : damaged_assets) PutAsideDamaged(entry, &damaged);
  return damaged.puts.empty() ? absl::OkStatus() : committer_->CommitToRegistry(damaged);
}

std::shared_ptr<MirrorFile> DiskStore::MakeStream(StreamId id, StreamRow row, const MarkRow& mark) {
  names_.paths.Add(row.mirror_path);
  const auto shard = static_cast<size_t>(id.value() % shards_.size());
  auto stream = std::make_shared<MirrorFile>(&environment_, shards_[shard].get(),
                                             static_cast<int>(shard), id, std::move(row), mark);
  streams_[id] = stream;
  by_identity_[stream->identity()] = stream.get();
  return stream;
}

std::vector<std::shared_ptr<MirrorStream>> DiskStore::Streams() {
  std::vector<std::shared_ptr<MirrorStream>> streams;
  for (const auto& [id, stream] : streams_) streams.push_back(stream);
  return streams;
}

absl::StatusOr<std::vector<std::shared_ptr<MirrorStream>>> DiskStore::OpenStreams(
    absl::Span<const StreamRequest> requests) {
  struct New {
    StreamId id;
    StreamRow row;
    MarkRow mark;
  };
  std::vector<New> made;
  std::map<StreamIdentity, size_t> made_places;
  RegistryTransaction transaction;
  for (const StreamRequest& request : requests) {
    if (by_identity_.contains(request.identity)) continue;
    if (!made_places.try_emplace(request.identity, made.size()).second) continue;
    New stream;
    stream.id = StreamId(names_.next_id + made.size());
    stream.row = {.identity = request.identity,
                  .run = request.run,
                  .run_why = request.run_why,
                  .run_since = deps_.clock->Wall(),
                  .merge = request.merge,
                  .mirror_path = names_.paths.Choose(request.run, BaseName(request.identity.path))};
    transaction.expect.push_back({StreamKey(stream.id), std::nullopt});
    transaction.puts.push_back(MakeEntry(stream.id, stream.row));
    stream.mark = MarkOfUnknown(stream.id);
    transaction.puts.push_back(MakeEntry(stream.id, stream.mark));
    made.push_back(std::move(stream));
  }
  if (!made.empty()) {
    transaction.puts.push_back(StreamNames::NextIdEntry(names_.next_id + made.size()));
    const absl::Status committed = committer_->CommitToRegistry(transaction);
    for (const New& stream : made) names_.paths.Remove(stream.row.mirror_path);
    RETURN_IF_ERROR(committed);
    names_.next_id += made.size();
    std::vector<std::shared_ptr<MirrorFile>> streams;
    for (New& stream : made) {
      streams.push_back(MakeStream(stream.id, std::move(stream.row), stream.mark));
    }
    RETURN_IF_ERROR(Adopt(streams));
  }
  std::vector<std::shared_ptr<MirrorStream>> opened;
  for (const StreamRequest& request : requests) {
    opened.push_back(by_identity_.at(request.identity)->shared_from_this());
  }
  return opened;
}

void DiskStore::DistrustUnsynced() {
  ++environment_.failed_syncs;
  for (const auto& [id, stream] : streams_) stream->DistrustUnsynced();
}

absl::Status DiskStore::Adopt(const std::vector<std::shared_ptr<MirrorFile>>& streams) {
  std::vector<std::shared_ptr<MirrorFile>> present;
  for (const std::shared_ptr<MirrorFile>& stream : streams) {
    if (!absl::IsNotFound(deps_.files->Stat(stream->mirror_path()).status())) {
      present.push_back(stream);
    }
  }
  if (present.empty()) return absl::OkStatus();
  // File by file: were all synced at once and that failed, it would concern every stream.
  return Recover(present, /*sync_each=*/true);
}

absl::Status DiskStore::CountGeneration(MirrorFile* stream, MarkRow* mark) {
  if (mark->aside_pending) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the generation before could not be put aside yet: ", stream->mirror_path()));
  }
  const absl::Time now = deps_.clock->Wall();
  std::erase_if(mark->generation_starts,
                [&](absl::Time start) { return start > now || now - start > kGenerationsWindow; });
  if (stream->overwritten() || mark->generation_starts.size() >= kGenerationsMax) {
    if (!stream->overwritten()) {
      stream->SetOverwrittenUntil(deps_.clock->Monotonic() + kOverwrittenFor);
    }
    return absl::ResourceExhaustedError(
        absl::StrCat("the source of ", stream->mirror_path(),
                     " is rewritten again and again: frozen for an hour"));
  }
  mark->generation_starts.push_back(now);
  return absl::OkStatus();
}

absl::Status DiskStore::MoveAside(const MirrorFile& stream, Generation generation) {
  const std::string directory = stream.superseded_dir();
  RETURN_IF_ERROR(deps_.files->Rename(stream.mirror_path(),
                                      JoinPath(directory, absl::StrCat(generation.value()))));
  RETURN_IF_ERROR(SyncDirectoryChain(deps_.files, std::string(DirName(stream.mirror_path())),
                                     options_.data_dir));
  return SyncDirectoryChain(deps_.files, directory, options_.data_dir);
}

absl::Status DiskStore::StartGeneration(MirrorStream* stream, Generation differs_from) {
  MirrorFile* const mirror = streams_.at(stream->id()).get();
  MarkRow mark = mirror->mark();
  if (mark.generation != differs_from) {
    return absl::FailedPreconditionError(absl::StrCat(mirror->mirror_path(), " is at generation ",
                                                      mark.generation.value(), ", not ",
                                                      differs_from.value()));
  }
  RETURN_IF_ERROR(mirror->health());
  RETURN_IF_ERROR(CountGeneration(mirror, &mark));

  const std::string directory = mirror->superseded_dir();
  RETURN_IF_ERROR(deps_.files->MakeDirectories(directory));
  // Before anything is moved into it: a crash may keep the rename and not the directory.
  RETURN_IF_ERROR(SyncDirectoryChain(deps_.files, directory, options_.data_dir));
  const std::string aside = JoinPath(directory, absl::StrCat(differs_from.value()));
  ASSIGN_OR_RETURN(const std::string free_name,
                   FreeName(deps_.files, directory, absl::StrCat(differs_from.value())));
  if (free_name != aside) {
    // Left by a registry that was newer than this one. Recovery takes the plain name for the
    // generation that is put aside now.
    RETURN_IF_ERROR(deps_.files->Rename(aside, free_name));
    RETURN_IF_ERROR(deps_.files->SyncDirectory(directory));
  }
  const absl::Status there = deps_.files->Stat(mirror->mirror_path()).status();
  // A disk that does not say must not be taken for a file that is not there: what was durable would
  // be taken for bytes of the next generation.
  if (!there.ok() && !absl::IsNotFound(there)) return there;
  const bool has_file = there.ok();
  if (has_file) {
    // So that what is kept is as long as what was received. If it fails, the durable part is kept.
    auto file = deps_.files->OpenWritable(mirror->mirror_path());
    if (file.ok()) (void)(*file)->Sync();
  }

  MarkRow next;
  next.generation = Generation(differs_from.value() + 1);
  next.generation_starts = mark.generation_starts;
  next.aside_pending = has_file;
  RETURN_IF_ERROR(committer_->CommitToRegistry({.puts = {MakeEntry(mirror->id(), next)}}));
  // From here on recovery finishes what fails below.
  if (has_file) {
    const absl::Status moved = MoveAside(*mirror, differs_from);
    if (DiskRefuses(moved)) {
      mirror->AwaitDisk(next);
      unrecovered_.push_back(mirror->shared_from_this());
      return moved;
    }
    if (!moved.ok()) {
      mirror->Restart(next);
      mirror->Stop(moved);
      return moved;
    }
    next.aside_pending = false;
    const absl::Status committed =
        committer_->CommitToRegistry({.puts = {MakeEntry(mirror->id(), next)}});
    // Where there was no space, the stream's next commit says it; until then recovery would find
    // the file moved.
    if (!committed.ok() && !absl::IsResourceExhausted(committed)) {
      mirror->Restart(next);
      mirror->Stop(committed);
      return committed;
    }
  }
  mirror->Restart(next);
  return absl::OkStatus();
}

absl::StatusOr<std::string> DiskStore::AssignNode(absl::string_view wanted,
                                                  absl::string_view machine_id,
                                                  absl::string_view boot_id,
                                                  bool wanted_is_live_elsewhere) {
  ASSIGN_OR_RETURN(const NodeNames::Choice choice,
                   nodes_.Choose(wanted, {std::string(machine_id), std::string(boot_id)},
                                 wanted_is_live_elsewhere));
  if (choice.changed) {
    RETURN_IF_ERROR(committer_->CommitToRegistry({.puts = {MakeEntry(choice.name, choice.row)}}));
    nodes_.Set(choice);
  }
  return choice.name;
}

absl::StatusOr<std::string> DiskStore::ForeseeNode(absl::string_view wanted,
                                                   absl::string_view machine_id,
                                                   absl::string_view boot_id,
                                                   bool wanted_is_live_elsewhere) {
  ASSIGN_OR_RETURN(const NodeNames::Choice choice,
                   nodes_.Choose(wanted, {std::string(machine_id), std::string(boot_id)},
                                 wanted_is_live_elsewhere));
  return choice.name;
}

std::vector<CommitNote> DiskStore::NoteDirty(int shard) {
  std::vector<CommitNote> notes;
  for (const std::shared_ptr<MirrorFile>& stream :
       shards_[static_cast<size_t>(shard)]->TakeDirty()) {
    notes.push_back(stream->Note());
  }
  return notes;
}

absl::StatusOr<std::vector<DurableAdvance>> DiskStore::Commit(std::vector<CommitNote> notes) {
  ASSIGN_OR_RETURN(std::vector<DurableAdvance> advances, committer_->Run(std::move(notes)));
  const absl::Duration now = deps_.clock->Monotonic();
  if (!awaits_disk() || now < try_again_at_) return advances;
  try_again_at_ = now + kTryAgainAfter;
  committer_->SealAgain(&advances);
  RETURN_IF_ERROR(RecoverAgain(&advances));
  return advances;
}

absl::StatusOr<std::optional<std::string>> DiskStore::GetSetting(absl::string_view name) {
  const std::string key = absl::StrCat(kSettingPrefix, name);
  ASSIGN_OR_RETURN(const std::optional<std::string> value, deps_.registry->Get(key));
  if (!value.has_value()) return std::optional<std::string>();
  ASSIGN_OR_RETURN(std::string text, ParseText({key, *value}));
  return std::optional<std::string>(std::move(text));
}

absl::Status DiskStore::PutSetting(absl::string_view name, absl::string_view value) {
  return committer_->CommitToRegistry(
      {.puts = {MakeTextEntry(absl::StrCat(kSettingPrefix, name), value)}});
}

bool DiskStore::full() {
  if (space_.full()) space_.Refresh();
  return space_.full();
}

}  // namespace tributary
