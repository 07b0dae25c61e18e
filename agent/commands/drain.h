#ifndef TRIBUTARY_AGENT_COMMANDS_DRAIN_H_
#define TRIBUTARY_AGENT_COMMANDS_DRAIN_H_

#include "agent/commands/world.h"
#include "agent/config.h"

namespace tributary::agent {

// `tributary-agent drain`: waits until what is here at its start is durable at the collector. The
// agent that runs on this node delivers it; this only asks.
int DrainCommand(const AgentConfig& config, const World& world);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_DRAIN_H_
