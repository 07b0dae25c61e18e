#include "collector/store/mirror_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/check.h"
#include "common/status_macros.h"

namespace tributary {
namespace {

// Ranges a stream remembers as unfilled; more are merged into the last one.
constexpr size_t kUnfilledRangesMax = 1024;

// `range` joins the ranges; they stay sorted and apart.
void AddRange(ByteRange range, std::vector<ByteRange>* ranges) {
  ranges->push_back(range);
  std::sort(ranges->begin(), ranges->end(),
            [](const ByteRange& a, const ByteRange& b) { return a.offset < b.offset; });
  std::vector<ByteRange> merged;
  for (const ByteRange& next : *ranges) {
    const bool joins =
        !merged.empty() && (next.offset <= merged.back().offset + merged.back().length_bytes ||
                            merged.size() >= kUnfilledRangesMax);
    if (!joins) {
      merged.push_back(next);
      continue;
    }
    const uint64_t end = std::max(merged.back().offset + merged.back().length_bytes,
                                  next.offset + next.length_bytes);
    merged.back().length_bytes = end - merged.back().offset;
  }
  *ranges = std::move(merged);
}

// `range` leaves the ranges.
void RemoveRange(ByteRange range, std::vector<ByteRange>* ranges) {
  const uint64_t end = range.offset + range.length_bytes;
  std::vector<ByteRange> left;
  for (const ByteRange& old : *ranges) {
    const uint64_t old_end = old.offset + old.length_bytes;
    if (old.offset < range.offset) {
      left.push_back({old.offset, std::min(old_end, range.offset) - old.offset});
    }
    if (old_end > end) {
      const uint64_t from = std::max(old.offset, end);
      left.push_back({from, old_end - from});
    }
  }
  *ranges = std::move(left);
}

}  // namespace

MirrorFile::MirrorFile(Environment* environment, ShardFiles* shard_files, int shard, StreamId id,
                       StreamRow row, const MarkRow& mark)
    : env_(environment),
      shard_files_(shard_files),
      shard_(shard),
      id_(id),
      row_(std::move(row)),
      mirror_path_(JoinPath(environment->data_dir, row_.mirror_path)) {
  Restart(mark);
}

Generation MirrorFile::generation() const {
  MutexLock lock(&mu_);
  return mark_.generation;
}
uint64_t MirrorFile::received() const {
  MutexLock lock(&mu_);
  return received_;
}
uint64_t MirrorFile::durable() const {
  MutexLock lock(&mu_);
  return mark_.fingerprint.offset;
}
std::vector<ByteRange> MirrorFile::unfilled() const {
  MutexLock lock(&mu_);
  return unfilled_;
}
std::vector<ByteRange> MirrorFile::lost() const {
  MutexLock lock(&mu_);
  return mark_.lost;
}
uint64_t MirrorFile::rewinds() const {
  MutexLock lock(&mu_);
  return rewinds_;
}
bool MirrorFile::overwritten() const {
  const absl::Duration now = env_->clock->Monotonic();
  MutexLock lock(&mu_);
  return now < overwritten_until_;
}
absl::Status MirrorFile::health() const {
  MutexLock lock(&mu_);
  return health_;
}

absl::StatusOr<MirrorFile::Began> MirrorFile::Begin() {
  MutexLock lock(&mu_);
  if (!health_.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(mirror_path_, " has stopped: ", health_.message()));
  }
  if (awaits_disk_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the disk has no room to put ", mirror_path_, " in order"));
  }
  if (distrusted_) {
    return absl::FailedPreconditionError(absl::StrCat(mirror_path_, " is being sealed"));
  }
  return Began{received_, incarnation_, env_->failed_syncs.load(), writer_};
}

// The store cannot take bytes, through no fault of this mirror.
absl::Status MirrorFile::NotNow(const absl::Status& why) {
  env_->space->Refused();
  return absl::ResourceExhaustedError(why.message());
}

absl::StatusOr<std::unique_ptr<WritableFile>> MirrorFile::OpenMirror() {
  auto file = env_->files->OpenWritable(mirror_path_);
  if (absl::IsNotFound(file.status())) {
    RETURN_IF_ERROR(env_->files->MakeDirectories(std::string(DirName(mirror_path_))));
    file = env_->files->OpenWritable(mirror_path_);
  }
  return file;
}

