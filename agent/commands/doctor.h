#ifndef TRIBUTARY_AGENT_COMMANDS_DOCTOR_H_
#define TRIBUTARY_AGENT_COMMANDS_DOCTOR_H_

#include "absl/time/time.h"
#include "agent/commands/world.h"
#include "agent/config.h"
#include "agent/doctor/layer.h"

namespace tributary::agent {

// The collector of a configuration, whose answers are waited for so long, and what may be touched
// on the way there: for whoever goes the doctor's way. `config` and `world` outlive the senses.
Target TargetOf(const AgentConfig& config, const World& world, absl::Duration timeout);
Senses SensesOf(const AgentConfig& config, const World& world, absl::Duration timeout);

// `tributary-agent doctor`: from here to the collector, and over the logdirs if any were given,
// layer by layer. kExitFailed if one fails. Changes nothing anywhere.
int DoctorCommand(const AgentConfig& config, const World& world);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_DOCTOR_H_
