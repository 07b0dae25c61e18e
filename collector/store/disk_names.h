// Names on disk: how run names and file names, which are any bytes, become path components that
// every file system takes. FORMAT.md has the rules and worked examples.
#ifndef TRIBUTARY_COLLECTOR_STORE_DISK_NAMES_H_
#define TRIBUTARY_COLLECTOR_STORE_DISK_NAMES_H_

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "common/types.h"

namespace tributary {

// Longest component that is not hashed, after escaping, in bytes.
inline constexpr size_t kDiskNameBytesMax = 200;

// One path component for `name`: not empty, not "." or "..", without '/', NUL, control characters
// or bytes that are not UTF-8. Different names have different answers (those that are hashed: but
// for a collision of 64 bits), and an answer that was not hashed gives the name back.
std::string EscapeComponent(absl::string_view name);

// Hands out mirror paths, each to one stream. Owned by the commit thread.
class MirrorPaths {
 public:
  // The path of an existing row, below the data directory.
  void Add(absl::string_view mirror_path);
  // The path for a new stream: "logdir/<run>/<file name>", with "~2", "~3", … after a component
  // that is another stream's file, and after a file name that is another stream's file or
  // directory. Takes it.
  std::string Choose(const RunName& run, absl::string_view file_name);
  // Gives back what Choose took.
  void Remove(absl::string_view mirror_path);

 private:
  absl::flat_hash_set<std::string> files_;
  // Directories, with how many paths go through each.
  absl::flat_hash_map<std::string, int> directories_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_STORE_DISK_NAMES_H_
