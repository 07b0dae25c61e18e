#ifndef TRIBUTARY_AGENT_COMMANDS_MARK_H_
#define TRIBUTARY_AGENT_COMMANDS_MARK_H_

#include <string>
#include <vector>

#include "agent/commands/world.h"

namespace tributary::agent {

// `tributary-agent mark DIR`: writes job, job_name and nodelist from the environment to
// DIR/.tributary.yaml, for an agent that runs outside of the job; makes DIR if need be. Never the
// index: each agent that reads the file finds its own. What else stands in the file stays.
int MarkCommand(const std::vector<std::string>& arguments, const World& world);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_MARK_H_
