#ifndef TRIBUTARY_AGENT_COMMANDS_STATUS_H_
#define TRIBUTARY_AGENT_COMMANDS_STATUS_H_

#include "agent/commands/world.h"
#include "agent/config.h"

namespace tributary::agent {

// `tributary-agent status`: each file beside what the collector has of it, and the node's services;
// kExitFailed if the collector does not tell of the files. With --cluster instead all nodes,
// services and conflicts; kExitFailed if it does not tell of them.
int StatusCommand(const AgentConfig& config, const World& world);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_STATUS_H_
