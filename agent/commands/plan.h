// What the files of this node will be called, before anything is sent.
#ifndef TRIBUTARY_AGENT_COMMANDS_PLAN_H_
#define TRIBUTARY_AGENT_COMMANDS_PLAN_H_

#include <map>
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
  // What the template makes of it, and what the collector shows for that: the run of a new file
  // beside it.
  std::string template_run;
  std::string new_run;
};

// A logdir in which no file is yet.
struct EmptyLogdir {
  std::string path;
  // Of a file directly in it; empty if that cannot be told yet: `why` then says what is missing.
  std::string run;
  std::string why;
};

struct Plan {
  // As this machine has it, and as the collector does or will. Equal without a collector.
  std::string wanted_node;
  std::string node;
  std::vector<PlannedFile> files;  // in the order of their paths
  std::vector<EmptyLogdir> empty_logdirs;
  // What the collector has of the runs of the files, by the names that it shows.
  std::map<std::string, ingest::v1::RunDescription> at_collector;
  // Whether that is known: there is a collector, and it is not too old to say.
  bool is_compared = false;
  // Those of this node that are connected now.
  std::vector<ingest::v1::AgentDescription> agents;
};

// With a collector, the names that it keeps win. InvalidArgument if a name cannot be made of what
// is configured; otherwise why `.tributary.yaml` could not be read, or the collector not asked, or
// that it would refuse this node: see AskCollector.
absl::StatusOr<Plan> MakePlan(const AgentConfig& config, const World& world);

// `tributary-agent plan`.
int PlanCommand(const AgentConfig& config, const World& world);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_PLAN_H_
