// The two sides that commands compare: the files that are here, and the streams that the collector
// keeps.
#ifndef TRIBUTARY_AGENT_COMMANDS_LISTING_H_
#define TRIBUTARY_AGENT_COMMANDS_LISTING_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/commands/world.h"
#include "agent/config.h"

namespace tributary::agent {

// (logdir name, path below it): the part of a stream's identity that files have.
using StreamKey = std::pair<std::string, std::string>;

enum class Listed { kEventFiles, kAllFiles };

struct LocalFiles {
  // As the agent would find them, by key.
  std::map<StreamKey, TailedFile> files;
  // What could not be looked at, one line each.
  std::vector<std::string> problems;
  // How many the logdirs have with all below them: as many need a watch.
  uint64_t directories = 0;
  // Side files that are not delivered, one line each.
  std::vector<std::string> left_out;
};

// Looks once. Logdirs that do not exist have no files.
LocalFiles ListLocalFiles(const AgentConfig& config, const World& world,
                          Listed listed = Listed::kEventFiles);

struct KeptStreams {
  // The node's name at the collector; empty if it knows no such node.
  std::string node;
  // That are connected for this node now.
  std::vector<ingest::v1::AgentDescription> agents;
  std::map<StreamKey, ingest::v1::StreamDescription> streams;
  // The largest side file that it takes, 0 for none; nullopt if it does not know the node.
  std::optional<uint64_t> asset_bytes_max;
};

// Leaves out the side files that the collector does not take.
void KeepWhatIsTaken(const KeptStreams& kept, LocalFiles* local);

// How much of the file, as it was listed, is durable. A side file is so as a whole or not at all;
// one that was sent later than it was listed counts too.
uint64_t DurableOf(const TailedFile& file, const ingest::v1::StreamDescription& stream);
// Whether all of it is.
bool IsDurable(const TailedFile& file, const ingest::v1::StreamDescription& stream);

// FailedPrecondition if a collector whose store is `store_id` is not the one that --store names.
absl::Status ExpectStore(const AgentConfig& config, const std::string& store_id);

// All pages. Unavailable if the collector was not reached within `timeout`, naming address and
// reason; FailedPrecondition as above.
absl::StatusOr<KeptStreams> AskCollector(const AgentConfig& config, const NodeFacts& node,
                                         absl::Duration timeout, const World& world);

// Sets the values of `shown` to what the collector calls the runs that are its keys, since people
// may have renamed them; leaves them where the collector is too old to say. Errors as above.
absl::Status AskShownNames(const AgentConfig& config, const NodeFacts& node, absl::Duration timeout,
                           const World& world, std::map<std::string, std::string>* shown);

// "live", "source_shorter", "source_gone", "unreadable".
std::string StateName(ingest::v1::SourceState state);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_LISTING_H_
