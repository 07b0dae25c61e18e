#ifndef TRIBUTARY_AGENT_COMMANDS_EXEC_H_
#define TRIBUTARY_AGENT_COMMANDS_EXEC_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/commands/world.h"
#include "agent/config.h"
#include "agent/ports/service_desk.h"

namespace tributary::agent {

// `tributary-agent exec`: runs a command on a number that nobody else has in the cluster.
//   - The collector is asked for at most 5 s; without its answer the number is one that is free on
//     this node, and is registered when the collector comes.
//   - {port} and {prefix} in the command's arguments are replaced; PORT and TRIBUTARY_PREFIX are in
//     its environment. No shell is between.
//   - A command that ended without ever listening, while another program has the number, is started
//     on the next one, five times at most.
//   - Its exit code is the result, 128+n for signal n. Nothing but a fixed number that is taken
//     keeps it from being started, and nothing of ours ends it.
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
  struct Place {
    uint16_t port = 0;
    std::string prefix;
    std::string url;
  };

  // Where the command is to listen. An exit code if it must not be started.
  std::optional<int> FindPlace(Place* place);
  std::optional<Place> AskCollector(std::optional<int>* refused);
  std::optional<int> FindLocalPlace(Place* place);
  cluster::v1::Claim MakeClaim() const;
  absl::Status StartCommand(const Place& place);
  // Until the command has ended; its exit code.
  int Watch(Place* place);
  void LookForListener(Place* place);
  void TakeEvents(Place* place);
  void Announce(const Place& place);
  bool uses_prefix() const;

  const AgentConfig& config_;
  const World& world_;
  const std::vector<std::string>& command_;
  std::string node_;
  std::set<uint16_t> taken_;
  std::unique_ptr<ServiceDesk> desk_;
  std::unique_ptr<ChildProcess> child_;
  bool listens_ = false;
  bool announced_ = false;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_EXEC_H_
