// The process's side of the leases: asks the collector for numbers, keeps them, and gets the same
// ones again after every break. See proto/tributary/cluster/v1/cluster.proto.
#ifndef TRIBUTARY_AGENT_PORTS_SERVICE_CLIENT_H_
#define TRIBUTARY_AGENT_PORTS_SERVICE_CLIENT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/ports/services_transport.h"
#include "common/backoff.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "common/task_queue.h"
#include "tributary/cluster/v1/cluster.pb.h"

namespace tributary::agent {

// Not thread-safe: on its queue. Connects with the first claim and tries for ever.
class ServiceClient : public ServicesTransportEvents {
 public:
  // What happens to one claim, or to the session (claim_id 0).
  struct Event {
    uint32_t claim_id = 0;
    std::optional<cluster::v1::Granted> granted = std::nullopt;
    // Refused for good, or as long as somebody else has what is wanted; it is not tried again.
    std::optional<cluster::v1::Refused> refused = std::nullopt;
  };
  // All outlive this, and every task that is posted.
  struct Dependencies {
    TaskQueue* queue;
    ServicesTransport* transport;
    Clock* clock;
    Random* random;  // the client's own
    Logger* log;
    std::function<void(const Event& event)> on_event;
    // The token and the ports by service name; both empty without a session. For the tunnel.
    std::function<void(const std::string& token, const std::map<std::string, uint16_t>& ports)>
        on_tunnel;
  };

  // process_nonce is set here.
  ServiceClient(cluster::v1::ServicesHello hello, const Backoff::Options& backoff,
                const Dependencies& dependencies);

  // Asks for a number, or for another one: with the numbers that were found taken meanwhile.
  void Claim(cluster::v1::Claim claim);
  // The service is started with this number: from now on nothing else will do.
  void Settle(uint32_t claim_id, uint32_t port);
  // It listens there, whatever number was given; told again after every break.
  void Listening(uint32_t claim_id, uint32_t port);
  void Release(uint32_t claim_id);
  // Releases everything; `done` runs when the collector has heard it, or cannot.
  void Stop(std::function<void()> done);

  void OnConnected() override;
  void OnReply(cluster::v1::ServicesReply reply) override;
  void OnClosed(absl::Status status) override;

 private:
  enum class State { kIdle, kConnecting, kGreeting, kLive, kStopping, kStopped };
  struct Held {
    cluster::v1::Claim claim;
    uint32_t listening = 0;
    std::optional<cluster::v1::Granted> granted;
  };

  // The only place where the state changes.
  void Become(State state, absl::string_view why);
  static absl::string_view StateName(State state);
  void Connect();
  void Send(const Held& held);
  void SendListening(Held* held);
  void SendRenew();
  void RenewLater();
  void OnWelcome(const cluster::v1::ServicesWelcome& welcome);
  void OnGranted(const cluster::v1::Granted& granted);
  void OnRefused(const cluster::v1::Refused& refused);
  void ClaimAgainLater(uint32_t claim_id, absl::Duration delay);
  void TellTunnel();

  cluster::v1::ServicesHello hello_;
  const Dependencies deps_;
  Backoff backoff_;
  State state_ = State::kIdle;
  std::map<uint32_t, Held> held_;
  std::string token_;
  absl::Duration renew_every_ = absl::Seconds(20);
  uint64_t renewals_ = 0;
  uint64_t session_ = 0;  // tells tasks of an earlier session
  absl::Duration next_warning_;
  std::function<void()> on_stopped_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_PORTS_SERVICE_CLIENT_H_
