// What an operator may say to the agent, and what it comes to.
#ifndef TRIBUTARY_AGENT_CONFIG_H_
#define TRIBUTARY_AGENT_CONFIG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/logdir.h"
#include "agent/node_facts.h"
#include "agent/run_names.h"
#include "agent/side_files.h"
#include "common/config.h"
#include "common/file.h"
#include "tributary/cluster/v1/cluster.pb.h"

namespace tributary::agent {

// The options as they were given; DeclareAgentOptions says what each means.
struct AgentOptionValues {
  std::string collector;
  std::vector<std::string> logdirs;
  std::optional<std::string> node;
  std::optional<std::string> name_space;
  std::vector<std::string> labels;
  std::string store;
  bool plaintext = false;
  bool use_proxy = false;
  bool once = false;
  bool json = false;
  bool cluster = false;
  absl::Duration connect_timeout = absl::Seconds(30);
  absl::Duration drain_timeout = absl::Seconds(25);
  std::optional<int64_t> admin_port;
  std::string admin_host = "localhost";
  int64_t open_files_max = 256;
  uint64_t chunk_bytes_max = 512u << 10;
  bool projector_files = true;
  bool plugin_files = true;
  uint64_t asset_bytes_max = 256u << 20;
  bool guest = true;
  std::string log_level = "info";
  std::string listen = "localhost:6006";
  std::string port_file;
  bool no_auth = false;
  int64_t connections_max = 1000;
  std::string service;
  std::optional<int64_t> port;
  std::string range;
  bool fixed = false;
  std::optional<std::string> mode;
  std::string find_tensorboards = "auto";
};

// Name, commands, usage and examples of tributary-agent.
Options::Program AgentProgram();
void DeclareAgentOptions(AgentOptionValues* values, Options* options);
// The commented reference configuration, deploy/agent.yaml.
std::string AgentReferenceYaml();

// The commands of tributary-agent.
enum class Command {
  kRun,
  kPlan,
  kCheck,
  kDrain,
  kStatus,
  kDoctor,
  kConnect,
  kExec,
  kRegister,
  kMark,
  kReferenceConfig
};
Command CommandNamed(absl::string_view name);

// What `exec` and `register` are told of their service.
struct ServiceOptions {
  std::string name;
  uint16_t port = 0;  // 0: none in particular
  uint16_t range_first = 0;
  uint16_t range_last = 0;
  bool fixed = false;
  cluster::v1::ServiceMode mode = cluster::v1::SERVICE_MODE_UNSPECIFIED;
};

// Options that were found to make sense together.
struct AgentConfig {
  // HOST:PORT; empty where the command can do without and none was given.
  std::string collector;
  std::vector<Logdir> logdirs;
  // Paths of the above that do not exist yet.
  std::vector<std::string> missing_logdirs;
  // From --node or TRIBUTARY_NODE or the file, with its source.
  std::optional<Fact> node;
  std::optional<NameTemplate> name_space;
  std::map<std::string, Fact> labels;
  std::string store;
  // Of connect: where it listens; port 0 is any free one.
  std::pair<std::string, uint16_t> listen;
  ServiceOptions service;
  // Of plan: it is about an agent with a COMMAND, which may be that of one rank.
  bool wraps_command = false;
  // drain_timeout was given, it is not the default.
  bool has_drain_timeout = false;
  AgentOptionValues values;
};

// What is delivered besides event files.
SideFiles::Options SideFilesOf(const AgentConfig& config);

// Splits "head:6006" or "[::1]:6006" into host and port; nullopt if it is neither. A port below
// `port_min` is none.
std::optional<std::pair<std::string, uint16_t>> SplitAddress(absl::string_view address,
                                                             int port_min = 1);

// True for "localhost" and numeric loopback addresses. `address` is HOST:PORT.
bool IsLoopback(absl::string_view address);

// Checks `values` for `command`. InvalidArgument with one line for people, exit code 2:
//   - no collector (but for plan and mark), or one that is not HOST:PORT;
//   - a collector off loopback without --plaintext (but for doctor, which sends nothing);
//   - for connect: a --listen that is not HOST:PORT, one off loopback without --no-auth, and
//     --use-proxy;
//   - no logdir (but for mark, doctor, connect and status --cluster), two of one name, one that is
//     no directory; one that does not exist, unless the command waits for it;
//   - a template, a label or a node name that is malformed.
// `effective` tells where values came from. Not for kReferenceConfig, which has no configuration.
absl::StatusOr<AgentConfig> CheckAgentConfig(const AgentOptionValues& values,
                                             const std::vector<Options::Effective>& effective,
                                             Command command, const std::string& working_directory,
                                             FileSystem* files);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_CONFIG_H_
