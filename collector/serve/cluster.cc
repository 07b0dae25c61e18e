#include "collector/serve/cluster.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/answers.h"
#include "collector/serve/json_writer.h"
#include "common/status_macros.h"

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

void WriteStream(const StreamStatus& stream, const RunDecisions& decisions, JsonWriter* writer) {
  writer->BeginObject();
  WriteText("run", decisions.ShownAs(stream.run), writer);
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

// What the query chooses.
struct Question {
  std::optional<absl::string_view> node;
  std::optional<absl::string_view> after;
  int64_t nodes_max = INT64_MAX;
  int64_t streams_max = INT64_MAX;  // of each node
  int64_t streams_skip = 0;
  std::string find;  // in lower case
  bool attention = false;
  // Runs are found and written under the names that are shown.
  const RunDecisions* decisions = nullptr;

  bool Wants(const StreamStatus& stream) const {
    if (attention && !NeedsAttention(stream)) return false;
    return find.empty() ||
           absl::StrContains(absl::AsciiStrToLower(decisions->ShownAs(stream.run)), find) ||
           absl::StrContains(absl::AsciiStrToLower(stream.file), find);
  }
};

absl::StatusOr<Question> ParseQuestion(const http::Request& request) {
  Question question;
  question.node = request.QueryValue("node");
  question.after = request.QueryValue("after");
  ASSIGN_OR_RETURN(question.nodes_max,
                   BoundedParameter(request, "limit", {1, INT64_MAX, INT64_MAX}));
  ASSIGN_OR_RETURN(question.streams_max,
                   BoundedParameter(request, "streams", {0, INT64_MAX, INT64_MAX}));
  ASSIGN_OR_RETURN(question.streams_skip, BoundedParameter(request, "skip", {0, INT64_MAX, 0}));
  question.find = absl::AsciiStrToLower(request.QueryValue("find").value_or(""));
  const absl::string_view only = request.QueryValue("only").value_or("");
  if (!only.empty() && only != "attention") {
    return absl::InvalidArgumentError("\"only\" must be \"attention\", or absent");
  }
  question.attention = !only.empty();
  return question;
}

// The streams that are asked for, and how many there are without the bounds of the page.
void WriteStreams(const NodeStatus& node, const Question& question, JsonWriter* writer) {
  int64_t found = 0;
  writer->Key("streams");
  writer->BeginArray();
  if (question.find.empty() && !question.attention) {
    found = static_cast<int64_t>(node.streams.size());
    const int64_t begin = std::min(question.streams_skip, found);
    const int64_t end = begin + std::min(question.streams_max, found - begin);
    for (int64_t i = begin; i < end; ++i) {
      WriteStream(node.streams[static_cast<size_t>(i)], *question.decisions, writer);
    }
  } else {
    for (const StreamStatus& stream : node.streams) {
      if (!question.Wants(stream)) continue;
      if (found >= question.streams_skip && found - question.streams_skip < question.streams_max) {
        WriteStream(stream, *question.decisions, writer);
      }
      ++found;
    }
  }
  writer->EndArray();
  writer->Key("streams_found");
  writer->Int(found);
}

void WriteTotals(const StreamTotals& totals, JsonWriter* writer) {
  writer->Key("totals");
  writer->BeginObject();
  WriteCount("streams", totals.streams, writer);
  WriteCount("size", totals.size_bytes, writer);
  WriteCount("records", totals.records, writer);
  WriteCount("received", totals.received_bytes, writer);
  WriteCount("durable", totals.durable_bytes, writer);
  WriteCount("holes", totals.holes, writer);
  WriteCount("hole_bytes", totals.hole_bytes, writer);
  WriteCount("attention", totals.attention, writer);
  writer->EndObject();
}

void WriteAgents(const std::vector<AgentStatus>& agents, JsonWriter* writer) {
  writer->Key("agents");
  writer->BeginArray();
  for (const AgentStatus& agent : agents) {
    writer->BeginObject();
    writer->Key("pid");
    writer->Int(agent.pid);
    WriteText("version", agent.version, writer);
    WriteText("peer", agent.peer, writer);
    WriteTexts("logdirs", agent.logdirs, writer);
    writer->EndObject();
  }
  writer->EndArray();
}

// `lag_s`: seconds for which the oldest byte that is known and not durable may have waited: since
// the last byte arrived. 0 if all is durable.
void WriteTimes(const NodeStatus& node, absl::Time now, JsonWriter* writer) {
  const bool ever = node.last_record > absl::InfinitePast();
  writer->Key("last_record");
  if (ever) {
    writer->Double(absl::ToDoubleSeconds(node.last_record - absl::UnixEpoch()));
  } else {
    writer->Null();
  }
  writer->Key("lag_s");
  if (ever) {
    const double waited = absl::ToDoubleSeconds(now - node.last_record);
    writer->Double(node.totals.behind > 0 ? std::max(waited, 0.0) : 0.0);
  } else {
    writer->Null();
  }
}

void WriteNode(const NodeStatus& node, const ServiceView& services, const Question& question,
               absl::Time now, JsonWriter* writer) {
  writer->BeginObject();
  WriteText("name", node.name, writer);
  WriteText("state", node.state, writer);
  WriteAgents(node.agents, writer);
  WriteServices(node.name, services, writer);
  WriteText("version", node.version, writer);
  writer->Key("clock_offset_s");
  writer->Double(node.clock_offset_s);
  WriteTimes(node, now, writer);
  WriteTotals(node.totals, writer);
  WriteStreams(node, question, writer);
  writer->EndObject();
}

void WriteCollector(const CollectorFacts& collector, JsonWriter* writer) {
  writer->Key("collector");
  writer->BeginObject();
  WriteText("version", collector.version, writer);
  if (!collector.join_command.empty()) {
    WriteText("join", collector.join_command, writer);
    WriteText("join_note", collector.join_note, writer);
  }
  writer->EndObject();
}

void WriteConflicts(const std::vector<ConflictStatus>& conflicts, JsonWriter* writer) {
  for (const ConflictStatus& conflict : conflicts) {
    writer->BeginObject();
    WriteText("kind", conflict.kind, writer);
    WriteText("wanted", conflict.wanted, writer);
    WriteTexts("holders", conflict.holders, writer);
    WriteText("resolution", conflict.resolution, writer);
    writer->EndObject();
  }
}

}  // namespace

