#include "collector/store/recovery.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "collector/store/durable_copy.h"
#include "common/eventfile/tfrecord_reader.h"
#include "common/status_macros.h"

namespace tributary {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;
// Streams with more lost ranges than this keep the first ones.
constexpr size_t kLostRangesMax = 256;

// Where the last whole record ends in [from, size), `from` being a record boundary. Stops at the
// first damage if `strict`, else goes on past damage behind which records follow.
absl::StatusOr<uint64_t> LastBoundary(FileSystem* files, const std::string& path, uint64_t from,
                                      uint64_t size_bytes, bool strict) {
  ASSIGN_OR_RETURN(const auto file, files->OpenReadable(path));
  // Payloads are checked, not wanted.
  TfRecordReader reader({.start_offset = from,
                         .record_bytes_max = 4096,
                         .record_head_bytes = 1,
                         .zeros_are_final = true});
  uint64_t boundary = from;
  std::string piece;
  for (uint64_t at = from; at < size_bytes; at += piece.size()) {
    piece.resize(std::min<uint64_t>(kPieceBytes, size_bytes - at));
    ASSIGN_OR_RETURN(const size_t got, file->ReadAt(at, absl::MakeSpan(piece)));
    if (got == 0) break;
    piece.resize(got);
    reader.Feed(piece);
    while (const std::optional<TfRecordReader::Outcome> outcome = reader.Next()) {
      if (outcome->damage.has_value() && strict) return boundary;
      if (outcome->record.has_value()) {
        boundary = outcome->record->offset + kRecordHeaderBytes + outcome->record->payload_bytes +
                   kRecordFooterBytes;
      }
    }
    if (strict && !reader.framing_holds()) return boundary;
  }
  return boundary;
}

}  // namespace

absl::StatusOr<std::vector<std::shared_ptr<MirrorFile>>> Recovery::Run(
    const std::vector<std::shared_ptr<MirrorFile>>& streams) {
  std::vector<Plan> plans;
  for (const std::shared_ptr<MirrorFile>& stream : streams) {
    Plan plan{.stream = stream, .mark = stream->mark()};
    const absl::Status inspected = Inspect(&plan);
    if (!inspected.ok()) {
      Fail(&plan, inspected);
    } else if (plan.changed || plan.cut || stream->awaits_disk()) {
      plans.push_back(std::move(plan));
    }
  }
  if (plans.empty()) return std::move(left_);
  absl::Status done = SyncWritten(&plans);
  if (done.ok()) done = CutAndSync(&plans);
  RegistryTransaction transaction;
  for (const Plan& plan : plans) {
    transaction.puts.push_back(MakeEntry(plan.stream->id(), plan.mark));
  }
  if (done.ok()) {
    done = deps_.committer->CommitToRegistry(transaction);
    if (!done.ok() && !absl::IsResourceExhausted(done)) return done;
  }
  for (Plan& plan : plans) {
    if (!done.ok()) {
      // Nobody knows whose bytes it was.
      Fail(&plan, done);
      continue;
    }
    plan.stream->Restart(plan.mark);
    if (plan.mark.fingerprint.offset > 0) {
      plan.stream->SetMark(plan.mark, /*name_is_durable=*/plan.name_undurable);
    }
  }
  return std::move(left_);
}

void Recovery::Fail(Plan* plan, const absl::Status& why) {
  MirrorFile* const stream = plan->stream.get();
  if (!DiskRefuses(why)) {
    stream->Stop(absl::Status(
        why.code(), absl::StrCat("recovery of ", stream->mirror_path(), ": ", why.message())));
    return;
  }
  // Made again by the next try.
  if (!plan->aside.empty()) (void)deps_.files->Remove(plan->aside);
  left_.push_back(plan->stream);
  if (stream->awaits_disk()) return;
  // The row as it is, unless the mirror has less.
  const MarkRow row = stream->mark();
  stream->AwaitDisk(plan->mark.fingerprint.offset < row.fingerprint.offset ? plan->mark : row);
}

absl::Status Recovery::Inspect(Plan* plan) {
  if (plan->mark.aside_pending) RETURN_IF_ERROR(FinishAside(plan));
  const std::string& path = plan->stream->mirror_path();
  uint64_t size_bytes = 0;
  const absl::StatusOr<FileStat> stat = deps_.files->Stat(path);
  if (stat.ok()) {
    if (!stat->is_regular) return absl::DataLossError("not a regular file");
    size_bytes = stat->size_bytes;
  } else if (!absl::IsNotFound(stat.status())) {
    return stat.status();
  }
  const uint64_t durable = plan->mark.fingerprint.offset;
  if (size_bytes < durable) return LowerTo(size_bytes, plan);
  if (durable > 0) RETURN_IF_ERROR(CheckFingerprint(plan));
  if (size_bytes > durable) return KeepTail(size_bytes, plan);
  return absl::OkStatus();
}

