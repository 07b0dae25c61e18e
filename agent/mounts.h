// Which files lie on network file systems, and where there: how two nodes tell that they see one
// file.
#ifndef TRIBUTARY_AGENT_MOUNTS_H_
#define TRIBUTARY_AGENT_MOUNTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tributary::agent {

struct NetworkPlace {
  // As mounted: "server:/export".
  std::string source;
  // Below the source, with leading '/'.
  std::string path;
};

// The mounts of this process. A value.
class MountTable {
 public:
  MountTable() = default;
  // `mountinfo` as in /proc/self/mountinfo; lines that are none are left out.
  explicit MountTable(absl::string_view mountinfo);

  // Where the absolute `path` lies on a network file system; nullopt on a local one. Symbolic links
  // are the caller's to resolve.
  std::optional<NetworkPlace> Find(absl::string_view path) const;

 private:
  struct Mount {
    std::string point;
    std::string root;
    std::string source;
    bool network = false;
  };
  std::vector<Mount> mounts_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_MOUNTS_H_
