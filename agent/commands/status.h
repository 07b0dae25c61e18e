#ifndef TRIBUTARY_AGENT_COMMANDS_STATUS_H_
#define TRIBUTARY_AGENT_COMMANDS_STATUS_H_

#include "agent/commands/world.h"
#include "agent/config.h"

namespace tributary::agent {

// `tributary-agent status`: each file beside what the collector has of it.
int StatusCommand(const AgentConfig& config, const World& world);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_STATUS_H_
