#ifndef TRIBUTARY_AGENT_COMMANDS_DELIVERY_PROGRESS_H_
#define TRIBUTARY_AGENT_COMMANDS_DELIVERY_PROGRESS_H_

#include <string>

#include "agent/progress.h"
#include "common/progress_line.h"

namespace tributary::agent {

// "1.2 GiB of 3.4 GiB durable, 12 of 40 files, 123456 records".
std::string ProgressText(const Progress& progress);

// The same with the rate and the time left.
void ShowProgress(const Progress& progress, ProgressLine* line);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_DELIVERY_PROGRESS_H_
