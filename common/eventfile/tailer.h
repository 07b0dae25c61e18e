// Follows the event files below a set of directories: which exist, which grew, and their bytes on
// demand.
//
// An event file is a regular file whose base name contains "tfevents", except names that end in
// ".sagemaker-uploaded"; a filter may choose more files. Symbolic links are followed unless they
// lead into a loop (a directory that is its own ancestor) or out of the logdir.
//
// Changes are learned from inotify where it works, and always by sweeps: files changed within the
// last hour each second on file systems that send no events, backing off for older ones; a full
// sweep each 60 s everywhere; a full sweep at once after an overflow of the event queue. Out of
// inotify watches means sweeps, said once in status().
//
// The tailer only reads when told to: demand (credit, index) drives it, so a file is its own
// buffer. It keeps at most `open_files_max` files open, closing the one that was idle longest.
#ifndef TRIBUTARY_COMMON_EVENTFILE_TAILER_H_
#define TRIBUTARY_COMMON_EVENTFILE_TAILER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/clock.h"
#include "common/eventfile/change_notifier.h"
#include "common/eventfile/discovery.h"
#include "common/file.h"

namespace tributary {

struct TailedFile {
  TailedFileId id = 0;
  // Index of the directory in Options::roots.
  int root = 0;
  // Below the root, with '/'.
  std::string relative_path;
  // As of the last look.
  FileStat stat;
  bool present = true;
  // The last error of a look or a read; OK again after a good one. The file is tried again with
  // backoff, for ever.
  absl::Status error;
};

// A directory that cannot be listed though it is there: nobody knows what is in it.
struct UnlistedDirectory {
  int root = 0;
  // Below the root, with '/'; empty for the root itself.
  std::string relative_path;
  // Names the full path.
  absl::Status error;
};

// Not thread-safe: owned by the one thread that follows.
class Tailer {
 public:
  struct Options {
    std::vector<std::string> roots;
    // As Discovery::Options.
    std::vector<PathPattern> patterns = {};
    // Outlives the tailer; null for event files alone.
    const SideFileFilter* side_files = nullptr;
    int open_files_max = 256;
    absl::Duration sweep_recent = absl::Seconds(1);
    absl::Duration sweep_all = absl::Seconds(60);
  };
  struct Dependencies {
    FileSystem* files;  // both outlive the tailer
    Clock* clock;
    ChangeNotifier* notifier;  // may be null: sweeps only
  };

  Tailer(const Options& options, const Dependencies& dependencies);
  ~Tailer();

  // Looks for changes and returns the ids of files that are new, grew, shrank, were replaced,
  // vanished or came back since the last call, each once, newest modification first. The first call
  // finds everything that exists. Never fails: what could not be looked at keeps its state and its
  // error.
  std::vector<TailedFileId> Poll();

  // When Poll should be called at the latest, on the monotonic clock, even if the notifier stays
  // silent.
  absl::Duration next_poll() const;

  // The next Poll looks at this file, or whether it is there, whatever is known of it.
  void LookAt(int root, absl::string_view relative_path);

  // Makes the coming Polls look at everything, as after notices were lost: what is on disk now is
  // known when sweep_pending() turns false.
  void SweepNow();
  bool sweep_pending() const;

  const TailedFile& file(TailedFileId id) const;
  size_t file_count() const;

  // True once a complete sweep of the root ended without an error of a directory: what exists there
  // is known.
  bool listing_complete(int root) const;

  // Directories whose last listing failed, at most `limit`. Sweeps go on trying them.
  std::vector<UnlistedDirectory> Unlisted(size_t limit) const;
  size_t unlisted_count() const;
  // Those that Poll found so since the last call, and again only if the kind of error changed.
  std::vector<UnlistedDirectory> TakeNewlyUnlisted();

  // Reads up to out.size() bytes at `offset`. 0 at the end for now. NotFound and Aborted mean the
  // file went away or must be opened again (which the next call does).
  absl::StatusOr<size_t> Read(TailedFileId id, uint64_t offset, absl::Span<char> out);
  // The open file itself, for a fingerprint. Valid until the next call.
  absl::StatusOr<ReadableFile*> Open(TailedFileId id);
  // Of the open file, which may not be what the path leads to by now. Errors as of Read.
  absl::StatusOr<FileStat> StatOpen(TailedFileId id);

  // One line for people where following is degraded ("inotify: no more watches (limit 10),
  // sweeping"), empty if not.
  std::string status() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_EVENTFILE_TAILER_H_
