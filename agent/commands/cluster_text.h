// The cluster in tables, with what a person should look at on top.
#ifndef TRIBUTARY_AGENT_COMMANDS_CLUSTER_TEXT_H_
#define TRIBUTARY_AGENT_COMMANDS_CLUSTER_TEXT_H_

#include <string>

#include "agent/commands/cluster_answer.h"

namespace tributary::agent {

// Nodes, services and conflicts, each in a table if there are any; then what they come to, and what
// the answer leaves out.
std::string ClusterText(const ClusterAnswer& answer);

// Of an answer about one node: its services, what is wrong with it, and that there are conflicts.
// Empty if there is nothing to say.
std::string NodeText(const ClusterAnswer& answer);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_CLUSTER_TEXT_H_
