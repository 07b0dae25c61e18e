#include "collector/store/committer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "collector/store/durable_copy.h"
#include "common/status_macros.h"

namespace tributary {

std::vector<Committer::Work> Committer::Latest(std::vector<CommitNote> notes) {
  std::vector<Work> work;
  absl::flat_hash_map<MirrorStream*, size_t> places;
  for (CommitNote& note : notes) {
    // Every note is one of ours.
    auto* const stream = static_cast<MirrorFile*>(note.stream.get());
    if (!stream->IsCurrent(note) || stream->awaits_disk()) continue;
    const auto [place, is_new] = places.try_emplace(stream, work.size());
    if (is_new) work.emplace_back();
    Work& latest = work[place->second];
    const bool failed = latest.failed || note.distrusted || stream->distrusted();
    latest = {std::move(note), stream, failed};
  }
  std::sort(work.begin(), work.end(),
            [](const Work& a, const Work& b) { return a.stream->id() < b.stream->id(); });
  return work;
}

absl::StatusOr<std::vector<DurableAdvance>> Committer::Run(std::vector<CommitNote> notes) {
  deps_.space->Refresh();
  std::vector<Work> work = Latest(std::move(notes));
  // A sync of the whole file system makes names durable too.
  if (SyncFiles(&work) == Synced::kEach) SyncNames(&work);

  // From here on the bytes below the noted offsets are on the disk, and so are their names.
  RegistryTransaction transaction;
  std::vector<MarkRow> marks;
  for (Work& item : work) {
    if (item.failed) {
      // Before anything else can fail: a later sync would prove nothing.
      item.stream->Distrust();
      continue;
    }
    marks.push_back(item.stream->MarkFor(item.note));
    transaction.puts.push_back(MakeEntry(item.stream->id(), marks.back()));
  }
  if (!transaction.puts.empty()) RETURN_IF_ERROR(CommitToRegistry(transaction));

  std::vector<DurableAdvance> advances;
  size_t next_mark = 0;
  for (Work& item : work) {
    if (item.failed) {
      // The inode that is replaced must not be held open by the note.
      item.note.file.reset();
      Seal(item.stream->shared_from_this(), &advances);
      continue;
    }
    // Without bytes its name was not synced, and may not even be there: the stream can have been
    // dirty with those of the generation before.
    item.stream->SetMark(marks[next_mark++], /*name_is_durable=*/item.note.offset > 0);
    advances.push_back({.stream = item.note.stream,
                        .generation = item.note.generation,
                        .durable = item.note.offset});
  }
  return advances;
}

Committer::Synced Committer::SyncFiles(std::vector<Work>* work) {
  if (work->empty()) return Synced::kEach;
  const bool single = work->size() == 1 && work->front().note.file != nullptr;
  if (!sync_each_ && !single) {
    // Every name was made before its bytes were noted. Before Linux 5.17 a journal that could not
    // be written is not reported here, but it fails the sync in the registry's transaction, which
    // is on the same file system.
    if (deps_.files->SyncFileSystem(data_dir_).ok()) return Synced::kFileSystem;
    // Nobody says whose bytes it was: those that were noted, or those written since.
    for (Work& item : *work) item.failed = true;
    deps_.on_sync_failed();
    return Synced::kFileSystem;
  }
  for (Work& item : *work) {
    if (!item.failed) item.failed = !SyncOne(item).ok();
  }
  return Synced::kEach;
}

absl::Status Committer::SyncOne(const Work& work) {
  // Without a descriptor it was synced when that was closed, and not written to since.
  return work.note.file == nullptr ? absl::OkStatus() : work.note.file->Sync();
}

void Committer::SyncNames(std::vector<Work>* work) {
  // Each directory once, with what became of it; the file's own directory each time.
  std::map<std::string, absl::Status> synced;
  const auto sync = [&](const std::string& directory) {
    const auto [place, is_new] = synced.try_emplace(directory);
    if (is_new) place->second = deps_.files->SyncDirectory(directory);
    return place->second;
  };
  for (Work& item : *work) {
    if (item.failed || !item.note.new_name || item.note.offset == 0) continue;
    std::vector<std::string> made;
    std::string directory(DirName(item.stream->mirror_path()));
    absl::Status status = sync(directory);
    while (status.ok() && directory != data_dir_ && !durable_directories_.contains(directory)) {
      made.push_back(directory);
      directory = std::string(DirName(directory));
      status = sync(directory);
    }
    if (status.ok()) {
      durable_directories_.insert(made.begin(), made.end());
    } else {
      item.failed = true;
    }
  }
}

absl::Status Committer::CommitToRegistry(const RegistryTransaction& transaction) {
  const absl::Status status = deps_.registry->Commit(transaction);
  if (!absl::IsResourceExhausted(status)) return status;
  deps_.space->Refused();
  return deps_.space->FreeReserve() ? deps_.registry->Commit(transaction) : status;
}

void Committer::Seal(const std::shared_ptr<MirrorFile>& stream,
                     std::vector<DurableAdvance>* advances) {
  const absl::Status sealed = SealMirror(deps_.files, data_dir_, *stream);
  const MarkRow mark = stream->mark();
  // Sealed or not: nothing above the durable offset is promised or shown any more.
  if (DiskRefuses(sealed)) {
    deps_.space->Refused();
    unsealed_.push_back(stream);
    if (stream->awaits_disk()) return;
    stream->AwaitDisk(mark);
  } else {
    if (!sealed.ok()) {
      stream->Stop(absl::Status(
          sealed.code(), absl::StrCat("sealing ", stream->mirror_path(), ": ", sealed.message())));
    }
    stream->Restart(mark);
  }
  advances->push_back(SealedAdvance(stream));
}

void Committer::SealAgain(std::vector<DurableAdvance>* advances) {
  for (const std::shared_ptr<MirrorFile>& stream : std::exchange(unsealed_, {})) {
    // A new generation needs no seal of the one before.
    if (!stream->awaits_disk()) continue;
    if (deps_.space->HasFree(stream->durable())) {
      Seal(stream, advances);
    } else {
      unsealed_.push_back(stream);
    }
  }
}

DurableAdvance Committer::SealedAdvance(const std::shared_ptr<MirrorFile>& stream) {
  const MarkRow mark = stream->mark();
  return {.stream = stream,
          .generation = mark.generation,
          .durable = mark.fingerprint.offset,
          .sealed = true};
}

}  // namespace tributary
