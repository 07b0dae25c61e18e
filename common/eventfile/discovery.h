// Which event files, and which files beside them, exist below a set of directories.
//
// An event file is a regular file whose base name contains "tfevents", except names that end in
// ".sagemaker-uploaded". What else is followed is the owner's choice. Symbolic links are followed
// unless they lead into a loop (a directory that is its own ancestor, also by a bind mount) or out
// of the root. "lost+found" is the file system's own and not followed. With a pattern each
// directory that matches it bounds what is below it, and on the way to one a link must stay below
// the directory that holds it: what users own between root and match lets them show their own
// files only.
#ifndef TRIBUTARY_COMMON_EVENTFILE_DISCOVERY_H_
#define TRIBUTARY_COMMON_EVENTFILE_DISCOVERY_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/eventfile/change_notifier.h"
#include "common/file.h"

namespace tributary {

bool IsEventFileName(absl::string_view base_name);

// The way from a root to the directories that are followed, name by name: nullopt stands for any
// name that begins with no dot. Empty: the root itself is followed.
using PathPattern = std::vector<std::optional<std::string>>;

// Chooses what is followed besides event files.
class SideFileFilter {
 public:
  virtual ~SideFileFilter() = default;
  // `relative_path` is below the root of this index. Asked for each name that is found; an answer
  // that turns from no to yes counts for what is found from then on.
  virtual bool Wants(int root, absl::string_view relative_path) const = 0;
};

// Numbers the files of one Discovery from 0, in the order in which they were found. Never reused: a
// file that vanishes and comes back has the number of its path.
using TailedFileId = uint32_t;
// Numbers directories from 0; the roots come first. A directory that vanishes and comes back keeps
// its number.
using DirectoryId = uint32_t;

// Not thread-safe. Owned by the Tailer, on its thread. Looks at directories only when told to; a
// file is looked at (Stat) by the owner, and here only to tell what a new name is.
//
// A directory is watched before it is listed, so that what appears meanwhile is in the list, in the
// events, or in both.
class Discovery {
 public:
  struct Options {
    std::vector<std::string> roots;
    // Of the root with the same place; those beyond have none.
    std::vector<PathPattern> patterns = {};
    // Outlives this; null for event files alone.
    const SideFileFilter* side_files = nullptr;
    // Deeper directories, and directories and files beyond these numbers, are left out, and said in
    // status(). Links that fan out make a few directories look like very many.
    int depth_max = 64;
    size_t directories_max = 500'000;
    size_t files_max = 2'000'000;
  };

  // What one call learned. Each call appends.
  struct News {
    std::vector<TailedFileId> appeared;  // new, or listed again
    std::vector<TailedFileId> vanished;  // no longer there, or no longer to be followed
    std::vector<TailedFileId> seen;      // listed before and now, or told to have changed
    std::vector<DirectoryId> listed;     // directories that were listed, with or without an error
    std::vector<DirectoryId> failed;     // of unlisted(), those that are new there or whose kind of
                                         // error is another
  };

  // `files` and `notifier` outlive this; `notifier` may be null.
  Discovery(const Options& options, FileSystem* files, ChangeNotifier* notifier);

  // Begins a sweep of everything, or begins it again.
  void StartSweep();
  // True while directories wait to be listed: of a sweep, or new ones.
  bool has_work() const { return !fresh_.empty() || !sweep_.empty(); }
  // Lists one waiting directory, the new ones first.
  void Step(News* news);

  // The notifier said so. Lists directories that are told; new ones wait for Step.
  void Changed(const std::string& path, News* news);
  // Lists this directory now; new ones below it wait for Step.
  void List(DirectoryId id, News* news);

  size_t file_count() const { return files_.size(); }
  int root(TailedFileId id) const { return directories_[files_[id].directory].root; }
  DirectoryId directory(TailedFileId id) const { return files_[id].directory; }
  std::string path(TailedFileId id) const;
  std::string relative_path(TailedFileId id) const;
  // True if the way to the file may lead through a symbolic link: check IsInside.
  bool through_link(TailedFileId id) const;
  // Whether the path really leads to the file that `stat` describes, below its root. Errors: the
  // file system's; Aborted if the path led to another file by now.
  absl::StatusOr<bool> IsInside(TailedFileId id, const FileStat& stat);
  // The owner found the file there, or not.
  void SetListed(TailedFileId id, bool listed) { files_[id].listed = listed; }

