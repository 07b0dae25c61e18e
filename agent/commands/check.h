#ifndef TRIBUTARY_AGENT_COMMANDS_CHECK_H_
#define TRIBUTARY_AGENT_COMMANDS_CHECK_H_

#include <vector>

#include "agent/commands/world.h"
#include "agent/config.h"
#include "common/config.h"

namespace tributary::agent {

// `tributary-agent check`: shows what a valid configuration comes to, where each value is from, and
// what would be followed. `effective` as Options gives it.
int CheckCommand(const AgentConfig& config, const std::vector<Options::Effective>& effective,
                 const World& world);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_CHECK_H_
