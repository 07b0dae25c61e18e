// What the commands of tributary-agent may touch: built by main from real things, by tests from
// fakes.
#ifndef TRIBUTARY_AGENT_COMMANDS_WORLD_H_
#define TRIBUTARY_AGENT_COMMANDS_WORLD_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/agent.h"
#include "agent/config.h"
#include "agent/node_facts.h"
#include "agent/ports/listeners.h"
#include "agent/ports/service_desk.h"
#include "agent/signals.h"
#include "common/clock.h"
#include "common/eventfile/tailer.h"
#include "common/file.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/random.h"
#include "common/task_queue.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary::agent {

// Exit codes of the program.
inline constexpr int kExitGood = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// The admin page: /healthz, /readyz, /metrics. Ends with its destructor.
class AdminServer {
 public:
  virtual ~AdminServer() = default;
  virtual uint16_t port() const = 0;
};
class AdminBoard;
class LocalPort;
class Machine;
class Network;

// Everything outlives the command. Used by the main thread unless said otherwise.
struct World {
  FileSystem* files = nullptr;  // thread-safe
  Clock* clock = nullptr;       // thread-safe
  Random* random = nullptr;     // used by the agent's thread
  Logger* log = nullptr;        // thread-safe
  Signals* signals = nullptr;
  Environment environment;
  std::ostream* out = nullptr;  // answers
  std::ostream* err = nullptr;  // errors and progress
  bool err_is_terminal = false;
  std::string host_name;
  int64_t pid = 0;
  uint32_t user_id = 0;
  std::string version;
  // Copied by each user; a copy is used by one thread.
  std::function<std::string(uint32_t uid)> user_name;

  std::function<std::unique_ptr<ChangeNotifier>()> make_notifier;
  std::function<std::unique_ptr<Transport>(const AgentConfig& config, TaskQueue* queue)>
      make_transport;
  // For services of this node.
  Ports* ports = nullptr;  // thread-safe
  // Either may be null: then services are not registered, or do not open through the collector.
  std::function<std::unique_ptr<ServicesTransport>(const AgentConfig& config, TaskQueue* queue)>
      make_services;
  std::function<std::unique_ptr<TunnelSwitch>(const AgentConfig& config)> make_tunnel;
  // As ProcessSignals::Start.
  std::function<absl::StatusOr<std::unique_ptr<ChildProcess>>(
      const std::vector<std::string>& command, const std::vector<std::string>& environment)>
      start_command;
  // As in grpc_describe.h.
  std::function<absl::StatusOr<ingest::v1::DescribeNodeResponse>(
      const AgentConfig& config, const ingest::v1::DescribeNodeRequest& request,
      absl::Duration timeout)>
      describe;
  // As in grpc_describe.h.
  std::function<absl::StatusOr<ingest::v1::DescribeCollectorResponse>(
      const AgentConfig& config, const ingest::v1::DescribeCollectorRequest& request,
      absl::Duration timeout)>
      describe_collector;
  // For doctor and status; used by the main thread.
  Network* network = nullptr;
  Machine* machine = nullptr;
  // Serves `board` as the configuration says. Null: this program has no admin page.
  std::function<absl::StatusOr<std::unique_ptr<AdminServer>>(const AgentConfig& config,
                                                             AdminBoard* board)>
      start_admin;
  // The port of connect, as the configuration says.
  std::function<absl::StatusOr<std::unique_ptr<LocalPort>>(const AgentConfig& config)>
      open_local_port;
  std::function<absl::Status()> become_guest;
  // How long the agent's thread may take to answer when it ends, and what then ends the process at
  // once: a thread that hangs in a call of the system cannot be joined. Tests return from it.
  absl::Duration patience = absl::Seconds(5);
  std::function<void(int exit_code)> exit_now;
};

// Prints "tributary-agent: MESSAGE" as one line to the errors.
void PrintError(const World& world, absl::string_view message);

// The names of this node and its job, by the configuration and the environment.
absl::StatusOr<NodeFacts> NodeOf(const AgentConfig& config, const World& world);
// Made from the same; `wraps_command` as in ReadJobFacts.
RunNames::Options NamesOf(const AgentConfig& config, const NodeFacts& node, bool wraps_command,
                          const World& world);
RunNames::Dependencies NamesWorld(const World& world);
// The node as it introduces itself to the collector.
ingest::v1::NodeFacts ToProto(const NodeFacts& node, const AgentConfig& config);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_WORLD_H_
