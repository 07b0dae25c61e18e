#include "collector/serve/cluster.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "collector/serve/answers.h"
#include "collector/serve/json_writer.h"

namespace tributary::serve {
namespace {

void WriteText(absl::string_view key, absl::string_view value, JsonWriter* writer) {
  writer->Key(key);
  writer->String(value);
}

void WriteCount(absl::string_view key, uint64_t value, JsonWriter* writer) {
  writer->Key(key);
  writer->Uint(value);
}

void WriteTexts(absl::string_view key, const std::vector<std::string>& values, JsonWriter* writer) {
  writer->Key(key);
  writer->BeginArray();
  for (const std::string& value : values) writer->String(value);
  writer->EndArray();
}

void WriteStream(const StreamStatus& stream, JsonWriter* writer) {
  writer->BeginObject();
  WriteText("run", stream.run, writer);
  WriteText("logdir", stream.logdir_name, writer);
  WriteText("file", stream.file, writer);
  WriteText("kind", stream.kind, writer);
  WriteCount("size", stream.size_bytes, writer);
  WriteCount("records", stream.records, writer);
  WriteCount("received", stream.received_bytes, writer);
  WriteCount("durable", stream.durable_bytes, writer);
  WriteText("state", stream.state, writer);
  writer->Key("holes");
  writer->BeginArray();
  for (const StreamStatus::Hole& hole : stream.holes) {
    writer->BeginObject();
    WriteCount("offset", hole.offset, writer);
    WriteCount("length", hole.length_bytes, writer);
    WriteText("cause", hole.cause, writer);
    writer->EndObject();
  }
  writer->EndArray();
  writer->EndObject();
}

// Seconds for which the oldest byte that is known and not durable may have waited: since the last
// byte arrived. 0 if all is durable.
double LagSeconds(const NodeStatus& node, absl::Time now) {
  const bool behind =
      std::any_of(node.streams.begin(), node.streams.end(), [](const StreamStatus& stream) {
        return stream.state == "live" && stream.durable_bytes < stream.size_bytes;
      });
  return behind ? std::max(absl::ToDoubleSeconds(now - node.last_record), 0.0) : 0.0;
}

void WriteNode(const NodeStatus& node, absl::Time now, JsonWriter* writer) {
  const bool ever = node.last_record > absl::InfinitePast();
  writer->BeginObject();
  WriteText("name", node.name, writer);
  WriteText("state", node.state, writer);
  writer->Key("agents");
  writer->BeginArray();
  for (const AgentStatus& agent : node.agents) {
    writer->BeginObject();
    writer->Key("pid");
    writer->Int(agent.pid);
    WriteText("version", agent.version, writer);
    WriteText("peer", agent.peer, writer);
    WriteTexts("logdirs", agent.logdirs, writer);
    writer->EndObject();
  }
  writer->EndArray();
  writer->Key("services");
  writer->BeginArray();
  writer->EndArray();
  WriteText("version", node.version, writer);
  writer->Key("clock_offset_s");
  writer->Double(node.clock_offset_s);
  writer->Key("last_record");
  if (ever) {
    writer->Double(absl::ToDoubleSeconds(node.last_record - absl::UnixEpoch()));
  } else {
    writer->Null();
  }
  writer->Key("lag_s");
  if (ever) {
    writer->Double(LagSeconds(node, now));
  } else {
    writer->Null();
  }
  writer->Key("streams");
  writer->BeginArray();
  for (const StreamStatus& stream : node.streams) WriteStream(stream, writer);
  writer->EndArray();
  writer->EndObject();
}

void WriteConflicts(const std::vector<ConflictStatus>& conflicts, JsonWriter* writer) {
  writer->Key("conflicts");
  writer->BeginArray();
  for (const ConflictStatus& conflict : conflicts) {
    writer->BeginObject();
    WriteText("kind", conflict.kind, writer);
    WriteText("wanted", conflict.wanted, writer);
    WriteTexts("holders", conflict.holders, writer);
    WriteText("resolution", conflict.resolution, writer);
    writer->EndObject();
  }
  writer->EndArray();
}

}  // namespace

http::Response ClusterAnswer(const ClusterSnapshot& snapshot, absl::Time now,
                             const http::Request& request) {
  if (request.method != "GET" && request.method != "HEAD") return MethodNotAllowed("GET, HEAD");
  const absl::StatusOr<int64_t> limit =
      BoundedParameter(request, "limit", {1, INT64_MAX, INT64_MAX});
  if (!limit.ok()) return ErrorAnswer(limit.status());
  const std::optional<absl::string_view> node_name = request.QueryValue("node");
  const std::optional<absl::string_view> after = request.QueryValue("after");
  int64_t left = *limit;
  const std::string* last = nullptr;
  bool more = false;
  JsonWriter writer;
  writer.BeginObject();
  WriteText("store_id", snapshot.store_id, &writer);
  writer.Key("nodes");
  writer.BeginArray();
  for (const NodeStatus& node : snapshot.nodes) {  // by name
    if (node_name.has_value() && node.name != *node_name) continue;
    if (after.has_value() && node.name <= *after) continue;
    if (left-- == 0) {
      more = true;
      break;
    }
    WriteNode(node, now, &writer);
    last = &node.name;
  }
  writer.EndArray();
  WriteConflicts(snapshot.conflicts, &writer);
  if (more) WriteText("next", *last, &writer);
  writer.EndObject();
  return JsonAnswer(&writer);
}

}  // namespace tributary::serve
