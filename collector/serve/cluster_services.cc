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

// The collector itself.
bool IsOwn(const ServiceStatus& status) {
  return status.session == 0 && status.state == ServiceState::kLive;
}

// Where the viewer who asks opens the service: a path of this server, or an origin of its own on
// the same port.
std::string UrlOf(const ServiceStatus& status, const ServiceView& view,
                  const http::Request& request) {
  if (IsOwn(status)) return absl::StrCat(view.path_prefix, "/");
  if (status.mode != ServiceMode::kHost) {
    return absl::StrCat(view.path_prefix, ServicePath(status.node, status.service), "/");
  }
  const absl::string_view host = request.Header("host");
  const size_t colon = host.rfind(':');
  const bool has_port =
      colon != absl::string_view::npos && host.find(']', colon) == absl::string_view::npos;
  return absl::StrCat("//", ServiceHostLabel(status.node, status.service), ".localhost",
                      has_port ? host.substr(colon) : "", "/");
}

void WriteText(absl::string_view key, absl::string_view value, JsonWriter* writer) {
  writer->Key(key);
  writer->String(value);
}

}  // namespace

void WriteServices(const std::string& node, const ServiceView& view, const http::Request& request,
                   JsonWriter* writer) {
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
    WriteText("url", UrlOf(status, view, request), writer);
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
    // The head node is none for our own port alone.
    if (names.contains(key.first) || IsOwn(status)) continue;
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
