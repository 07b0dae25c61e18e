// The layers of this node: what is there to deliver, and does somebody deliver it?
#ifndef TRIBUTARY_AGENT_DOCTOR_NODE_LAYERS_H_
#define TRIBUTARY_AGENT_DOCTOR_NODE_LAYERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/commands/listing.h"
#include "agent/commands/world.h"
#include "agent/config.h"
#include "agent/doctor/finding.h"
#include "agent/doctor/machine.h"

namespace tributary::agent {

// All outlive the checks.
struct NodeView {
  const AgentConfig* config = nullptr;
  const World* world = nullptr;
  Machine* machine = nullptr;
  LocalFiles local;
};

// Most event files that one layer opens.
inline constexpr size_t kFilesTried = 10'000;
std::string PathOf(const NodeView& view, const StreamKey& key, const TailedFile& file);
// " and 3 more", for the first of four.
std::string AndMore(size_t count);

// A logdir that does not exist, or has no event files.
Finding CheckLogdirs(const NodeView& view);
// Files and directories that this user may not read.
Finding CheckPermissions(const NodeView& view);
// Files that have the name of an event file and are none.
Finding CheckEventFiles(const NodeView& view);
// Whether the system allows a watch for each directory.
Finding CheckInotify(const NodeView& view);
// Processes that write and have not flushed for a while.
Finding CheckWriters(const NodeView& view);
// What the collector has of the files that are here, and whose agent brings it.
Finding CheckDelivery(const NodeView& view, const NodeFacts& node,
                      const absl::StatusOr<KeptStreams>& kept);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_DOCTOR_NODE_LAYERS_H_
