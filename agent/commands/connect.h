#ifndef TRIBUTARY_AGENT_COMMANDS_CONNECT_H_
#define TRIBUTARY_AGENT_COMMANDS_CONNECT_H_

#include "agent/commands/world.h"
#include "agent/config.h"

namespace tributary::agent {

// `tributary-agent connect`: a local port that leads to the collector, until a signal ends it. It
// listens whether or not the collector is there; each connection finds out for itself.
int ConnectCommand(const AgentConfig& config, const World& world);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_CONNECT_H_
