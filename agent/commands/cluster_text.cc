#include "agent/commands/cluster_text.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/text.h"

namespace tributary::agent {
namespace {

using Picture = cluster::v1::ClusterPicture;
using Rows = std::vector<std::vector<std::string>>;

// As the Cluster tab has them (cluster_tab/trouble.js).
constexpr double kClockOffsetMaxSeconds = 5;
constexpr double kLagMaxSeconds = 20;

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

bool IsConnected(const Picture::Node& node) { return node.state() == "connected"; }

uint64_t PendingBytes(const Picture::Node& node) {
  return node.totals().size() - std::min(node.totals().size(), node.totals().durable());
}

// "+0.2 s", "-12 s".
std::string OffsetText(double seconds) {
  if (std::abs(seconds) < 0.05) return "0 s";
  if (std::abs(seconds) < 9.95) return absl::StrFormat("%+.1f s", seconds);
  if (std::abs(seconds) < 99.5) return absl::StrFormat("%+.0f s", seconds);
  return absl::StrCat(seconds < 0 ? "-" : "+", HumanDuration(absl::Seconds(std::abs(seconds))));
}

std::string LastRecordText(const Picture::Node& node, double now) {
  // The collector knows of what came since it started; what it has without came before.
  if (!node.has_last_record()) return node.totals().durable() > 0 ? "before restart" : "never";
  const double ago = now - node.last_record();
  return ago < 1 ? "now" : absl::StrCat(HumanDuration(absl::Seconds(ago)), " ago");
}

// What a person should look at; empty for a node that is well.
std::string Troubles(const Picture::Node& node) {
  std::vector<std::string> found;
  const Picture::Totals& totals = node.totals();
  if (totals.attention() > 0) {
    found.push_back(absl::StrCat(
        Counted(totals.attention(), "file"), totals.attention() == 1 ? " needs" : " need",
        " a look",
        totals.holes() == 0 ? "" : absl::StrCat(" (", Counted(totals.holes(), "hole"), ")")));
  }
  if (IsConnected(node) && std::abs(node.clock_offset_s()) > kClockOffsetMaxSeconds) {
    found.push_back(absl::StrCat("its clock is off by ", OffsetText(node.clock_offset_s())));
  }
  if (node.lag_s() > kLagMaxSeconds) {
    found.push_back(absl::StrCat(HumanBytes(PendingBytes(node)), " have waited for ",
                                 HumanDuration(absl::Seconds(node.lag_s()))));
  }
  return absl::StrJoin(found, "; ");
}

// Troubled ones first, then those that are away; each by name.
std::string NodesTable(const Picture& picture) {
  std::vector<std::pair<int, std::vector<std::string>>> placed;
  for (const Picture::Node& node : picture.nodes()) {
    const Picture::Totals& totals = node.totals();
    const std::string troubles = Troubles(node);
    placed.emplace_back(!troubles.empty()   ? 0
                        : IsConnected(node) ? 2
                                            : 1,
                        std::vector<std::string>{
                            node.name(), node.state(), LastRecordText(node, picture.time()),
                            node.has_lag_s() ? HumanDuration(absl::Seconds(node.lag_s())) : "-",
                            absl::StrCat(totals.streams()), HumanBytes(totals.durable()),
                            HumanBytes(PendingBytes(node)), absl::StrCat(totals.holes()),
                            IsConnected(node) ? OffsetText(node.clock_offset_s()) : "-",
                            OrDash(node.version()), OrDash(troubles)});
  }
  std::sort(placed.begin(), placed.end());
  Rows rows;
  for (auto& [place, cells] : placed) rows.push_back(std::move(cells));
  return TextTable({"NODE", "STATE", "LAST RECORD", "LAG", "FILES", "DURABLE", "PENDING", "HOLES",
                    "CLOCK", "VERSION", "TROUBLE"},
                   rows);
}

struct PlacedService {
  const Picture::Node* node;
  const Picture::Service* service;

