// Which files are delivered besides event files: those that dashboards read beside them.
#ifndef TRIBUTARY_AGENT_SIDE_FILES_H_
#define TRIBUTARY_AGENT_SIDE_FILES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "common/eventfile/discovery.h"
#include "common/eventfile/tailer.h"

namespace tributary::agent {

// The paths that a `projector_config.pbtxt` in `directory` names: tensors, metadata, bookmarks,
// sprites; below the logdir, as `directory` is, each once. Left out are absolute paths, which mean
// nothing elsewhere, and those that lead out of the logdir. Empty for a text that is no such
// configuration.
std::vector<std::string> ProjectorPaths(absl::string_view text, absl::string_view directory);

// Not thread-safe. Owned by whoever owns the tailer, which it must outlive.
class SideFiles : public SideFileFilter {
 public:
  struct Options {
    // `projector_config.pbtxt`, and what it names.
    bool projector = true;
    // What is below a directory `plugins`, at any depth.
    bool plugins = true;
    // A larger file is not followed, in bytes.
    uint64_t bytes_max = 256u << 20;
    // By root: how many names of a path lead to the logdir of its file. Roots beyond have none.
    std::vector<size_t> names_above = {};
  };

  explicit SideFiles(const Options& options) : options_(options) {}

  const Options& options() const { return options_; }
  bool Wants(int root, absl::string_view relative_path) const override;

  // As Tailer::Poll, and reads the configurations that are among the files: what they name is found
  // too.
  std::vector<TailedFileId> Poll(Tailer* tailer);

  // What is left out, for people; empty if nothing is.
  std::string status() const;

 private:
  using Place = std::pair<int, std::string>;  // root, path below it

  size_t NamesAbove(int root) const;
  // Reads a configuration. True if it names what was not wanted before.
  bool Learn(TailedFileId id, Tailer* tailer);

  const Options options_;
  absl::flat_hash_set<Place> named_;
  bool exceeded_ = false;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_SIDE_FILES_H_