absl::Status Recovery::FinishAside(Plan* plan) {
  const std::string& path = plan->stream->mirror_path();
  const std::string directory = plan->stream->superseded_dir();
  const std::string aside = JoinPath(directory, absl::StrCat(plan->mark.generation.value() - 1));
  const absl::Status moved = deps_.files->Stat(aside).status();
  if (absl::IsNotFound(moved)) {
    // The next generation's file is only made once the rename is durable: this is the old one.
    RETURN_IF_ERROR(deps_.files->MakeDirectories(directory));
    RETURN_IF_ERROR(SyncDirectoryChain(deps_.files, directory, data_dir_));
    const absl::Status renamed = deps_.files->Rename(path, aside);
    if (!renamed.ok() && !absl::IsNotFound(renamed)) return renamed;
  } else if (!moved.ok()) {
    return moved;
  }
  if (deps_.files->Stat(std::string(DirName(path))).ok()) {
    RETURN_IF_ERROR(SyncDirectoryChain(deps_.files, std::string(DirName(path)), data_dir_));
  }
  if (deps_.files->Stat(directory).ok()) {
    RETURN_IF_ERROR(SyncDirectoryChain(deps_.files, directory, data_dir_));
  }
  plan->mark.aside_pending = false;
  plan->changed = true;
  return absl::OkStatus();
}

absl::Status Recovery::LowerTo(uint64_t size_bytes, Plan* plan) {
  const std::string& path = plan->stream->mirror_path();
  const uint64_t durable = plan->mark.fingerprint.offset;
  uint64_t keep = 0;
  if (size_bytes > 0) {
    const bool from_row = plan->mark.framing_holds && plan->mark.boundary_offset <= size_bytes;
    ASSIGN_OR_RETURN(
        keep, LastBoundary(deps_.files, path, from_row ? plan->mark.boundary_offset : 0, size_bytes,
                           /*strict=*/false));
  }
  MarkRow& mark = plan->mark;
  mark.fingerprint = Fingerprint{};
  if (keep > 0) {
    ASSIGN_OR_RETURN(const auto file, deps_.files->OpenReadable(path));
    ASSIGN_OR_RETURN(mark.fingerprint, FingerprintAt(file.get(), keep, mark.unfilled));
  }
  mark.boundary_offset = keep;
  mark.framing_holds = true;
  if (mark.lost.size() < kLostRangesMax) mark.lost.push_back({keep, durable - keep});
  plan->changed = true;
  if (keep == size_bytes) return absl::OkStatus();
  plan->cut = true;
  return SetAside({keep, size_bytes - keep}, plan);
}

// The bytes stay, whatever they are: they were durable, and framing and CRCs tell which records are
// hurt. But it is said.
absl::Status Recovery::CheckFingerprint(Plan* plan) {
  MarkRow& mark = plan->mark;
  ASSIGN_OR_RETURN(const auto file, deps_.files->OpenReadable(plan->stream->mirror_path()));
  ASSIGN_OR_RETURN(const Fingerprint found,
                   FingerprintAt(file.get(), mark.fingerprint.offset, mark.unfilled));
  const auto report = [&](ByteRange range) {
    const bool known = std::any_of(mark.lost.begin(), mark.lost.end(), [&](const ByteRange& lost) {
      return lost.offset <= range.offset &&
             range.offset + range.length_bytes <= lost.offset + lost.length_bytes;
    });
    if (known || mark.lost.size() >= kLostRangesMax) return;
    mark.lost.push_back(range);
    plan->changed = true;
  };
  const uint64_t durable = mark.fingerprint.offset;
  if (found.head_crc32c != mark.fingerprint.head_crc32c) {
    report({0, std::min(durable, kHeadCheckBytes)});
  }
  if (found.tail_crc32c != mark.fingerprint.tail_crc32c) {
    const uint64_t length = std::min(durable, kTailCheckBytes);
    report({durable - length, length});
  }
  return absl::OkStatus();
}

