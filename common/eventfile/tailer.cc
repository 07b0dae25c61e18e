#include "common/eventfile/tailer.h"

#include <algorithm>
#include <deque>
#include <list>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/eventfile/discovery.h"

namespace tributary {
namespace {

// A file that changed so lately is likely to change again: looked at by every short sweep.
constexpr absl::Duration kRecent = absl::Hours(1);
constexpr absl::Duration kRetryFirst = absl::Milliseconds(100);
constexpr absl::Duration kRetryCap = absl::Seconds(30);
// Directories listed by one Poll, so that a sweep of a large tree does not hold up what changes.
constexpr int kDirectoriesPerPoll = 512;

}  // namespace

struct Tailer::Impl {
  struct Retry {
    absl::Duration due;
    absl::Duration delay = kRetryFirst;
  };
  struct OpenFile {
    TailedFileId id;
    std::unique_ptr<ReadableFile> file;
  };

  Impl(const Options& opts, const Dependencies& deps)
      : options(opts),
        dependencies(deps),
        discovery({.roots = opts.roots, .patterns = opts.patterns, .side_files = opts.side_files},
                  deps.files, deps.notifier),
        complete(opts.roots.size(), false) {}

  std::vector<TailedFileId> Poll();
  void TakeNotices(Discovery::News* news);
  void Sweep(Discovery::News* news);
  void SweepUnwatched(Discovery::News* news);
  void Apply(const Discovery::News& news);
  void Look(TailedFileId id, bool appeared);
  void Take(TailedFileId id, const FileStat& stat, bool appeared);
  void Gone(TailedFileId id);
  void Failed(TailedFileId id, const absl::Status& status);
  void Close(TailedFileId id);
  absl::StatusOr<ReadableFile*> Open(TailedFileId id);
  UnlistedDirectory Unlisted(DirectoryId id) const;

  const Options options;
  const Dependencies dependencies;
  Discovery discovery;
  // Deque: addresses stay, so that file() may hand out references.
  std::deque<TailedFile> files;
  std::vector<bool> complete;
  bool swept_once = false;
  bool sweeping = false;
  absl::Duration next_sweep_all = -absl::InfiniteDuration();
  absl::Duration next_sweep_recent = -absl::InfiniteDuration();
  // Ordered where they are walked: a simulation looks at files in the same order each time.
  absl::btree_map<TailedFileId, Retry> retries;
  absl::flat_hash_set<TailedFileId> changed;
  std::vector<std::string> look_at;  // paths
  // Of unwatched directories, changed within kRecent.
  absl::btree_set<TailedFileId> recent_unwatched;
  absl::btree_set<DirectoryId> unwatched;
  absl::btree_set<DirectoryId> newly_unlisted;

