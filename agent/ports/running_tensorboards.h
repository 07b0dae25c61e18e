// The TensorBoards that run on this node, by the files that they keep; see tensorboard_info.h.
#ifndef TRIBUTARY_AGENT_PORTS_RUNNING_TENSORBOARDS_H_
#define TRIBUTARY_AGENT_PORTS_RUNNING_TENSORBOARDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "agent/node_facts.h"
#include "agent/ports/listeners.h"
#include "agent/ports/tensorboard_info.h"
#include "common/file.h"

namespace tributary::agent {

struct RunningTensorboard {
  TensorboardInfo info;
  uint32_t owner_uid = 0;
};

// Where a TensorBoard with this environment keeps its file: Python's tempfile.gettempdir(), and
// .tensorboard-info in it.
std::string TensorboardInfoDirectory(const Environment& environment);

// Those of every user, ordered by port. A file is believed if the process that it names belongs to
// the file's owner and listens on the port for this machine: anybody may write into the directory,
// and many files outlive their process. Files that are none, or that cannot be read, are left out.
std::vector<RunningTensorboard> FindRunningTensorboards(const std::string& directory,
                                                        FileSystem* files, Ports* ports);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_PORTS_RUNNING_TENSORBOARDS_H_