absl::Status Recovery::KeepTail(uint64_t size_bytes, Plan* plan) {
  MarkRow& mark = plan->mark;
  const std::string& path = plan->stream->mirror_path();
  const uint64_t durable = mark.fingerprint.offset;
  uint64_t keep = durable;
  if (mark.framing_holds) {
    ASSIGN_OR_RETURN(const uint64_t boundary,
                     LastBoundary(deps_.files, path, mark.boundary_offset, size_bytes,
                                  /*strict=*/true));
    keep = std::max(durable, boundary);
  }
  if (keep < size_bytes) {
    RETURN_IF_ERROR(SetAside({keep, size_bytes - keep}, plan));
    plan->cut = true;
  }
  if (keep == durable) return absl::OkStatus();
  RETURN_IF_ERROR(Rewrite({durable, keep - durable}, plan));
  ASSIGN_OR_RETURN(const auto file, deps_.files->OpenReadable(path));
  // The row's own fingerprint is extended, so that bytes below the offset that rotted do not
  // become the truth: the head is the row's once it is complete.
  const Fingerprint before = mark.fingerprint;
  ASSIGN_OR_RETURN(mark.fingerprint, FingerprintAt(file.get(), keep, mark.unfilled));
  if (before.offset >= kHeadCheckBytes) mark.fingerprint.head_crc32c = before.head_crc32c;
  mark.boundary_offset = keep;
  plan->name_undurable = true;
  plan->changed = true;
  return absl::OkStatus();
}

absl::Status Recovery::SetAside(const ByteRange& range, Plan* plan) {
  const std::string directory = plan->stream->superseded_dir();
  RETURN_IF_ERROR(deps_.files->MakeDirectories(directory));
  ASSIGN_OR_RETURN(
      const std::string to,
      FreeName(deps_.files, directory,
               absl::StrCat("tail-", plan->mark.generation.value(), "-", range.offset)));
  RETURN_IF_ERROR(CopyRange(deps_.files, plan->stream->mirror_path(), range, to,
                            sync_each_ ? SyncCopy::kYes : SyncCopy::kNo));
  plan->written = true;
  plan->aside = to;
  return SyncDirectoryChain(deps_.files, directory, data_dir_);
}

absl::Status Recovery::Rewrite(const ByteRange& range, Plan* plan) {
  const std::string& path = plan->stream->mirror_path();
  ASSIGN_OR_RETURN(const auto from, deps_.files->OpenReadable(path));
  ASSIGN_OR_RETURN(const auto to, deps_.files->OpenWritable(path));
  std::string piece;
  for (uint64_t done = 0; done < range.length_bytes; done += piece.size()) {
    piece.resize(std::min<uint64_t>(kPieceBytes, range.length_bytes - done));
    ASSIGN_OR_RETURN(const size_t got, from->ReadAt(range.offset + done, absl::MakeSpan(piece)));
    if (got < piece.size()) return absl::InternalError("the mirror shrank while it was recovered");
    RETURN_IF_ERROR(to->WriteAt(range.offset + done, piece));
  }
  plan->written = true;
  return sync_each_ ? to->Sync() : absl::OkStatus();
}

absl::Status Recovery::SyncWritten(std::vector<Plan>* plans) {
  absl::btree_set<std::string> directories;
  bool written = false;
  for (const Plan& plan : *plans) {
    written = written || plan.written;
    if (!plan.name_undurable) continue;
    std::string directory(DirName(plan.stream->mirror_path()));
    while (directories.insert(directory).second && directory != data_dir_) {
      directory = std::string(DirName(directory));
    }
  }
  if (written && !sync_each_) RETURN_IF_ERROR(deps_.files->SyncFileSystem(data_dir_));
  for (const std::string& directory : directories) {
    RETURN_IF_ERROR(deps_.files->SyncDirectory(directory));
  }
  for (Plan& plan : *plans) plan.aside.clear();
  return absl::OkStatus();
}

absl::Status Recovery::CutAndSync(std::vector<Plan>* plans) {
  bool cut = false;
  for (const Plan& plan : *plans) {
    if (!plan.cut) continue;
    cut = true;
    ASSIGN_OR_RETURN(const auto file, deps_.files->OpenWritable(plan.stream->mirror_path()));
    RETURN_IF_ERROR(file->Truncate(plan.mark.fingerprint.offset));
    if (sync_each_) RETURN_IF_ERROR(file->Sync());
  }
  return cut && !sync_each_ ? deps_.files->SyncFileSystem(data_dir_) : absl::OkStatus();
}

}  // namespace tributary
