#ifndef TRIBUTARY_AGENT_COMMANDS_DOCTOR_H_
#define TRIBUTARY_AGENT_COMMANDS_DOCTOR_H_

#include "agent/commands/world.h"
#include "agent/config.h"

namespace tributary::agent {

// `tributary-agent doctor`: from here to the collector, and over the logdirs if any were given,
// layer by layer. kExitFailed if one fails. Changes nothing anywhere.
int DoctorCommand(const AgentConfig& config, const World& world);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_DOCTOR_H_
