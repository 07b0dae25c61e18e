#include "agent/commands/status.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "agent/commands/cluster_answer.h"
#include "agent/commands/cluster_text.h"
#include "agent/commands/listing.h"
#include "common/text.h"
#include "common/utf8.h"

namespace tributary::agent {
namespace {

// One stream, here, there, or both.
struct Row {
  StreamKey key;
  std::optional<uint64_t> size_bytes;
  std::string kind;  // "event", "asset"
  std::string run;
  uint64_t received = 0;
  uint64_t durable = 0;
  std::string state;  // empty: the collector has no such stream
};

std::vector<Row> Join(const LocalFiles& local, const KeptStreams& kept) {
  std::set<StreamKey> keys;
  for (const auto& [key, file] : local.files) keys.insert(key);
  for (const auto& [key, stream] : kept.streams) keys.insert(key);
  std::vector<Row> rows;
  for (const StreamKey& key : keys) {
    Row row;
    row.key = key;
    const auto file = local.files.find(key);
    if (file != local.files.end()) row.size_bytes = file->second.stat.size_bytes;
    row.kind = IsEventFileName(BaseName(key.second)) ? "event" : "asset";
    if (const auto stream = kept.streams.find(key); stream != kept.streams.end()) {
      row.run = stream->second.run();
      const bool is_asset = stream->second.kind() == ingest::v1::STREAM_KIND_ASSET;
      row.kind = is_asset ? "asset" : "event";
      row.received = stream->second.received();
      row.durable = stream->second.durable();
      row.state = StateName(stream->second.state());
      if (is_asset && file != local.files.end()) {
        // Of the file that is here.
        row.durable = DurableOf(file->second, stream->second);
        row.received = row.durable;
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string NameOf(const StreamKey& key) {
  return key.first.empty() ? key.second : absl::StrCat(key.first, "=", key.second);
}

// `cluster` is the collector's own JSON.
std::string Json(const std::vector<Row>& rows, const std::string& node, absl::string_view cluster) {
  std::string json = absl::StrCat("{\"node\":", JsonString(node), ",\"streams\":[");
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    absl::StrAppend(&json, i == 0 ? "" : ",", "{\"run\":", JsonString(row.run),
                    ",\"file\":", JsonString(row.key.second), ",\"kind\":", JsonString(row.kind),
                    ",\"logdir\":", JsonString(row.key.first), ",\"size\":",
                    row.size_bytes.has_value() ? absl::StrCat(*row.size_bytes) : "null",
                    ",\"received\":", row.received, ",\"durable\":", row.durable,
                    ",\"state\":", JsonString(row.state.empty() ? "not_opened" : row.state), "}");
  }
  return absl::StrCat(json, "],\"cluster\":", cluster, "}\n");
}

std::string Text(const std::vector<Row>& rows, const std::string& node) {
  std::vector<std::vector<std::string>> cells;
  uint64_t behind = 0;
  uint64_t bytes = 0;
  for (const Row& row : rows) {
    cells.push_back({row.run, NameOf(row.key),
                     row.size_bytes.has_value() ? absl::StrCat(*row.size_bytes) : "-",
                     absl::StrCat(row.received), absl::StrCat(row.durable),
                     row.state.empty() ? "not opened" : row.state});
    if (row.size_bytes.value_or(0) > row.durable) {
      ++behind;
      bytes += *row.size_bytes - row.durable;
    }
  }
  std::string text =
      rows.empty() ? "" : TextTable({"RUN", "FILE", "SIZE", "RECEIVED", "DURABLE", "STATE"}, cells);
  absl::StrAppend(&text, Counted(rows.size(), "file"), "; ");
  if (behind == 0) {
    absl::StrAppend(&text, "all that is here is durable");
  } else {
    absl::StrAppend(&text, Counted(behind, "file"), " with ", HumanBytes(bytes),
                    " that are not durable");
  }
  if (node.empty()) absl::StrAppend(&text, "; the collector does not know this node yet");
  return absl::StrCat(text, "\n");
}

int ShowCluster(const AgentConfig& config, const World& world) {
  const absl::StatusOr<ClusterAnswer> cluster = AskCluster(config, /*node=*/"", world);
  if (!cluster.ok()) {
    PrintError(world, cluster.status().message());
    return kExitFailed;
  }
  *world.out << (config.values.json ? absl::StrCat(cluster->json, "\n") : ClusterText(*cluster));
  return kExitGood;
}

}  // namespace

int StatusCommand(const AgentConfig& config, const World& world) {
  if (config.values.cluster) return ShowCluster(config, world);
  const absl::StatusOr<NodeFacts> node = NodeOf(config, world);
  if (!node.ok()) {
    PrintError(world, node.status().message());
    return kExitUsage;
  }
  const absl::StatusOr<KeptStreams> kept =
      AskCollector(config, *node, config.values.connect_timeout, world);
  if (!kept.ok()) {
    PrintError(world, kept.status().message());
    return kExitFailed;
  }
  LocalFiles local = ListLocalFiles(config, world, Listed::kAllFiles);
  KeepWhatIsTaken(*kept, &local);
  for (const std::string& problem : local.problems) PrintError(world, problem);
  for (const std::string& line : local.left_out) PrintError(world, line);
  const std::vector<Row> rows = Join(local, *kept);
  // A node that has only services is not among those that have files.
  const std::string name = kept->node.empty() ? ValidUtf8(node->node.value) : kept->node;
  const absl::StatusOr<ClusterAnswer> cluster = AskCluster(config, name, world);
  if (!cluster.ok()) {
    PrintError(world, absl::StrCat("services are not known: ", cluster.status().message()));
  }
  if (config.values.json) {
    *world.out << Json(rows, kept->node, cluster.ok() ? cluster->json : "null");
  } else {
    *world.out << Text(rows, kept->node) << (cluster.ok() ? NodeText(*cluster) : "");
  }
  return kExitGood;
}

}  // namespace tributary::agent