  // Of a directory that exists or existed.
  bool present(DirectoryId id) const { return directories_[id].present; }
  bool watched(DirectoryId id) const { return directories_[id].watched; }
  bool is_root(DirectoryId id) const { return directories_[id].parent == kNoDirectory; }
  const absl::Status& error(DirectoryId id) const { return directories_[id].error; }
  absl::Time modified(DirectoryId id) const { return directories_[id].modified; }
  int root_of(DirectoryId id) const { return directories_[id].root; }
  const std::string& relative_path_of(DirectoryId id) const {
    return directories_[id].relative_path;
  }

  // Directories that are there, as far as is known, and whose last listing failed: what is below
  // them now is not known. Each sweep tries them again.
  const absl::btree_set<DirectoryId>& unlisted() const { return unlisted_; }

  // True if no directory of the root had an error in the last sweep, so far.
  bool sweep_clean(int root) const { return sweep_clean_[static_cast<size_t>(root)]; }

  // What is degraded, for people; empty if nothing is.
  std::string status() const;

 private:
  static constexpr DirectoryId kNoDirectory = UINT32_MAX;

  struct File {
    DirectoryId directory = kNoDirectory;
    std::string name;
    bool listed = true;
    bool link = false;
  };
  struct Directory {
    std::string path;
    std::string relative_path;  // empty for a root
    int root = 0;
    int depth = 0;
    DirectoryId parent = kNoDirectory;
    // What links below must not lead out of; itself where the pattern is matched, or not yet.
    DirectoryId boundary = kNoDirectory;
    std::string real_path;  // of a boundary, as of the last listing
    uint64_t device = 0;
    uint64_t inode = 0;
    absl::Time modified;
    bool present = false;  // it was there, and was followed, when last listed
    bool watched = false;
    bool link = false;  // the way to it may lead through a symbolic link
    absl::Status error;
    // Names point into `files_`.
    absl::flat_hash_map<absl::string_view, TailedFileId> files;
    // Ordered: a sweep goes through them.
    absl::btree_map<std::string, DirectoryId> directories;
  };
  absl::Status ListEntries(DirectoryId id, News* news);
  absl::Status ListOne(DirectoryId id, const std::string& name, News* news);
  // What the next name on the way must be; null where the pattern has been matched.
  const std::optional<std::string>* NextName(DirectoryId id) const;
  bool Wants(DirectoryId directory, absl::string_view name) const;
  absl::StatusOr<bool> IsFollowed(DirectoryId id, const FileStat& stat);
  void WatchDirectory(DirectoryId id);
  void TakeEntry(DirectoryId id, const DirectoryEntry& entry, News* news);
  void TakeFile(DirectoryId id, const std::string& name, bool link, News* news);
  DirectoryId TakeDirectory(DirectoryId parent, const std::string& name, bool link);
  void Fail(DirectoryId id, const absl::Status& status, News* news);
  void Vanish(DirectoryId id, News* news);
  void VanishIfKnown(DirectoryId id, News* news);
  void TakeUnknown(DirectoryId id, const std::string& name, News* news);
  void VanishUnseen(DirectoryId id, News* news);
  bool IsBelow(absl::string_view real_path, DirectoryId boundary) const;

  const Options options_;
  FileSystem* const file_system_;
  ChangeNotifier* const notifier_;

  // Deques: addresses of names stay.
  std::deque<File> files_;
  std::deque<Directory> directories_;
  absl::flat_hash_map<std::string, DirectoryId> directory_by_path_;
  std::vector<bool> sweep_clean_;  // by root
  absl::btree_set<DirectoryId> unlisted_;

  // Directories to list: found just now, and of the sweep. Some may be gone by their turn.
  std::deque<DirectoryId> fresh_;
  std::deque<DirectoryId> sweep_;
  // Names seen by the listing under way, to tell what vanished.
  absl::flat_hash_set<std::string> names_in_listing_;

  // Why the system allows no more watches. Tried again by each sweep.
  absl::Status watches_exhausted_;
  bool directories_exceeded_ = false;
  bool files_exceeded_ = false;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_EVENTFILE_DISCOVERY_H_
