#ifndef TRIBUTARY_AGENT_COMMANDS_EXEC_H_
#define TRIBUTARY_AGENT_COMMANDS_EXEC_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/commands/place_search.h"
#include "agent/commands/world.h"
#include "agent/config.h"
#include "agent/ports/command_listener.h"
#include "agent/ports/service_desk.h"

namespace tributary::agent {

// `tributary-agent exec`: runs a command on a number that nobody else has in the cluster.
//   - The number is that of PlaceSearch. One that was not the collector's answer is registered when
//     the collector comes.
//   - {port} and {prefix} in the command's arguments are replaced; PORT and TRIBUTARY_PREFIX are in
//     its environment. No shell is between.
//   - The service opens once the command's process tree listens for connections from this machine,
//     which the kernel accepts from then on; see CommandListener for which number that is.
//   - A command that ended without ever listening, while another program has the number, is started
//     on the next one, five times at most.
//   - Its exit code is the result, 128+n for signal n. Nothing but a fixed number that is taken, or
//     a signal that comes earlier, keeps it from being started, and nothing of ours ends it.
// Used once, on the main thread.
class ExecCommand {
 public:
  // `config`, `world` and `command` outlive this.
  ExecCommand(const AgentConfig& config, const World& world,
              const std::vector<std::string>& command);
  ~ExecCommand();

  // The exit code.
  int Run();

 private:
  cluster::v1::Claim MakeClaim() const;
  absl::Status StartCommand();
  // Until the command has ended; its exit code.
  int Watch();
  void Look(CommandListener* listener);
  void TakeEvents();
  void Announce();
  // Prints the line, unless it was the last of its kind.
  void Tell(const std::string& line, std::string* told) const;
  bool uses_prefix() const;

  const AgentConfig& config_;
  const World& world_;
  const std::vector<std::string>& command_;
  std::string node_;
  std::unique_ptr<ServiceDesk> desk_;
  ServicePlace place_;
  std::unique_ptr<ChildProcess> child_;
  uint16_t listens_on_ = 0;  // 0: nowhere yet
  bool told_to_end_ = false;
  std::string announced_;
  std::string hint_told_;
  std::string conflict_told_;
  std::string prefix_told_;
  std::string listener_told_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_EXEC_H_
