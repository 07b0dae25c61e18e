// What the layers between this machine and the collector are asked, what they may touch, and what
// they leave for those above them.
#ifndef TRIBUTARY_AGENT_DOCTOR_LAYER_H_
#define TRIBUTARY_AGENT_DOCTOR_LAYER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/doctor/finding.h"
#include "agent/doctor/machine.h"
#include "agent/doctor/network.h"
#include "agent/node_facts.h"
#include "common/clock.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary::agent {

struct Target {
  // As given by --collector.
  std::string host;
  uint16_t port = 0;
  bool use_proxy = false;
  // Somebody wants to deliver: logdirs were given.
  bool delivers = false;
  // The expected store; empty: any.
  std::string store;
  // Of this machine and this program.
  std::string own_host_name;
  std::string own_version;
  // For each step that waits for another machine.
  absl::Duration timeout = absl::Seconds(5);
};
// "head:6006", "[::1]:6006".
std::string TargetText(const Target& target);

// All outlive the checks.
struct Senses {
  Network* network = nullptr;
  Machine* machine = nullptr;
  Clock* clock = nullptr;
  Environment environment;
  // As in grpc_describe.h. The second asks for a node of no name: by its error one sees whether a
  // collector answers that does not know the first call.
  std::function<absl::StatusOr<ingest::v1::DescribeCollectorResponse>()> describe_collector;
  std::function<absl::Status()> describe_nobody;
};

// Helpers of several layers.

// What a collector needs to be started with for agents of other machines.
inline constexpr char kOpenFlags[] = "--bind_all --plaintext --no-auth";

// Of this machine.
bool IsOwn(const std::string& ip, const Senses& senses);
// What to do if a collector of this machine listens elsewhere; empty if none is seen.
std::string CollectorElsewhere(const Target& target, const Senses& senses);

// What lower layers found for higher ones.
struct Evidence {
  std::vector<std::string> addresses;  // of the target
  bool on_this_machine = false;
  bool proxied = false;
  // Who holds the port, if it is of this machine: "ssh (pid 5)". Empty: unknown.
  std::string holder;
  std::optional<Endpoint> endpoint;  // that was reached
  std::unique_ptr<Connection> connection;
  std::optional<ingest::v1::DescribeCollectorResponse> collector;
  // Browsers are refused by the name that was given, and not by the address.
  bool name_refused = false;
  // By which this machine's clock is before (positive) or behind the collector's.
  absl::Duration clock_offset;
  absl::Duration clock_uncertainty;
};

// One layer. Called once, after those that it builds on.
using LayerCheck = Finding (*)(const Target& target, const Senses& senses, Evidence* evidence);

// From a name to an answer over HTTP, in this order.
Finding CheckResolution(const Target& target, const Senses& senses, Evidence* evidence);
Finding CheckProxy(const Target& target, const Senses& senses, Evidence* evidence);
Finding CheckPort(const Target& target, const Senses& senses, Evidence* evidence);
Finding CheckBind(const Target& target, const Senses& senses, Evidence* evidence);
Finding CheckTcp(const Target& target, const Senses& senses, Evidence* evidence);
Finding CheckTls(const Target& target, const Senses& senses, Evidence* evidence);
Finding CheckHttp(const Target& target, const Senses& senses, Evidence* evidence);

// Of the collector that answers, in this order.
Finding CheckGrpc(const Target& target, const Senses& senses, Evidence* evidence);
Finding CheckToken(const Target& target, const Senses& senses, Evidence* evidence);
Finding CheckStore(const Target& target, const Senses& senses, Evidence* evidence);
Finding CheckVersion(const Target& target, const Senses& senses, Evidence* evidence);
Finding CheckClock(const Target& target, const Senses& senses, Evidence* evidence);
Finding CheckReady(const Target& target, const Senses& senses, Evidence* evidence);
Finding CheckPage(const Target& target, const Senses& senses, Evidence* evidence);
Finding CheckDisk(const Target& target, const Senses& senses, Evidence* evidence);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_DOCTOR_LAYER_H_