http::Response ClusterAnswer(const ClusterSnapshot& snapshot, const ServiceView& services,
                             const RunDecisions& decisions, const CollectorFacts& collector,
                             absl::Time now, const http::Request& request) {
  if (request.method != "GET" && request.method != "HEAD") return MethodNotAllowed("GET, HEAD");
  absl::StatusOr<Question> question = ParseQuestion(request);
  if (!question.ok()) return ErrorAnswer(question.status());
  question->decisions = &decisions;
  int64_t left = question->nodes_max;
  const std::string* last = nullptr;
  bool more = false;
  JsonWriter writer;
  writer.BeginObject();
  WriteText("store_id", snapshot.store_id, &writer);
  WriteCollector(collector, &writer);
  writer.Key("time");
  writer.Double(absl::ToDoubleSeconds(now - absl::UnixEpoch()));
  writer.Key("nodes");
  writer.BeginArray();
  const std::vector<NodeStatus> others = NodesOfServices(services, snapshot.nodes);
  std::map<absl::string_view, const NodeStatus*> by_name;
  for (const std::vector<NodeStatus>* nodes : {&snapshot.nodes, &others}) {
    for (const NodeStatus& node : *nodes) by_name.emplace(node.name, &node);
  }
  for (const auto& [name, shown] : by_name) {
    const NodeStatus& node = *shown;
    if (question->node.has_value() && node.name != *question->node) continue;
    if (question->after.has_value() && node.name <= *question->after) continue;
    if (left-- == 0) {
      more = true;
      break;
    }
    WriteNode(node, services, *question, now, &writer);
    last = &node.name;
  }
  writer.EndArray();
  writer.Key("conflicts");
  writer.BeginArray();
  WriteConflicts(snapshot.conflicts, &writer);
  WriteConflicts(services.snapshot.conflicts, &writer);
  writer.EndArray();
  if (more) WriteText("next", *last, &writer);
  writer.EndObject();
  return JsonAnswer(&writer);
}

}  // namespace tributary::serve
