#include "collector/ingest/local_source.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "collector/ingest/mirror_source.h"
#include "common/check.h"
#include "common/utf8.h"

namespace tributary {
namespace {

constexpr size_t kBufferBytes = 1u << 20;
// Parts given to a loader at once: enough that it never waits for the follow queue.
constexpr int kInFlightMax = 4;
// What is left of a file, to be loaded before the large ones.
constexpr uint64_t kSmallBytes = 1u << 20;
constexpr absl::Duration kZerosLook = absl::Seconds(1);
constexpr absl::Duration kRetryFirst = absl::Milliseconds(100);
constexpr absl::Duration kRetryMax = absl::Seconds(30);
constexpr size_t kProblemsMax = 20;

class ProjectorConfigs : public SideFileFilter {
 public:
  bool Wants(int, absl::string_view relative_path) const override {
    return BaseName(relative_path) == ProjectorBoard::kConfigFile;
  }
};

}  // namespace

LocalSource::LocalSource(const Options& options, const Dependencies& dependencies)
    : options_(options),
      dependencies_(dependencies),
      in_flight_(dependencies.loaders.size(), 0),
      has_files_(options.logdirs.size(), false),
      buffers_(dependencies.loaders.size()) {
  CHECK(!dependencies.loaders.empty(), "a local source without a loader");
  Tailer::Options tailer_options;
  for (const Logdir& logdir : options.logdirs) tailer_options.roots.push_back(logdir.path);
  if (dependencies.projector != nullptr) side_files_ = std::make_unique<ProjectorConfigs>();
  tailer_options.side_files = side_files_.get();
  tailer_ = std::make_unique<Tailer>(
      tailer_options,
      Tailer::Dependencies{dependencies.files, dependencies.clock, dependencies.notifier});
}

LocalSource::~LocalSource() = default;

RunName LocalSource::RunOf(absl::string_view logdir_name, absl::string_view relative_path) {
  const size_t slash = relative_path.rfind('/');
  const absl::string_view directory =
      slash == absl::string_view::npos ? "" : relative_path.substr(0, slash);
  const absl::string_view separator = logdir_name.empty() || directory.empty() ? "" : "/";
  std::string name = EscapedUtf8(absl::StrCat(logdir_name, separator, directory));
  return RunName(name.empty() ? "." : std::move(name));
}

bool LocalSource::IsIndexed(absl::string_view file_name) {
  return !absl::EndsWith(file_name, ".profile-empty");
}

void LocalSource::Start() { Wake(); }

void LocalSource::Wake(std::function<void()> done) {
  dependencies_.follow->Post([this, done = std::move(done)] {
    Step();
    if (done != nullptr) done();
  });
}

LocalSource::State LocalSource::state() const {
  MutexLock lock(&state_mu_);
  return state_;
}

void LocalSource::Step() {
  if (listed_ && options_.read_once) return;
  for (TailedFileId id : tailer_->Poll()) Changed(id);
  // Together: each addition copies what is there.
  if (dependencies_.projector != nullptr) {
    dependencies_.projector->Add(std::exchange(projector_found_, {}));
  }
  if (!listed_) {
    listed_ = true;
    for (File& file : files_) {
      if (!file.initial) continue;
      bytes_total_ += file.initial_bytes;
      ++initial_left_;
    }
  }
  NoteListings();
  Dispatch();
  if (!options_.read_once) ScheduleStep();
  PublishState();
}

void LocalSource::NoteListings() {
  std::vector<std::string> problems;
  std::vector<bool> is_known(options_.logdirs.size(), true);
  for (const UnlistedDirectory& directory : tailer_->Unlisted(kProblemsMax)) {
    is_known[static_cast<size_t>(directory.root)] = false;
    problems.push_back(absl::StrCat("cannot list a directory, nothing in it is shown: ",
                                    directory.error.message()));
  }
  empty_logdirs_.clear();
  for (size_t i = 0; i < options_.logdirs.size(); ++i) {
    const std::string& path = options_.logdirs[i].path;
    if (absl::IsNotFound(dependencies_.files->Stat(path).status())) {
      problems.push_back(absl::StrCat("logdir ", path, " does not exist yet, waiting for it"));
    } else if (is_known[i] && !has_files_[i]) {
      empty_logdirs_.push_back(path);
    }
  }
  if (std::string status = tailer_->status(); !status.empty()) {
    problems.push_back(std::move(status));
  }
  for (const std::string& problem : problems) {
    const bool is_new = std::find(listing_problems_.begin(), listing_problems_.end(), problem) ==
                        listing_problems_.end();
    if (is_new) dependencies_.log->Warn("logdir needs attention", {{"reason", problem}});
  }
  listing_problems_ = std::move(problems);
}

void LocalSource::ScheduleStep() {
  const absl::Duration delay =
      std::max(absl::ZeroDuration(), tailer_->next_poll() - dependencies_.clock->Monotonic());
  const uint64_t number = ++step_number_;
  dependencies_.follow->PostAfter(delay, [this, number] {
    // A later Step, after a wake, has scheduled another.
    if (number == step_number_) Step();
  });
}

LocalSource::File* LocalSource::Get(TailedFileId id) {
  while (files_.size() <= id) files_.emplace_back();
  return &files_[id];
}

void LocalSource::Changed(TailedFileId id) {
  const TailedFile& tailed = tailer_->file(id);
  File* file = Get(id);
  const absl::string_view name = BaseName(tailed.relative_path);
  if (!IsEventFileName(name)) return NoteProjector(tailed);
  if (!IsIndexed(name)) return;
  if (!tailed.present) {
    NoteProblem(id, std::string(tailed.error.message()));
    if (options_.follow_deletes && file->local != nullptr) {
      dependencies_.index->RemoveFile(file->local->index());
      file->local = nullptr;
      // Nobody waits for what is gone.
      EndInitial(file);
    }
    return;
  }
  has_files_[static_cast<size_t>(tailed.root)] = true;
  if (file->local == nullptr) {
    const Logdir& logdir = options_.logdirs[static_cast<size_t>(tailed.root)];
    EventFileIdentity identity;
    identity.run = RunOf(logdir.name, tailed.relative_path);
    identity.file_name = std::string(name);
    identity.logdir_name = logdir.name;
    identity.path = tailed.relative_path;
    const std::string path = JoinPath(logdir.path, tailed.relative_path);
    file->local = std::make_shared<LocalFile>(
        dependencies_.files, path,
        dependencies_.index->AddFile(identity,
                                     std::make_shared<MirrorSource>(dependencies_.files, path)));
    file->read_to = 0;
    if (!listed_) {
      file->initial = true;
      file->initial_bytes = tailed.stat.size_bytes;
    }
  }
  if (tailed.stat.size_bytes != file->size_bytes) {
    file->grown_at = dependencies_.clock->Monotonic();
  }
  file->size_bytes = tailed.stat.size_bytes;
  Enqueue(id);
}

// Of one that is gone the place stays: whoever is asked looks for the file.
void LocalSource::NoteProjector(const TailedFile& file) {
  if (!file.present) return;
  const Logdir& logdir = options_.logdirs[static_cast<size_t>(file.root)];
  const RunName directory = RunOf(logdir.name, file.relative_path);
  const std::string path = JoinPath(logdir.path, file.relative_path);
  projector_found_.emplace_back(ProjectorBoard::RunOf(directory.value()), DirName(path));
}

void LocalSource::Enqueue(TailedFileId id) {
  File* file = Get(id);
  if (file->loading) file->changed = true;
  if (file->loading || file->waiting || file->local == nullptr) return;
  file->waiting = true;
  const uint64_t left = file->size_bytes > file->read_to ? file->size_bytes - file->read_to : 0;
  (left <= kSmallBytes ? small_ : large_).push_back(id);
}

void LocalSource::EnqueueAfter(absl::Duration delay, TailedFileId id) {
  dependencies_.follow->PostAfter(delay, [this, id] {
    Enqueue(id);
    Dispatch();
  });
}

void LocalSource::Dispatch() {
  while (!small_.empty() || !large_.empty()) {
    const auto loader = std::min_element(in_flight_.begin(), in_flight_.end());
    if (*loader >= kInFlightMax) return;
    std::deque<TailedFileId>& queue = small_.empty() ? large_ : small_;
    const TailedFileId id = queue.front();
    queue.pop_front();
    File* file = Get(id);
    file->waiting = false;
    if (file->local == nullptr) continue;
    ++*loader;
    Load(id, static_cast<size_t>(loader - in_flight_.begin()));
  }
}

void LocalSource::Load(TailedFileId id, size_t loader) {
  File* file = Get(id);
  file->loading = true;
  file->changed = false;
  const uint64_t zeros_over_to = ZerosOverTo(*file);
  dependencies_.loaders[loader]->Post([this, id, loader, zeros_over_to, local = file->local] {
    std::vector<char>& buffer = buffers_[loader];
    buffer.resize(kBufferBytes);
    const LocalFile::Result result =
        local->Load(options_.slice_bytes, zeros_over_to, absl::MakeSpan(buffer));
    dependencies_.follow->Post(
        [this, id, loader, zeros_over_to, result] { Loaded(id, loader, zeros_over_to, result); });
  });
}

uint64_t LocalSource::ZerosOverTo(const File& file) const {
  if (!file.zeros_at.has_value()) return 0;
  const absl::Duration now = dependencies_.clock->Monotonic();
  if (now >= std::max(file.grown_at, file.zeros_since) + options_.zeros_wait) {
    return file.size_bytes;
  }
  // It grows and grows: what stood there then has had its time.
  return now >= file.zeros_since + options_.zeros_wait_max ? file.zeros_size_bytes : 0;
}

void LocalSource::NoteZeros(File* file, std::optional<uint64_t> zeros_at) {
  if (zeros_at.has_value() && zeros_at != file->zeros_at) {
    file->zeros_since = dependencies_.clock->Monotonic();
    file->zeros_size_bytes = file->size_bytes;
  }
  file->zeros_at = zeros_at;
}

void LocalSource::Loaded(TailedFileId id, size_t loader, uint64_t zeros_over_to,
                         const LocalFile::Result& result) {
  --in_flight_[loader];
  File* file = Get(id);
  file->loading = false;
  file->read_to = result.read_to;
  if (result.replaced) {
    dependencies_.log->Info("file was replaced, reading it again",
                            {{"file", file->local == nullptr ? "" : file->local->path()}});
  }
  NoteDamage(file, result);
  // On the way to the end nothing is known about what stands there.
  if (!result.more && result.status.ok()) NoteZeros(file, result.zeros_at);
  if (!result.status.ok()) {
    NoteProblem(id, std::string(result.status.message()));
    const absl::Duration delay =
        std::min(kRetryMax, kRetryFirst * (int64_t{1} << std::min(file->failures, 20)));
    ++file->failures;
    // A file that went away: the tailer tells when it is back, and may have done so meanwhile.
    if (!absl::IsNotFound(result.status) || file->changed) EnqueueAfter(delay, id);
  } else {
    file->failures = 0;
    NoteProblem(id, "");
    if (result.more || file->changed) {
      Enqueue(id);
    } else if (result.zeros_at.has_value() && *result.zeros_at >= zeros_over_to) {
      EnqueueAfter(kZerosLook, id);
    }
  }
  if (!result.status.ok() || !result.more) EndInitial(file);
  NoteProgress(file);
  Dispatch();
  PublishState();
}

void LocalSource::EndInitial(File* file) {
  if (!std::exchange(file->initial, false)) return;
  // Before all is listed they are not counted yet.
  if (listed_) --initial_left_;
  NoteProgress(file);
}

void LocalSource::NoteProgress(File* file) {
  // Bytes of what existed at the start count once, in whatever order they were read.
  if (file->initial_bytes == 0) return;
  const uint64_t done =
      file->initial ? std::min(file->read_to, file->initial_bytes) : file->initial_bytes;
  bytes_done_ += done - file->initial_done;
  file->initial_done = done;
}

void LocalSource::NoteProblem(TailedFileId id, std::string problem) {
  File* file = Get(id);
  if (file->problem == problem) return;
  if (!problem.empty() && file->problem.empty()) {
    dependencies_.log->Warn("cannot read an event file, trying again", {{"reason", problem}});
  }
  file->problem = std::move(problem);
  if (file->problem.empty()) {
    troubled_.erase(id);
  } else {
    troubled_.insert(id);
  }
}

void LocalSource::NoteDamage(File* file, const LocalFile::Result& result) {
  if (result.replaced) {
    file->damaged_places = 0;
    file->damaged_bytes = 0;
    file->damage_told = false;
  }
  // A part that was filled or read again may have less.
  const auto growth = [](uint64_t before, uint64_t now) { return now - std::min(before, now); };
  if (dependencies_.metrics != nullptr) {
    dependencies_.metrics->Damaged(growth(file->damaged_places, result.damaged_places),
                                   growth(file->damaged_bytes, result.damaged_bytes));
  }
  file->damaged_places = result.damaged_places;
  file->damaged_bytes = result.damaged_bytes;
  // Before the end a hole may not have shown its whole length.
  if (result.more || !result.first_damage.has_value() || file->local == nullptr) return;
  if (std::exchange(file->damage_told, true)) return;
  const Damage& first = *result.first_damage;
  dependencies_.log->Warn("an event file is damaged, the rest of it is shown",
                          {{"file", file->local->path()},
                           {"offset", first.offset},
                           {"length", first.length_bytes},
                           {"cause", DamageCauseName(first.cause)},
                           {"damaged_places", result.damaged_places}});
}

void LocalSource::PublishState() {
  State state;
  state.loaded = listed_ && initial_left_ == 0;
  state.bytes_total = bytes_total_;
  state.bytes_done = bytes_done_;
  state.files = files_.size();
  state.problems = listing_problems_;
  state.empty_logdirs = empty_logdirs_;
  for (TailedFileId id : troubled_) {
    if (state.problems.size() >= kProblemsMax) break;
    state.problems.push_back(files_[id].problem);
  }
  MutexLock lock(&state_mu_);
  state_ = std::move(state);
}

}  // namespace tributary
