#ifndef TRIBUTARY_AGENT_COMMANDS_PLAN_H_
#define TRIBUTARY_AGENT_COMMANDS_PLAN_H_

#include <string>
#include <vector>

#include "agent/commands/world.h"
#include "agent/config.h"

namespace tributary::agent {

// What will become of one file.
struct PlannedFile {
  std::string path;  // absolute
  std::string logdir_name;
  std::string relative_path;
  std::string run;
  std::string why;
  // It lies on a network file system, where other nodes may follow it too.
  bool shared = false;
};

// The plan for every file that is there, in the order of their paths. With a collector, the names
// that it keeps win. InvalidArgument if a name cannot be made of what is configured; otherwise why
// `.tributary.yaml` could not be read, or the collector not asked: see AskCollector.
absl::StatusOr<std::vector<PlannedFile>> MakePlan(const AgentConfig& config, const World& world);

// `tributary-agent plan`.
int PlanCommand(const AgentConfig& config, const World& world);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_PLAN_H_
