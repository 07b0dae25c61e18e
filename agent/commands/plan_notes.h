// What a person should know of a plan before training starts: every collision of names, and every
// name that is not what the template says.
#ifndef TRIBUTARY_AGENT_COMMANDS_PLAN_NOTES_H_
#define TRIBUTARY_AGENT_COMMANDS_PLAN_NOTES_H_

#include <string>
#include <vector>

#include "agent/commands/plan.h"
#include "agent/config.h"

namespace tributary::agent {

struct PlanNote {
  // What `runs` and `with` are, by kind:
  //   node         none; the node's name here, and at the collector
  //   logdir       none; name and path of a logdir that another agent of the node follows
  //   directories  a run; the directories here that its files come from
  //   nodes        a run; whose files at the collector it goes on with
  //   kept         a run whose files keep that name; what new ones beside them would be
  //   renamed      a run; the template's name, which people renamed to it
  //   look_alike   runs whose names look the same; those of them that only the collector has
  //   empty        what a file in it would be, if that can be told; the logdir
  std::string kind;
  std::vector<std::string> runs;
  std::vector<std::string> with;
  // One line for people, printable.
  std::string text;
};

// By kind in the order above. Several files in one directory are no collision: they are one run by
// rule.
std::vector<PlanNote> NotesOf(const Plan& plan, const AgentConfig& config);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_PLAN_NOTES_H_
