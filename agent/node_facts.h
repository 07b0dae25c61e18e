// Who this agent is: the machine, the node's name, and the job whose environment it runs in.
#ifndef TRIBUTARY_AGENT_NODE_FACTS_H_
#define TRIBUTARY_AGENT_NODE_FACTS_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/file.h"

namespace tributary::agent {

// nullopt if the variable is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// A fact and where it came from: "SLURM_JOB_ID", "--label", "host name".
struct Fact {
  std::string value;
  std::string source;
};

struct NodeFacts {
  // {node}: --node, TRIBUTARY_NODE, SLURMD_NODENAME, or the host name up to its first dot.
  Fact node;
  std::string host_name;
  // Empty where the machine does not tell.
  std::string machine_id;
  std::string boot_id;
  // Names under which a node list may know this node, best first.
  std::vector<std::string> names_in_lists;
};

// A value that may stand in a run name: not empty, at most 200 bytes, without '/'. InvalidArgument
// names the fact, the source and the value.
absl::Status CheckFactValue(absl::string_view fact, const Fact& value);

// `node_option` is --node or TRIBUTARY_NODE with its source, nullopt if neither was given.
// InvalidArgument if the name is none that CheckFactValue takes. Reads /etc/machine-id and the boot
// id through `files`.
absl::StatusOr<NodeFacts> ReadNodeFacts(const std::optional<Fact>& node_option,
                                        const std::string& host_name,
                                        const Environment& environment, FileSystem* files);

// What the environment tells of the job this process runs in.
struct JobFacts {
  // Of job, job_name, index, rank: those that are known.
  std::map<std::string, Fact> facts;
  // The job's nodes, for `mark`; nullopt if the environment has none.
  std::optional<Fact> nodelist;
  // The environment is that of a Slurm job whose node list names this node: names default to
  // {job}/node{index}.
  bool in_slurm = false;
  // Why the node list gave no index, for people; empty if it did or there is none.
  std::string nodelist_problem;
};

// Variables that are set and empty count as not set. `wraps_command`: only then is {rank} taken
// from the environment; an agent for a whole node has none.
JobFacts ReadJobFacts(const Environment& environment, bool wraps_command);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_NODE_FACTS_H_
