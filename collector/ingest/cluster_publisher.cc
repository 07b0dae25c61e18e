#include "collector/ingest/cluster_publisher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tributary {
namespace {

std::string StateOf(const StreamEntry& entry) {
  if (entry.failed) return "failed";
  if (entry.overwritten) return "overwritten";
  switch (entry.source_state) {
    case ingest::v1::SOURCE_STATE_SHORTER:
      return "source_shorter";
    case ingest::v1::SOURCE_STATE_GONE:
      return "source_gone";
    case ingest::v1::SOURCE_STATE_UNREADABLE:
      return "failed";
    default:
      return "live";
  }
}

}  // namespace

void ClusterPublisher::PublishIfChanged() {
  if (streams_->version() == published_version_) return;
  const absl::Duration began = clock_->Monotonic();
  if (began < not_before_) return;
  published_version_ = streams_->version();
  board_->Publish(Draw());
  const absl::Duration now = clock_->Monotonic();
  not_before_ = now + (now - began) * options_.share;
}

StreamStatus ClusterPublisher::DrawStream(const StreamEntry& entry) const {
  StreamStatus status;
  const StreamIdentity& identity = entry.identity();
  status.run = entry.run().value();
  status.kind = entry.is_asset() ? "asset" : "event";
  status.logdir_name = identity.logdir_name;
  status.file = identity.path;
  status.size_bytes = std::max(entry.source_bytes, entry.received);
  if (entry.source_state == ingest::v1::SOURCE_STATE_SHORTER) {
    status.size_bytes = entry.source_bytes;
  }
  status.received_bytes = entry.received;
  status.durable_bytes = entry.durable;
  status.state = StateOf(entry);
  if (entry.is_asset()) {
    status.size_bytes = entry.source_bytes;
    return status;
  }
  for (const ByteRange& range : entry.stream->lost()) {
    if (status.holes.size() >= options_.holes_max) break;
    status.holes.push_back({range.offset, range.length_bytes, "lost"});
  }
  if (entry.index == nullptr) return status;
  status.records = entry.index->records();
  for (const Damage& damage : entry.index->damage()) {
    if (status.holes.size() >= options_.holes_max) break;
    status.holes.push_back(
        {damage.offset, damage.length_bytes, std::string(DamageCauseName(damage.cause))});
  }
  return status;
}

std::shared_ptr<ClusterSnapshot> ClusterPublisher::Draw() {
  std::map<std::string, NodeStatus> nodes;
  const auto node_of = [this, &nodes](const std::string& name) -> NodeStatus& {
    NodeStatus& node = nodes[name];
    if (node.name.empty()) {
      node.name = name;
      node.state = "away";
      node.last_record = absl::InfinitePast();
      if (const SessionTable::NodePast* past = sessions_->PastOf(name); past != nullptr) {
        node.version = past->agent_version;
        node.last_record = past->last_bytes;
      }
    }
    return node;
  };
  streams_->ForEach([&](const StreamEntry& entry) {
    node_of(entry.identity().node).streams.push_back(DrawStream(entry));
  });
  sessions_->ForEachLive([&](const Session& session) {
    NodeStatus& node = node_of(session.node());
    const ingest::v1::Hello& hello = session.hello();
    node.state = "connected";
    node.version = hello.agent_version();
    node.clock_offset_s = absl::ToDoubleSeconds(session.clock_offset());
    AgentStatus agent;
    agent.pid = hello.pid();
    agent.version = hello.agent_version();
    agent.peer = session.address();
    for (const ingest::v1::Logdir& logdir : hello.logdirs()) {
      agent.logdirs.push_back(
          logdir.name().empty() ? logdir.path() : absl::StrCat(logdir.name(), "=", logdir.path()));
    }
    node.agents.push_back(std::move(agent));
    node.last_record = std::max(node.last_record, session.last_bytes());
  });
  auto snapshot = std::make_shared<ClusterSnapshot>();
  snapshot->store_id = options_.store_id;
  snapshot->conflicts = sessions_->Conflicts();
  for (auto& [name, node] : nodes) {
    node.totals = TotalsOf(node.streams);
    snapshot->nodes.push_back(std::move(node));
  }
  return snapshot;
}

}  // namespace tributary