  // Nobody answers at the others.
  bool opens() const { return service->state() == "live"; }
};

// Those that do not open first; each by node and name, as the answer has them.
std::vector<PlacedService> ServicesOf(const Picture& picture) {
  std::vector<PlacedService> services;
  for (const bool opens : {false, true}) {
    for (const Picture::Node& node : picture.nodes()) {
      for (const Picture::Service& service : node.services()) {
        const PlacedService placed = {&node, &service};
        if (placed.opens() == opens) services.push_back(placed);
      }
    }
  }
  return services;
}

std::string ServicesTable(const std::vector<PlacedService>& services, const std::string& origin) {
  Rows rows;
  for (const PlacedService& placed : services) {
    const Picture::Service& service = *placed.service;
    rows.push_back({service.service(), placed.node->name(), absl::StrCat(service.port()),
                    service.state(), service.mode(),
                    placed.opens() ? absl::StrCat(origin, service.url()) : "-",
                    OrDash(service.command())});
  }
  return TextTable({"SERVICE", "NODE", "PORT", "STATE", "MODE", "OPENS AT", "COMMAND"}, rows);
}

std::string ConflictsTable(const Picture& picture) {
  Rows rows;
  for (const Picture::Conflict& conflict : picture.conflicts()) {
    rows.push_back({absl::StrCat(conflict.kind(), " ", conflict.wanted()),
                    absl::StrJoin(conflict.holders(), " and "), conflict.resolution()});
  }
  return TextTable({"WANTED TWICE", "BY", "WHAT WAS DONE"}, rows);
}

std::string NodesLine(const Picture& picture) {
  uint64_t connected = 0;
  uint64_t troubled = 0;
  uint64_t files = 0;
  uint64_t durable_bytes = 0;
  uint64_t pending_bytes = 0;
  uint64_t holes = 0;
  for (const Picture::Node& node : picture.nodes()) {
    connected += IsConnected(node) ? 1 : 0;
    troubled += Troubles(node).empty() ? 0 : 1;
    files += node.totals().streams();
    durable_bytes += node.totals().durable();
    pending_bytes += PendingBytes(node);
    holes += node.totals().holes();
  }
  const auto nodes = static_cast<uint64_t>(picture.nodes_size());
  if (nodes == 0) return "no node has joined yet";
  return absl::StrCat(Counted(nodes, "node"), ": ", connected, " connected, ", nodes - connected,
                      " away, ", troubled, troubled == 1 ? " needs" : " need", " a look; ",
                      Counted(files, "file"), ", ", HumanBytes(durable_bytes), " durable, ",
                      HumanBytes(pending_bytes), " pending, ", Counted(holes, "hole"));
}

std::string ServicesLine(const std::vector<PlacedService>& services) {
  const auto open = static_cast<uint64_t>(
      std::count_if(services.begin(), services.end(),
                    [](const PlacedService& placed) { return placed.opens(); }));
  if (open == services.size()) return Counted(services.size(), "service");
  return absl::StrCat(Counted(services.size(), "service"), ", of which ", open,
                      open == 1 ? " opens" : " open");
}

// What the collector knows and this does not show.
std::string LeftOut(const ClusterAnswer& answer) {
  std::string text;
  if (!answer.picture.next().empty()) {
    absl::StrAppend(&text, "left out: nodes after ", Printable(answer.picture.next()), "\n");
  }
  if (answer.picture.nodes_size() > 0) {
    absl::StrAppend(&text, "left out: the files of nodes; ", Printable(answer.url),
                    "?node=NODE has them\n");
  }
  return text;
}

}  // namespace

std::string ClusterText(const ClusterAnswer& answer) {
  const Picture& picture = answer.picture;
  const std::vector<PlacedService> services = ServicesOf(picture);
  std::string text;
  if (picture.nodes_size() > 0) absl::StrAppend(&text, NodesTable(picture), "\n");
  if (!services.empty()) absl::StrAppend(&text, ServicesTable(services, answer.origin), "\n");
  if (picture.conflicts_size() > 0) absl::StrAppend(&text, ConflictsTable(picture), "\n");
  absl::StrAppend(&text, NodesLine(picture), "\n", ServicesLine(services), "; ",
                  Counted(static_cast<uint64_t>(picture.conflicts_size()), "conflict"), "\n",
                  LeftOut(answer));
  return text;
}

std::string NodeText(const ClusterAnswer& answer) {
  const Picture& picture = answer.picture;
  const std::vector<PlacedService> services = ServicesOf(picture);
  std::string text;
  if (!services.empty()) {
    absl::StrAppend(&text, "\n", ServicesTable(services, answer.origin), ServicesLine(services),
                    "\n");
  }
  for (const Picture::Node& node : picture.nodes()) {
    const std::string troubles = Troubles(node);
    if (!troubles.empty()) absl::StrAppend(&text, "this node: ", troubles, "\n");
  }
  if (const auto conflicts = static_cast<uint64_t>(picture.conflicts_size()); conflicts > 0) {
    absl::StrAppend(&text, "the cluster: ", Counted(conflicts, "conflict"),
                    ", which status --cluster lists\n");
  }
  return text;
}

}  // namespace tributary::agent
