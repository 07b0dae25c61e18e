// The two sides that commands compare: the files that are here, and the streams that the collector
// keeps.
#ifndef TRIBUTARY_AGENT_COMMANDS_LISTING_H_
#define TRIBUTARY_AGENT_COMMANDS_LISTING_H_

#include <map>
#include <optional>
#include <set>
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

// Which node is asked about: the one that the collector knows, or the one that it would make of
// this machine now.
enum class AskedNode { kKnown, kForeseen };

// All pages. Unavailable if the collector was not reached within `timeout`, naming address and
// reason; FailedPrecondition if it is not the store that --store names; AlreadyExists, only of a
// foreseen node, if an agent of this machine would be refused.
absl::StatusOr<KeptStreams> AskCollector(const AgentConfig& config, const NodeFacts& node,
                                         absl::Duration timeout, const World& world,
                                         AskedNode asked = AskedNode::kKnown);

// What the collector has of a run.
struct RunAtCollector {
  // Its name there, since people may have renamed it. As it was asked for where the collector is
  // too old to say.
  std::string shown_as;
  // nullopt where it is too old to say.
  std::optional<ingest::v1::RunDescription> description;
};

// By the names that are asked for. `kept_node` is the node's name as AskCollector had it. Errors as
// above.
absl::StatusOr<std::map<std::string, RunAtCollector>> AskRuns(
    const AgentConfig& config, const NodeFacts& node, const std::string& kept_node,
    const std::set<std::string>& runs, absl::Duration timeout, const World& world);

// "live", "source_shorter", "source_gone", "unreadable".
std::string StateName(ingest::v1::SourceState state);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_LISTING_H_
