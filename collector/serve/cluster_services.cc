#include "collector/serve/cluster_services.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "collector/registry/service_address.h"

namespace tributary::serve {
namespace {

absl::string_view ModeName(ServiceMode mode) {
  switch (mode) {
    case ServiceMode::kKeep:
      return "keep";
    case ServiceMode::kStrip:
      return "strip";
    case ServiceMode::kHost:
      return "host";
  }
  return "";
}

absl::string_view StateName(ServiceState state) {
  switch (state) {
    case ServiceState::kStarting:
      return "starting";
    case ServiceState::kLive:
      return "live";
    case ServiceState::kStale:
      return "stale";
  }
  return "";
}

// Where the service opens. One with an origin of its own opens there, too: which one depends on the
// name that the viewer comes by, and the gateway sends the browser on.
std::string UrlOf(const ServiceStatus& status, const ServiceView& view) {
  return absl::StrCat(view.path_prefix, ServicePath(status.node, status.service), "/");
}

void WriteText(absl::string_view key, absl::string_view value, JsonWriter* writer) {
  writer->Key(key);
  writer->String(value);
}

}  // namespace

void WriteServices(const std::string& node, const ServiceView& view, JsonWriter* writer) {
  writer->Key("services");
  writer->BeginArray();
  const auto& services = view.snapshot.services;
  for (auto it = services.lower_bound({node, ""}); it != services.end() && it->first.first == node;
       ++it) {
    const ServiceStatus& status = it->second;
    writer->BeginObject();
    WriteText("service", status.service, writer);
    writer->Key("port");
    writer->Int(status.port);
    WriteText("url", UrlOf(status, view), writer);
    WriteText("mode", ModeName(status.mode), writer);
    WriteText("state", StateName(status.state), writer);
    WriteText("command", status.command, writer);
    WriteText("user", status.user, writer);
    writer->Key("pid");
    writer->Int(status.pid);
    writer->Key("since");
    writer->Double(absl::ToDoubleSeconds(status.since - absl::UnixEpoch()));
    writer->EndObject();
  }
  writer->EndArray();
}

std::vector<NodeStatus> NodesOfServices(const ServiceView& view,
                                        const std::vector<NodeStatus>& known) {
  std::set<absl::string_view> names;
  for (const NodeStatus& node : known) names.insert(node.name);
  std::vector<NodeStatus> nodes;
  for (const auto& [key, status] : view.snapshot.services) {
    if (names.contains(key.first)) continue;
    if (nodes.empty() || nodes.back().name != key.first) {
      NodeStatus node;
      node.name = key.first;
      node.state = "away";
      node.last_record = absl::InfinitePast();
      nodes.push_back(std::move(node));
    }
    if (status.state != ServiceState::kStale) nodes.back().state = "connected";
  }
  return nodes;
}

}  // namespace tributary::serve