absl::Status MirrorFile::Prepare(Began* began) {
  if (began->writer != nullptr) {
    shard_files_->Touch(place_);
  } else {
    auto opened = OpenMirror();
    // Other parts of the process use descriptors too.
    for (int tries = 0; absl::IsUnavailable(opened.status()) && tries < 8; ++tries) {
      shard_files_->CloseHalf();
      opened = OpenMirror();
    }
    if (!opened.ok()) {
      if (DiskRefuses(opened.status())) return NotNow(opened.status());
      Distrust();
      MarkDirty();
      return absl::InternalError(opened.status().message());
    }
    began->writer = *std::move(opened);
    if (began->writer->size_bytes() != began->received) {
      // Only an earlier write that could not be cut back, or somebody else, leaves another size.
      Distrust();
      MarkDirty();
      return absl::InternalError(absl::StrCat(mirror_path_, " has ", began->writer->size_bytes(),
                                              " bytes instead of ", began->received));
    }
    if (listed_open_) {
      shard_files_->Touch(place_);
    } else {
      place_ = shard_files_->AddOpen(this);
      listed_open_ = true;
    }
    MutexLock lock(&mu_);
    if (incarnation_ == began->incarnation) writer_ = began->writer;
  }
  if (tracker_.has_value() && tracker_incarnation_ == began->incarnation) return absl::OkStatus();
  if (began->received == 0) {
    tracker_.emplace();
  } else {
    ASSIGN_OR_RETURN(const auto file, env_->files->OpenReadable(mirror_path_));
    ASSIGN_OR_RETURN(tracker_, FingerprintTracker::Load(file.get(), began->received, unfilled()));
  }
  tracker_incarnation_ = began->incarnation;
  return absl::OkStatus();
}

absl::Status MirrorFile::Compare(uint64_t offset, absl::string_view bytes) {
  ASSIGN_OR_RETURN(const auto file, env_->files->OpenReadable(mirror_path_));
  std::string piece;
  while (!bytes.empty()) {
    piece.resize(std::min<size_t>(bytes.size(), size_t{256} << 10));
    ASSIGN_OR_RETURN(const size_t got, file->ReadAt(offset, absl::MakeSpan(piece)));
    if (got < piece.size() || piece != bytes.substr(0, piece.size())) {
      return absl::AlreadyExistsError(absl::StrCat(mirror_path_, " has other bytes between ",
                                                   offset, " and ", offset + piece.size()));
    }
    offset += piece.size();
    bytes.remove_prefix(piece.size());
  }
  return absl::OkStatus();
}

absl::Status MirrorFile::WriteFailed(const Began& began, const absl::Status& why) {
  const bool whole =
      began.writer->size_bytes() == began.received || began.writer->Truncate(began.received).ok();
  if (DiskRefuses(why) && whole) return NotNow(why);
  Distrust();
  MarkDirty();
  return absl::InternalError(absl::StrCat("writing ", mirror_path_, ": ", why.message()));
}

absl::Status MirrorFile::Append(uint64_t offset, absl::string_view bytes) {
  ASSIGN_OR_RETURN(Began began, Begin());
  if (offset > began.received) {
    return absl::OutOfRangeError(absl::StrCat("bytes at ", offset, " leave a gap after ",
                                              began.received, " in ", mirror_path_));
  }
  const uint64_t overlap = std::min<uint64_t>(began.received - offset, bytes.size());
  if (overlap > 0) RETURN_IF_ERROR(Compare(offset, bytes.substr(0, overlap)));
  bytes.remove_prefix(overlap);
  if (bytes.empty()) return absl::OkStatus();
  if (env_->space->full()) {
    return absl::ResourceExhaustedError("the data directory has too little free space");
  }
  RETURN_IF_ERROR(Prepare(&began));
  const absl::Status written = began.writer->Append(bytes);
  if (!written.ok()) return WriteFailed(began, written);
  tracker_->Append(bytes);
  Fate fate;
  {
    MutexLock lock(&mu_);
    fate = FateOf(began);
    // In the file, not yet synced.
    if (fate == Fate::kCounts) received_ += bytes.size();
  }
  return AfterFate(fate);
}

