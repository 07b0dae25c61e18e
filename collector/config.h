// What the collector can be told: TensorBoard's flags and our own, checked.
#ifndef TRIBUTARY_COLLECTOR_CONFIG_H_
#define TRIBUTARY_COLLECTOR_CONFIG_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config.h"
#include "common/log.h"

namespace tributary {

// A directory that is served in place. `name` is empty for one without a name.
struct LocalLogdir {
  std::string name;
  std::string path;
  friend bool operator==(const LocalLogdir&, const LocalLogdir&) = default;
};

// Only as TensorBoard's data server: data_server.h.
struct DataServerConfig {
  // Most points of one series in an answer by plugin name, whatever is asked for; 0: none.
  std::map<std::string, uint64_t> points_max;
  // What is written after the start is not read.
  bool read_once = false;
};

struct CollectorConfig {
  enum class Command { kServe, kInspect, kReferenceConfig, kHelp, kVersion };
  Command command = Command::kServe;
  // Text of --help, for kHelp.
  std::string help;

  std::vector<LocalLogdir> logdirs;
  std::string data_dir;  // empty: no store
  bool json = false;     // inspect

  std::string host = "localhost";
  bool all_interfaces = false;
  // Bound to what this machine alone can reach.
  bool on_loopback = true;
  std::optional<uint16_t> port;  // nullopt: TensorBoard's search, or the one the store remembers
  std::string port_file;

  // Names that lead here beside those that the system knows of; "*" for any.
  std::vector<std::string> allowed_hosts;
  // Names below which every service of a node has one of its own.
  std::vector<std::string> gateway_bases;
  // Ports of this machine that may lead to services of nodes; 0: none.
  uint16_t service_ports_first = 0;
  uint16_t service_ports_last = 0;

  std::string path_prefix;  // "/tb", or empty
  std::string window_title;
  std::map<std::string, uint64_t> samples_per_plugin;
  bool purge_orphaned_data = true;
  uint64_t runs_max = 0;  // listed at "/"; 0: all
  std::string webfiles;   // empty: beside the program

  uint64_t ingest_memory_bytes = 256u << 20;
  std::optional<uint64_t> data_free_min_bytes;
  int shards = 0;        // 0: by the number of cores
  int http_threads = 0;  // 0: by the number of cores
  LogLevel log_level = LogLevel::kInfo;

  // Set: a data server behind another front end, without a page of its own.
  std::optional<DataServerConfig> data_server;

  // One line each: flags of TensorBoard that were given and have no effect here.
  std::vector<std::string> notes;
};

// The commented reference configuration, deploy/collector.yaml.
std::string CollectorReferenceYaml();

// `is_directory` tells whether a path is one now: "a=b" may be a directory of that name.
// InvalidArgument with one line for people: the program ends with exit code 2.
absl::StatusOr<CollectorConfig> ParseCollectorConfig(
    const OptionSources& sources, const std::function<bool(const std::string&)>& is_directory);

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_CONFIG_H_
