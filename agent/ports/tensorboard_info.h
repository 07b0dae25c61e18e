// What a TensorBoard says of itself: the file it keeps while it runs, pid-<pid>.info in the
// directory .tensorboard-info of its temporary directory. A JSON object, as tensorboard.manager
// writes it since 1.14.
#ifndef TRIBUTARY_AGENT_PORTS_TENSORBOARD_INFO_H_
#define TRIBUTARY_AGENT_PORTS_TENSORBOARD_INFO_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tributary::agent {

struct TensorboardInfo {
  int64_t pid = 0;
  uint16_t port = 0;
  // As --path_prefix: "/tb", or empty.
  std::string path_prefix;
  std::string logdir;  // for people; empty with --logdir_spec or another source of data
};

// The process whose file has this name; nullopt if it is no such name.
std::optional<int64_t> PidInInfoName(absl::string_view name);

// InvalidArgument if the text is no JSON object with a pid and a port.
absl::StatusOr<TensorboardInfo> ParseTensorboardInfo(const std::string& json);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_PORTS_TENSORBOARD_INFO_H_