absl::Status MirrorFile::Fill(uint64_t offset, absl::string_view bytes) {
  ASSIGN_OR_RETURN(Began began, Begin());
  if (offset > began.received || bytes.size() > began.received - offset) {
    return absl::OutOfRangeError(absl::StrCat("a fill of [", offset, ", ", offset, "+",
                                              bytes.size(), ") reaches past ", began.received));
  }
  ASSIGN_OR_RETURN(const auto file, env_->files->OpenReadable(mirror_path_));
  std::string present(bytes.size(), '\0');
  ASSIGN_OR_RETURN(const size_t got, file->ReadAt(offset, absl::MakeSpan(present)));
  if (got < present.size()) {
    return absl::OutOfRangeError(absl::StrCat(mirror_path_, " ends before ", offset + got));
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (present[i] != '\0' && present[i] != bytes[i]) {
      return absl::AlreadyExistsError(absl::StrCat(mirror_path_, " has no zeros at ", offset + i));
    }
  }
  RETURN_IF_ERROR(Prepare(&began));
  // What it was no longer holds if the range lies in the first or last bytes.
  tracker_.reset();
  // Equal bytes too: a sync that failed may have left their page clean and not on the disk.
  const absl::Status written = began.writer->WriteAt(offset, bytes);
  if (!written.ok()) return WriteFailed(began, written);
  Fate fate;
  {
    MutexLock lock(&mu_);
    fate = FateOf(began);
    if (fate == Fate::kCounts) {
      RemoveRange({offset, bytes.size()}, &unfilled_);
      ++fills_;
    }
  }
  return AfterFate(fate);
}

MirrorFile::Fate MirrorFile::FateOf(const Began& began) {
  // The bytes went to an inode that has lost the name.
  if (incarnation_ != began.incarnation) return Fate::kSealed;
  if (env_->failed_syncs.load() != began.failed_syncs) distrusted_ = true;
  return distrusted_ ? Fate::kDistrusted : Fate::kCounts;
}

absl::Status MirrorFile::AfterFate(Fate fate) {
  if (fate != Fate::kCounts) tracker_.reset();
  if (fate == Fate::kSealed) {
    return absl::FailedPreconditionError(absl::StrCat(mirror_path_, " was just sealed"));
  }
  MarkDirty();
  if (fate == Fate::kCounts) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(mirror_path_, " was written while a sync failed"));
}

void MirrorFile::AddUnfilled(ByteRange range) {
  {
    MutexLock lock(&mu_);
    if (range.offset >= received_) return;
    range.length_bytes = std::min(range.length_bytes, received_ - range.offset);
    AddRange(range, &unfilled_);
    ++fills_;
  }
  // The range need not be zeros throughout: what is masked now may be in what it was of.
  tracker_.reset();
  MarkDirty();
}

void MirrorFile::SetBoundary(uint64_t offset, bool framing_holds) {
  MutexLock lock(&mu_);
  // A seal may have come between: then the boundary of the row stands.
  if (offset > received_) return;
  boundary_offset_ = offset;
  framing_holds_ = framing_holds;
}

absl::StatusOr<Fingerprint> MirrorFile::FingerprintAt(uint64_t offset) {
  std::vector<ByteRange> unfilled;
  {
    MutexLock lock(&mu_);
    offset = std::min(offset, received_);
    // A fill or an unfilled range since then made the row's fingerprint that of other bytes.
    if (offset == mark_.fingerprint.offset && fills_ == fills_in_mark_) return mark_.fingerprint;
    if (tracker_.has_value() && tracker_incarnation_ == incarnation_) {
      const Fingerprint fingerprint = tracker_->Get();
      if (fingerprint.offset == offset) return fingerprint;
    }
    unfilled = unfilled_;
  }
  if (offset == 0) return Fingerprint{};
  ASSIGN_OR_RETURN(const auto file, env_->files->OpenReadable(mirror_path_));
  return tributary::FingerprintAt(file.get(), offset, unfilled);
}

void MirrorFile::MarkDirty() {
  if (dirty_) return;
  dirty_ = true;
  shard_files_->AddDirty(shared_from_this());
}

