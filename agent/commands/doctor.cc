#include "agent/commands/doctor.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/commands/listing.h"
#include "agent/doctor/layer.h"
#include "agent/doctor/node_layers.h"
#include "agent/doctor/report.h"
#include "common/utf8.h"

namespace tributary::agent {
namespace {

struct Layer {
  const char* name;
  LayerCheck check;
  enum Kind {
    kCarries,      // the ones after it cannot be tried if it fails
    kStands,       // nothing is built on it
    kIndependent,  // and it is built on nothing: tried in any case
  } kind;
};

constexpr Layer kWay[] = {
    {"proxy", CheckProxy, Layer::kCarries},     {"resolution", CheckResolution, Layer::kCarries},
    {"port", CheckPort, Layer::kCarries},       {"bind", CheckBind, Layer::kCarries},
    {"tcp", CheckTcp, Layer::kCarries},         {"tls", CheckTls, Layer::kIndependent},
    {"http", CheckHttp, Layer::kCarries},       {"grpc", CheckGrpc, Layer::kCarries},
    {"token", CheckToken, Layer::kIndependent}, {"store", CheckStore, Layer::kStands},
    {"version", CheckVersion, Layer::kStands},  {"clock", CheckClock, Layer::kStands},
    {"ready", CheckReady, Layer::kStands},      {"disk", CheckDisk, Layer::kStands},
    {"page", CheckPage, Layer::kStands},
};

struct Walk {
  std::vector<Finding> findings;
  bool answered = false;  // over HTTP
  bool delivers = false;  // gRPC, and the right store
};

Walk WalkTheWay(const Target& target, const Senses& senses, Evidence* evidence) {
  Walk walk;
  walk.delivers = true;
  std::string broken;
  for (const Layer& layer : kWay) {
    Finding finding = broken.empty() || layer.kind == Layer::kIndependent
                          ? layer.check(target, senses, evidence)
                          : NotTried(layer.name, absl::StrCat("needs ", broken));
    if (finding.state == LayerState::kFails && layer.kind == Layer::kCarries) broken = layer.name;
    if (finding.layer == "http" && finding.state == LayerState::kOk) walk.answered = true;
    if (finding.layer == "store" && finding.state != LayerState::kOk) walk.delivers = false;
    walk.findings.push_back(std::move(finding));
  }
  return walk;
}

void LookAtNode(const AgentConfig& config, const World& world, const NodeFacts& node,
                const Walk& walk, absl::Duration timeout, std::vector<Finding>* findings) {
  constexpr const char* kLayers[] = {"logdir",  "permissions", "files",
                                     "inotify", "writers",     "delivery"};
  if (config.logdirs.empty()) {
    for (const char* layer : kLayers) findings->push_back(NotTried(layer, "no --logdir given"));
    return;
  }
  NodeView view;
  view.config = &config;
  view.world = &world;
  view.machine = world.machine;
  view.local = ListLocalFiles(config, world);
  findings->push_back(CheckLogdirs(view));
  findings->push_back(CheckPermissions(view));
  findings->push_back(CheckEventFiles(view));
  findings->push_back(CheckInotify(view));
  findings->push_back(CheckWriters(view));
  if (!walk.delivers) {
    const auto failure =
        std::find_if(walk.findings.begin(), walk.findings.end(),
                     [](const Finding& finding) { return finding.state == LayerState::kFails; });
    findings->push_back(NotTried("delivery", absl::StrCat("needs ", failure->layer)));
    return;
  }
  findings->push_back(CheckDelivery(view, node, AskCollector(config, node, timeout, world)));
}

}  // namespace

Target TargetOf(const AgentConfig& config, const World& world, absl::Duration timeout) {
  Target target;
  std::tie(target.host, target.port) = *SplitAddress(config.collector);
  target.use_proxy = config.values.use_proxy;
  target.delivers = !config.logdirs.empty();
  target.store = config.store;
  target.own_host_name = ValidUtf8(world.host_name);
  target.own_version = world.version;
  target.timeout = timeout;
  return target;
}

Senses SensesOf(const AgentConfig& config, const World& world, absl::Duration timeout) {
  Senses senses;
  senses.network = world.network;
  senses.machine = world.machine;
  senses.clock = world.clock;
  senses.environment = world.environment;
  senses.describe_collector = [&config, &world, timeout] {
    ingest::v1::DescribeCollectorRequest request;
    request.set_agent_version(world.version);
    return world.describe_collector(config, request, timeout);
  };
  senses.describe_nobody = [&config, &world, timeout] {
    return world.describe(config, ingest::v1::DescribeNodeRequest(), timeout).status();
  };
  return senses;
}

int DoctorCommand(const AgentConfig& config, const World& world) {
  const absl::StatusOr<NodeFacts> node = NodeOf(config, world);
  if (!node.ok()) {
    PrintError(world, node.status().message());
    return kExitUsage;
  }
  const absl::Duration timeout = std::min(config.values.connect_timeout, absl::Seconds(5));
  const Target target = TargetOf(config, world, timeout);
  const Senses senses = SensesOf(config, world, timeout);
  Evidence evidence;
  Walk walk = WalkTheWay(target, senses, &evidence);
  Report report;
  report.collector = config.collector;
  report.findings = walk.findings;
  LookAtNode(config, world, *node, walk, timeout, &report.findings);
  report.advice = WhereToOpen(target, senses, evidence, walk.answered);
  *world.out << (config.values.json ? ReportJson(report) : ReportText(report));
  return report.failure() == nullptr ? kExitGood : kExitFailed;
}

}  // namespace tributary::agent
