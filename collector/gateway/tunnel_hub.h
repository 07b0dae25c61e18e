// All tunnels: which one leads to which session, and channels through them.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_TUNNEL_HUB_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_TUNNEL_HUB_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/gateway/tunnel_tokens.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/task_queue.h"
#include "common/tunnel/tunnel_link.h"
#include "common/tunnel/window_pool.h"

namespace tributary::gateway {

// Belongs to the gateway's queue.
class TunnelHub {
 public:
  struct Options {
    tunnel::ChannelMux::Options mux;
    size_t tunnels_max = 20'000;
    // Of windows that grow, of all channels.
    uint64_t window_pool_bytes = 64u << 20;
  };
  // All outlive the hub.
  struct Dependencies {
    TaskQueue* queue = nullptr;
    Clock* clock = nullptr;
    TunnelTokens* tokens = nullptr;
    Logger* log = nullptr;
  };

  TunnelHub(const Options& options, const Dependencies& dependencies);
  ~TunnelHub();
  TunnelHub(const TunnelHub&) = delete;
  TunnelHub& operator=(const TunnelHub&) = delete;

  // A process called. It must say hello with a token in time; a second tunnel of one session takes
  // the place of the first.
  void Accept(std::unique_ptr<tunnel::FramePipe> pipe);
  // A byte stream to a service of the session. `owner` must outlive the channel. Unavailable if
  // there is no tunnel, ResourceExhausted if it has as many channels as it may have.
  absl::StatusOr<tunnel::Channel> Open(uint64_t session, const std::string& service,
                                       tunnel::ChannelEvents* owner);
  bool Has(uint64_t session) const { return by_session_.count(session) > 0; }
  // Once a second. A tunnel whose session is over ends.
  void Tick();

  size_t tunnels() const { return tunnels_.size(); }

 private:
  class Tunnel;

  absl::Status OnHello(Tunnel* tunnel, const std::string& token);
  void OnOver(Tunnel* tunnel, const absl::Status& status);

  const Options options_;
  const Dependencies dependencies_;
  // Shows tasks that were posted whether the hub is still there.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  tunnel::WindowPool pool_;
  uint64_t next_id_ = 1;
  std::map<uint64_t, std::unique_ptr<Tunnel>> tunnels_;  // by number
  std::map<uint64_t, Tunnel*> by_session_;               // those that said hello
};

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_TUNNEL_HUB_H_