CommitNote MirrorFile::Note() {
  dirty_ = false;
  CommitNote note;
  note.stream = shared_from_this();
  {
    MutexLock lock(&mu_);
    note.generation = mark_.generation;
    note.offset = received_;
    note.incarnation = incarnation_;
    note.boundary_offset = boundary_offset_;
    note.framing_holds = framing_holds_;
    note.unfilled = unfilled_;
    note.file = writer_;
    note.new_name = new_name_;
    note.distrusted = distrusted_;
    fills_noted_ = fills_;
  }
  if (tracker_.has_value() && tracker_incarnation_ == note.incarnation) {
    note.fingerprint = tracker_->Get();
    CHECK(note.fingerprint.offset == note.offset, "the fingerprint is of ", note.fingerprint.offset,
          ", the mirror has ", note.offset);
    return note;
  }
  // After a fill, a seal or a new generation. Without the file nothing can be promised.
  tracker_.reset();
  if (note.offset == 0) return note;
  auto file = env_->files->OpenReadable(mirror_path_);
  auto loaded = file.ok() ? FingerprintTracker::Load(file->get(), note.offset, note.unfilled)
                          : absl::StatusOr<FingerprintTracker>(file.status());
  if (loaded.ok()) {
    tracker_ = *std::move(loaded);
    tracker_incarnation_ = note.incarnation;
    note.fingerprint = tracker_->Get();
  } else {
    note.distrusted = true;
  }
  return note;
}

void MirrorFile::CloseDescriptor() {
  listed_open_ = false;
  std::shared_ptr<WritableFile> writer;
  {
    MutexLock lock(&mu_);
    writer = std::exchange(writer_, nullptr);
  }
  // What was noted keeps a descriptor of its own until the commit ended.
  if (writer != nullptr && dirty_ && env_->sync_each && !writer->Sync().ok()) Distrust();
}

MarkRow MirrorFile::mark() const {
  MutexLock lock(&mu_);
  return mark_;
}

MarkRow MirrorFile::MarkFor(const CommitNote& note) const {
  MutexLock lock(&mu_);
  MarkRow mark = mark_;
  mark.fingerprint = note.fingerprint;
  mark.boundary_offset = note.boundary_offset;
  mark.framing_holds = note.framing_holds;
  mark.unfilled = note.unfilled;
  return mark;
}

bool MirrorFile::IsCurrent(const CommitNote& note) const {
  MutexLock lock(&mu_);
  return note.incarnation == incarnation_;
}

void MirrorFile::SetMark(const MarkRow& mark, bool name_is_durable) {
  MutexLock lock(&mu_);
  mark_ = mark;
  fills_in_mark_ = fills_noted_;
  if (name_is_durable) new_name_ = false;
}

void MirrorFile::Distrust() {
  MutexLock lock(&mu_);
  distrusted_ = true;
}

void MirrorFile::DistrustUnsynced() {
  MutexLock lock(&mu_);
  if (received_ > mark_.fingerprint.offset || fills_ != fills_in_mark_) distrusted_ = true;
}

bool MirrorFile::distrusted() const {
  MutexLock lock(&mu_);
  return distrusted_;
}

void MirrorFile::Restart(const MarkRow& mark) {
  std::shared_ptr<WritableFile> closed_without_lock;
  MutexLock lock(&mu_);
  closed_without_lock = ResetLocked(mark);
  // The name of another inode may have been made, and its directory not be synced.
  if (std::exchange(awaits_disk_, false)) new_name_ = true;
}

void MirrorFile::AwaitDisk(const MarkRow& mark) {
  std::shared_ptr<WritableFile> closed_without_lock;
  MutexLock lock(&mu_);
  closed_without_lock = ResetLocked(mark);
  awaits_disk_ = true;
}

bool MirrorFile::awaits_disk() const {
  MutexLock lock(&mu_);
  return awaits_disk_;
}

std::shared_ptr<WritableFile> MirrorFile::ResetLocked(const MarkRow& mark) {
  mark_ = mark;
  received_ = mark.fingerprint.offset;
  boundary_offset_ = mark.boundary_offset;
  framing_holds_ = mark.framing_holds;
  unfilled_ = mark.unfilled;
  // A row without durable bytes may be all there is of the stream. Where the start could not make
  // everything durable at once, nobody knows of a name whether it is: a seal may have failed after
  // its rename, and the process have ended.
  new_name_ = mark.fingerprint.offset == 0 || env_->sync_each;
  distrusted_ = false;
  ++incarnation_;
  ++rewinds_;
  return std::exchange(writer_, nullptr);
}

void MirrorFile::Stop(absl::Status why) {
  MutexLock lock(&mu_);
  health_ = std::move(why);
  awaits_disk_ = false;
}

void MirrorFile::SetOverwrittenUntil(absl::Duration monotonic) {
  MutexLock lock(&mu_);
  overwritten_until_ = monotonic;
}

std::string MirrorFile::superseded_dir() const {
  return absl::StrCat(env_->data_dir, "/superseded/", id_.value());
}

}  // namespace tributary
