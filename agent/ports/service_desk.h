// A ServiceClient with a thread of its own, for the commands: what the main thread asks and learns.
#ifndef TRIBUTARY_AGENT_PORTS_SERVICE_DESK_H_
#define TRIBUTARY_AGENT_PORTS_SERVICE_DESK_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/event_loop.h"
#include "agent/ports/service_client.h"
#include "common/mutex.h"

namespace tributary::agent {

// Where tunnels lead; see agent/tunnel.
class TunnelSwitch {
 public:
  virtual ~TunnelSwitch() = default;
  virtual void Set(const std::string& token, const std::map<std::string, uint16_t>& ports) = 0;
};

// Owned by the main thread. The client lives on the thread "services".
class ServiceDesk {
 public:
  struct Dependencies {
    Clock* clock;    // these outlive this
    Random* random;  // used on the desk's thread only
    Logger* log;
    std::function<std::unique_ptr<ServicesTransport>(TaskQueue* queue)> make_transport;
    std::unique_ptr<TunnelSwitch> tunnel;  // may be null
    // Called on the desk's thread with each event.
    std::function<void(const ServiceClient::Event& event)> on_event;
  };

  ServiceDesk(cluster::v1::ServicesHello hello, Dependencies dependencies);
  // Ends without a word: the leases become stale. After Stop nothing is left to say.
  ~ServiceDesk();

  // As of ServiceClient.
  void Claim(cluster::v1::Claim claim);
  void Settle(uint32_t claim_id, uint32_t port);
  void Listening(uint32_t claim_id, uint32_t port);
  // Releases everything and waits, for about a second at most. False if the desk's thread did not
  // come to it within `patience`: then it hangs, and so would the destructor.
  bool Stop(absl::Duration patience = absl::Seconds(5));

  // The client itself, and the queue that it and whoever uses it directly belong to.
  ServiceClient* client() { return client_.get(); }
  TaskQueue* queue() { return &loop_; }

  // The latest event of a claim that was not taken yet.
  std::optional<ServiceClient::Event> Take(uint32_t claim_id) ABSL_LOCKS_EXCLUDED(mu_);
  // Why the collector refused the session, as long as that is the latest that it said.
  std::string session_refusal() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void OnEvent(const ServiceClient::Event& event) ABSL_LOCKS_EXCLUDED(mu_);

  const Dependencies deps_;
  EventLoop loop_;
  std::unique_ptr<ServicesTransport> transport_;
  std::unique_ptr<ServiceClient> client_;

  mutable Mutex mu_;
  std::map<uint32_t, ServiceClient::Event> events_ ABSL_GUARDED_BY(mu_);
  std::string session_refusal_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_PORTS_SERVICE_DESK_H_
