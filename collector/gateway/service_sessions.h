// The sessions of processes that have services: who they are, what they lease, and what everybody
// else may know of it.
//
//   connected --Hello--> (its node gets its name) welcome --> ended
//
// Whatever a process says is checked here or by PortLeases before it is believed. Leases outlive
// their session; a collector that stops leaves them as they are, for the processes that come back.
//
// Not thread-safe: on the `commit` queue, where the registry is; SessionOfToken is thread-safe.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_SERVICE_SESSIONS_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_SERVICE_SESSIONS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "collector/gateway/service_metrics.h"
#include "collector/gateway/service_peer.h"
#include "collector/gateway/tunnel_tokens.h"
#include "collector/registry/node_presence.h"
#include "collector/registry/port_leases.h"
#include "collector/registry/service_board.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mutex.h"
#include "common/random.h"
#include "common/task_queue.h"
#include "tributary/cluster/v1/cluster.pb.h"

namespace tributary::gateway {

class ServiceSessions : public TunnelTokens {
 public:
  struct Options {
    std::string store_id;
    std::string start_nonce;
    std::string collector_version;
    // As --path_prefix: "/tb", or empty.
    std::string path_prefix;
    // The lease's life is told to the processes; it must be that of the PortLeases.
    absl::Duration lease = absl::Seconds(60);
    absl::Duration renew = absl::Seconds(20);
    uint32_t claims_max = 64;
    // Sessions at once; beyond it newer ones are told to wait.
    size_t sessions_max = 10'000;
    // A session that says no Hello for so long ends.
    absl::Duration hello_wait = absl::Seconds(20);
    // A session that was asked for a sign of life and gives none for so long ends. As in
    // NodePresence.
    absl::Duration probe_wait = absl::Seconds(5);
    // Names, ids and versions, in bytes.
    size_t fact_bytes_max = 200;
    // What is shown of a command, in bytes.
    size_t command_bytes_max = 1'000;
    size_t taken_max = 2'000;
  };
  // All outlive this, and every task that is posted.
  struct Dependencies {
    Clock* clock;
    Random* random;  // for secrets; used on the commit queue
    TaskQueue* commit;
    PortLeases* leases;
    NodePresence* nodes;
    NodePresence::Assign assign_node;
    ServiceBoard* board;
    ServiceMetrics* metrics;
    Logger* log;
    // The registry cannot be trusted any more: end the process. May be told several times.
    std::function<void(absl::Status)> on_fatal;
  };

  ServiceSessions(const Options& options, const Dependencies& dependencies);
  ~ServiceSessions() override;

  // Ticks from now on. Before anything else, once.
  void Start();
  // How others name this collector's own machine and port, "http://head:6006": known once it
  // listens. Leases the port to (node, "collector").
  void SetOwn(const std::string& node, uint16_t port, int64_t pid, const std::string& origin);

  // A connection was made; it is told of by its id, which is not 0, from now on.
  uint64_t Connect(std::shared_ptr<ServicePeer> peer);
  // `received_at` is on the monotonic clock.
  void OnMessage(uint64_t id, cluster::v1::ServicesRequest message, absl::Duration received_at);
  void OnClosed(uint64_t id);
  // Once a second.
  void Tick();
  // No sessions any more. The leases stay for their processes.
  void Stop(const std::string& why);

  absl::StatusOr<uint64_t> SessionOfToken(absl::string_view token) override
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Session {
    std::shared_ptr<ServicePeer> peer;
    absl::Duration since;
    absl::Duration heard_at;
    std::optional<cluster::v1::ServicesHello> hello;  // once it was welcome
    NodeHold node;
    std::string token;
    std::map<uint32_t, std::string> claims;  // claim id, service
  };

  void OnHello(uint64_t id, Session* session, cluster::v1::ServicesHello hello);
  void OnClaim(uint64_t id, Session* session, const cluster::v1::Claim& claim,
               absl::Duration received_at);
  void OnListening(uint64_t id, Session* session, const cluster::v1::Listening& listening);
  void OnRenew(uint64_t id, Session* session, const cluster::v1::Renew& renew,
               absl::Duration received_at);
  void OnRelease(uint64_t id, Session* session, const cluster::v1::Release& release);

  struct Refusal {
    cluster::v1::RefusedReason reason;
    std::string detail;
  };
  std::optional<Refusal> CheckHello(const cluster::v1::ServicesHello& hello) const;
  std::optional<Refusal> CheckClaim(const Session& session, const cluster::v1::Claim& claim) const;
  // Ends the session.
  void Refuse(uint64_t id, const Refusal& refusal);
  void RefuseClaim(Session* session, uint32_t claim_id, const Refusal& refusal);
  void TellLost(const PortLeases::Lost& lost);
  cluster::v1::Granted MakeGranted(const Session& session, uint32_t claim_id, ServiceMode mode,
                                   const PortLeases::Grant& grant) const;
  // What an error of the registry means for a claim; a fatal one is passed on.
  Refusal FromRegistry(const absl::Status& status);
  void End(uint64_t id, absl::string_view why);
  // Somebody wants to know whether the session lives.
  void Probe(uint64_t id);
  // An older session of the same process makes room.
  void EndOlder(uint64_t id, const cluster::v1::ServicesHello& hello);
  // Shows what is new, behind what waits in the queue already.
  void PublishSoon();
  void PublishIfChanged();

  const Options options_;
  const Dependencies deps_;
  std::string origin_;
  uint64_t last_id_ = 0;
  std::map<uint64_t, Session> sessions_;
  uint64_t published_version_ = ~uint64_t{0};
  bool publish_posted_ = false;
  bool stopping_ = false;

  Mutex mu_;
  absl::flat_hash_map<std::string, uint64_t> tokens_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_SERVICE_SESSIONS_H_