  // Most recently used first.
  std::list<OpenFile> open;
  absl::flat_hash_map<TailedFileId, std::list<OpenFile>::iterator> open_by_id;
};

std::vector<TailedFileId> Tailer::Impl::Poll() {
  Discovery::News news;
  TakeNotices(&news);
  SweepUnwatched(&news);
  // After the others: it also lists the new directories that they found.
  Sweep(&news);
  Apply(news);
  const absl::Duration now = dependencies.clock->Monotonic();
  std::vector<TailedFileId> due;
  for (const auto& [id, retry] : retries) {
    if (retry.due <= now) due.push_back(id);
  }
  for (const TailedFileId id : due) Look(id, /*appeared=*/false);

  std::vector<TailedFileId> ids(changed.begin(), changed.end());
  changed.clear();
  std::sort(ids.begin(), ids.end(), [this](TailedFileId a, TailedFileId b) {
    return std::pair(files[b].stat.modified, a) < std::pair(files[a].stat.modified, b);
  });
  return ids;
}

void Tailer::Impl::TakeNotices(Discovery::News* news) {
  for (const std::string& path : std::exchange(look_at, {})) discovery.Changed(path, news);
  if (dependencies.notifier == nullptr) return;
  bool overflowed = false;
  for (const std::string& path : dependencies.notifier->Changes(&overflowed)) {
    discovery.Changed(path, news);
  }
  // Notices were lost: only a look at everything tells what happened.
  if (overflowed) next_sweep_all = -absl::InfiniteDuration();
}

void Tailer::Impl::Sweep(Discovery::News* news) {
  const absl::Duration now = dependencies.clock->Monotonic();
  if (now >= next_sweep_all) {
    discovery.StartSweep();
    sweeping = true;
    next_sweep_all = now + options.sweep_all;
  }
  for (int i = 0; discovery.has_work() && (!swept_once || i < kDirectoriesPerPoll); ++i) {
    discovery.Step(news);
  }
  if (!sweeping || discovery.has_work()) return;
  sweeping = false;
  swept_once = true;
  for (size_t root = 0; root < complete.size(); ++root) {
    if (discovery.sweep_clean(static_cast<int>(root))) complete[root] = true;
  }
}

// Where no notices come from, what changed lately is looked at again and again.
void Tailer::Impl::SweepUnwatched(Discovery::News* news) {
  const absl::Duration now = dependencies.clock->Monotonic();
  if (now < next_sweep_recent) return;
  next_sweep_recent = now + options.sweep_recent;
  const absl::Time recent = dependencies.clock->Wall() - kRecent;
  std::vector<DirectoryId> lately;
  for (const DirectoryId id : unwatched) {
    if (discovery.is_root(id) || discovery.modified(id) >= recent) lately.push_back(id);
  }
  for (const DirectoryId id : lately) discovery.List(id, news);
  std::vector<TailedFileId> old;
  for (const TailedFileId id : recent_unwatched) {
    if (files[id].stat.modified < recent) {
      old.push_back(id);
    } else {
      news->seen.push_back(id);
    }
  }
  for (const TailedFileId id : old) recent_unwatched.erase(id);
}

void Tailer::Impl::Apply(const Discovery::News& news) {
  for (size_t id = files.size(); id < discovery.file_count(); ++id) {
    const auto file_id = static_cast<TailedFileId>(id);
    TailedFile file;
    file.id = file_id;
    file.root = discovery.root(file_id);
    file.relative_path = discovery.relative_path(file_id);
    file.present = false;
    files.push_back(std::move(file));
  }
  for (const DirectoryId id : news.listed) {
    // A root that is missing is looked for again, like a directory without notices.
    const bool follow = discovery.is_root(id) || discovery.present(id);
    if (follow && !discovery.watched(id)) {
      unwatched.insert(id);
    } else {
      unwatched.erase(id);
    }
  }
  newly_unlisted.insert(news.failed.begin(), news.failed.end());
  for (const TailedFileId id : news.vanished) Gone(id);
  for (const TailedFileId id : news.appeared) Look(id, /*appeared=*/true);
  absl::flat_hash_set<TailedFileId> looked(news.appeared.begin(), news.appeared.end());
  for (const TailedFileId id : news.seen) {
    if (looked.insert(id).second) Look(id, /*appeared=*/false);
  }
}

void Tailer::Impl::Look(TailedFileId id, bool appeared) {
  const absl::StatusOr<FileStat> stat = dependencies.files->Stat(discovery.path(id));
  if (absl::IsNotFound(stat.status())) {
    discovery.SetListed(id, false);
    Gone(id);
    return;
  }
  if (!stat.ok()) {
    Failed(id, stat.status());
    return;
  }
  const bool another = stat->inode != files[id].stat.inode || stat->device != files[id].stat.device;
  if (discovery.through_link(id) && (appeared || another)) {
    const absl::StatusOr<bool> inside = discovery.IsInside(id, *stat);
    if (!inside.ok()) {
      Failed(id, inside.status());
      return;
    }
    if (!*inside) {
      Gone(id);
      return;
    }
  }
  Take(id, *stat, appeared);
}

void Tailer::Impl::Take(TailedFileId id, const FileStat& stat, bool appeared) {
  TailedFile& file = files[id];
  const bool another = stat.inode != file.stat.inode || stat.device != file.stat.device;
  if (another) Close(id);
  // A modification time alone may change with the bytes: written over in place.
  const bool differs = another || appeared || !file.present || !file.error.ok() ||
                       stat.size_bytes != file.stat.size_bytes ||
                       stat.modified != file.stat.modified;
  file.stat = stat;
  file.present = true;
  file.error = absl::OkStatus();
  retries.erase(id);
  if (!differs) return;
  changed.insert(id);
  if (!discovery.watched(discovery.directory(id))) recent_unwatched.insert(id);
}

void Tailer::Impl::Gone(TailedFileId id) {
  TailedFile& file = files[id];
  retries.erase(id);
  recent_unwatched.erase(id);
  Close(id);
  const bool is_news = file.present || !file.error.ok();
  file.error = absl::OkStatus();
  file.present = false;
  if (is_news) changed.insert(id);
}

void Tailer::Impl::Failed(TailedFileId id, const absl::Status& status) {
  TailedFile& file = files[id];
  Close(id);
  // Told once; a good look tells again.
  if (file.error.code() != status.code()) changed.insert(id);
  file.error = status;
  Retry& retry = retries[id];
  retry.due = dependencies.clock->Monotonic() + retry.delay;
  retry.delay = std::min(retry.delay * 2, kRetryCap);
}

void Tailer::Impl::Close(TailedFileId id) {
  const auto known = open_by_id.find(id);
  if (known == open_by_id.end()) return;
  open.erase(known->second);
  open_by_id.erase(known);
}

absl::StatusOr<ReadableFile*> Tailer::Impl::Open(TailedFileId id) {
  const auto known = open_by_id.find(id);
  if (known != open_by_id.end()) {
    open.splice(open.begin(), open, known->second);
    return known->second->file.get();
  }
  while (!open.empty() && open.size() >= static_cast<size_t>(std::max(options.open_files_max, 1))) {
    Close(open.back().id);
  }
  absl::StatusOr<std::unique_ptr<ReadableFile>> opened =
      dependencies.files->OpenReadable(discovery.path(id));
  if (absl::IsUnavailable(opened.status()) && !open.empty()) {
    // Out of descriptors: ours that are idle go first.
    open.clear();
    open_by_id.clear();
    opened = dependencies.files->OpenReadable(discovery.path(id));
  }
  if (!opened.ok()) return opened.status();
  open.push_front({id, *std::move(opened)});
  open_by_id[id] = open.begin();
  return open.front().file.get();
}

Tailer::Tailer(const Options& options, const Dependencies& dependencies)
    : impl_(std::make_unique<Impl>(options, dependencies)) {}

Tailer::~Tailer() = default;

std::vector<TailedFileId> Tailer::Poll() { return impl_->Poll(); }

void Tailer::LookAt(int root, absl::string_view relative_path) {
  impl_->look_at.push_back(
      JoinPath(impl_->options.roots[static_cast<size_t>(root)], relative_path));
}

void Tailer::SweepNow() { impl_->next_sweep_all = -absl::InfiniteDuration(); }

bool Tailer::sweep_pending() const {
  return impl_->sweeping || impl_->next_sweep_all == -absl::InfiniteDuration();
}

absl::Duration Tailer::next_poll() const {
  if (impl_->discovery.has_work() || !impl_->look_at.empty())
    return impl_->dependencies.clock->Monotonic();
  absl::Duration next = impl_->next_sweep_all;
  if (!impl_->unwatched.empty() || !impl_->recent_unwatched.empty()) {
    next = std::min(next, impl_->next_sweep_recent);
  }
  for (const auto& [id, retry] : impl_->retries) next = std::min(next, retry.due);
  return next;
}

const TailedFile& Tailer::file(TailedFileId id) const {
  CHECK(id < impl_->files.size(), "file ", id, " of ", impl_->files.size());
  return impl_->files[id];
}

size_t Tailer::file_count() const { return impl_->files.size(); }

bool Tailer::listing_complete(int root) const { return impl_->complete[static_cast<size_t>(root)]; }

UnlistedDirectory Tailer::Impl::Unlisted(DirectoryId id) const {
  return {.root = discovery.root_of(id),
          .relative_path = discovery.relative_path_of(id),
          .error = discovery.error(id)};
}

std::vector<UnlistedDirectory> Tailer::Unlisted(size_t limit) const {
  std::vector<UnlistedDirectory> result;
  for (const DirectoryId id : impl_->discovery.unlisted()) {
    if (result.size() >= limit) break;
    result.push_back(impl_->Unlisted(id));
  }
  return result;
}

size_t Tailer::unlisted_count() const { return impl_->discovery.unlisted().size(); }

std::vector<UnlistedDirectory> Tailer::TakeNewlyUnlisted() {
  std::vector<UnlistedDirectory> result;
  for (const DirectoryId id : std::exchange(impl_->newly_unlisted, {})) {
    if (impl_->discovery.unlisted().contains(id)) result.push_back(impl_->Unlisted(id));
  }
  return result;
}

absl::StatusOr<size_t> Tailer::Read(TailedFileId id, uint64_t offset, absl::Span<char> out) {
  const absl::StatusOr<ReadableFile*> opened = Open(id);
  if (!opened.ok()) return opened.status();
  absl::StatusOr<size_t> got = (*opened)->ReadAt(offset, out);
  if (!got.ok()) impl_->Failed(id, got.status());
  return got;
}

absl::StatusOr<ReadableFile*> Tailer::Open(TailedFileId id) {
  CHECK(id < impl_->files.size(), "file ", id, " of ", impl_->files.size());
  absl::StatusOr<ReadableFile*> opened = impl_->Open(id);
  if (!opened.ok()) impl_->Failed(id, opened.status());
  return opened;
}

absl::StatusOr<FileStat> Tailer::StatOpen(TailedFileId id) {
  const absl::StatusOr<ReadableFile*> opened = Open(id);
  if (!opened.ok()) return opened.status();
  absl::StatusOr<FileStat> stat = (*opened)->Stat();
  if (!stat.ok()) impl_->Failed(id, stat.status());
  return stat;
}

std::string Tailer::status() const { return impl_->discovery.status(); }

}  // namespace tributary
