// What this machine tells of its processes and limits. A seam; machine_linux.cc reads /proc.
//
// The system hides processes of other users from all but root: what is not told is left out.
#ifndef TRIBUTARY_AGENT_DOCTOR_MACHINE_H_
#define TRIBUTARY_AGENT_DOCTOR_MACHINE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/listening_sockets.h"

namespace tributary::agent {

struct Process {
  int64_t pid = 0;
  std::string program;
  absl::Time started;  // by the wall clock, to a second
};

// An event file that a process has open for writing.
struct OpenEventFile {
  int64_t pid = 0;
  std::string path;  // without symbolic links
};

// Of the user this process runs as.
struct InotifyUse {
  uint64_t watches_max = 0;
  uint64_t instances_max = 0;
  // Held by processes of this user other than agents.
  uint64_t watches = 0;
  uint64_t instances = 0;
};

// Used by one thread.
class Machine {
 public:
  virtual ~Machine() = default;
  virtual std::vector<ListeningSocket> Listeners() = 0;
  virtual std::vector<OpenEventFile> OpenEventFiles() = 0;
  // nullopt if there is no such process, or if it has ended.
  virtual std::optional<Process> FindProcess(int64_t pid) = 0;
  // nullopt if the system does not tell.
  virtual std::optional<InotifyUse> Inotify() = 0;
  // Of this process.
  virtual uint32_t user_id() = 0;
};

std::unique_ptr<Machine> MakeLinuxMachine();

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_DOCTOR_MACHINE_H_
