// The collector as TensorBoard's data server: what `tensorboard` starts when the environment
// variable TENSORBOARD_DATA_SERVER_BINARY names this program. Its flags are not the collector's:
// names, values and exit codes are those that TensorBoard counts on.
#ifndef TRIBUTARY_COLLECTOR_DATA_SERVER_H_
#define TRIBUTARY_COLLECTOR_DATA_SERVER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/config.h"

namespace tributary {

// The exit codes besides 0.
inline constexpr int kDataServerFailed = 1;  // the port file cannot be written
inline constexpr int kDataServerUsage = 2;
inline constexpr int kDataServerBadLogdir = 8;
inline constexpr int kDataServerCannotListen = 9;

struct DataServerOptions {
  // Help and version: print `text` to standard output, exit 0.
  enum class Command { kServe, kHelp, kVersion };
  Command command = Command::kServe;
  std::string text;

  // As it was given; see CheckDataServerLogdir.
  std::string logdir;
  // Gets the port in decimal and a newline as soon as it listens. Empty: a line on standard error
  // tells the address instead.
  std::string port_file;
  // Gets the reason if the start fails with kDataServerBadLogdir or kDataServerCannotListen. Empty:
  // standard error does.
  std::string error_file;
  // The collector that serves it; its port_file is empty.
  CollectorConfig config;
};

// Only TensorBoard starts a program with --die-after-stdin.
bool IsDataServerCall(const std::vector<std::string>& arguments);

// InvalidArgument with text for people: exit code kDataServerUsage. `version` is the program's.
absl::StatusOr<DataServerOptions> ParseDataServerFlags(const std::vector<std::string>& arguments,
                                                       const std::string& version);

// InvalidArgument if there can never be anything: exit code kDataServerBadLogdir. A directory that
// is not there (yet) is no error.
absl::Status CheckDataServerLogdir(const std::string& logdir);

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_DATA_SERVER_H_
