#ifndef TRIBUTARY_AGENT_COMMANDS_REGISTER_H_
#define TRIBUTARY_AGENT_COMMANDS_REGISTER_H_

#include "agent/commands/world.h"
#include "agent/config.h"

namespace tributary::agent {

// `tributary-agent register`: holds a service that runs already on --port until TERM, INT or HUP:
// exit code 0. It is live once somebody listens there. 1 for a refusal that waiting cannot cure.
int RegisterCommand(const AgentConfig& config, const World& world);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_REGISTER_H_
