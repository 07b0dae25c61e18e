// What tributary-collector can be told: TensorBoard's flags by their own names, and ours.
#ifndef TRIBUTARY_COLLECTOR_CONFIG_H_
#define TRIBUTARY_COLLECTOR_CONFIG_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/config.h"
#include "common/file.h"
#include "common/log.h"

namespace tributary {

// One --logdir: the prefix of its runs (may be empty) and the directory.
struct LogdirOption {
  std::string name;
  std::string path;
  friend bool operator==(const LogdirOption&, const LogdirOption&) = default;
};

// As the options give them; the checked forms come from the functions below.
struct CollectorConfig {
  std::vector<std::string> logdir;
  std::optional<std::string> logdir_spec;
  std::string host = "localhost";
  bool bind_all = false;
  std::optional<int64_t> port;
  std::string port_file;
  std::string path_prefix;
  std::string window_title;
  std::string samples_per_plugin;
  bool purge_orphaned_data = true;
  std::string webfiles;
  int64_t load_threads = 2;
  bool plaintext = false;
  bool no_auth = false;
  bool json = false;
  std::string log_level = "info";
  // Flags of TensorBoard that are taken and have no effect here, as given.
  std::map<std::string, std::vector<std::string>> without_effect;
};

// Declares every option of the program; `config` must outlive the result.
std::unique_ptr<Options> DeclareCollectorOptions(CollectorConfig* config);

// "NAME=PATH" or "PATH". A NAME has no '/'; if the whole text is an existing directory it is a
// PATH. InvalidArgument for an empty path.
absl::StatusOr<LogdirOption> ParseLogdir(const std::string& text, FileSystem* files);

// All logdirs of --logdir and --logdir_spec ("a:/x,b:/y" is a=/x and b=/y). InvalidArgument if two
// have one name.
absl::StatusOr<std::vector<LogdirOption>> Logdirs(const CollectorConfig& config, FileSystem* files);

// "scalars=1000,images=0": points of each plugin in one answer, 0 for all.
absl::StatusOr<std::map<std::string, uint64_t>> ParseSamplesPerPlugin(const std::string& text);

// What no single option can tell: off loopback only with --plaintext and --no-auth, a port in
// range, something to serve. InvalidArgument with one line for people.
absl::Status CheckCollectorConfig(const CollectorConfig& config);

// One line for each flag that is taken for TensorBoard's sake and has no effect.
std::vector<std::string> WithoutEffectLines(const CollectorConfig& config);

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_CONFIG_H_
