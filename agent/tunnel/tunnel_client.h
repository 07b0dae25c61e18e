// The node's end of a tunnel: keeps one open for the session that the process has, and connects
// viewers to the services that it was told.
#ifndef TRIBUTARY_AGENT_TUNNEL_TUNNEL_CLIENT_H_
#define TRIBUTARY_AGENT_TUNNEL_TUNNEL_CLIENT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/tunnel/local_connection.h"
#include "common/backoff.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/net/stream_socket.h"
#include "common/random.h"
#include "common/task_queue.h"
#include "common/tunnel/tunnel_link.h"

namespace tributary::agent {

// Port by service name, as the collector granted them.
using ServicePorts = std::map<std::string, uint16_t>;

// Belongs to one queue. No token: no tunnel. A tunnel that ends is opened anew after a jittered
// delay that doubles up to 15 s.
class TunnelClient : public tunnel::MuxEvents {
 public:
  struct Options {
    // `side` and `token` are set here.
    tunnel::ChannelMux::Options mux;
    // For a connection to a service.
    absl::Duration connect_timeout = absl::Seconds(3);
    // Of windows that grow, of all channels: what services do not take in time.
    uint64_t window_pool_bytes = 16u << 20;
    Backoff::Options backoff;
  };
  // All outlive the client.
  struct Dependencies {
    TaskQueue* queue = nullptr;
    net::Sockets* sockets = nullptr;
    Clock* clock = nullptr;
    Random* random = nullptr;  // the client's own
    Logger* log = nullptr;
    // A connection to the collector that nothing else uses.
    std::function<std::unique_ptr<tunnel::FramePipe>()> connect;
  };

  TunnelClient(const Options& options, const Dependencies& dependencies);
  ~TunnelClient() override;

  // ServicesWelcome.tunnel_token of the session that lives now; empty if there is none.
  void SetToken(const std::string& token);
  // Viewers reach these and no other port. Connections that stand are left alone.
  void SetServices(ServicePorts services) { services_ = std::move(services); }
  // Once a second.
  void Tick();

  // Whether the collector has taken the token of the tunnel that is open now.
  bool ready() const { return ready_; }
  size_t connections() const { return connections_.size(); }

  absl::Status OnHello(const std::string& token) override;
  void OnReady() override;
  absl::StatusOr<tunnel::ChannelEvents*> OnOpen(tunnel::ChannelId channel,
                                                const std::string& service) override;

 private:
  void Open();
  void End();
  void OnOver(const absl::Status& status);
  // Runs on the queue, unless the client is gone by then.
  void Later(absl::Duration delay, std::function<void()> work);

  const Options options_;
  const Dependencies dependencies_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::string token_;
  ServicePorts services_;
  std::string buffer_;  // see LocalConnection
  tunnel::WindowPool pool_;
  Backoff backoff_;
  std::shared_ptr<tunnel::TunnelLink> link_;
  uint64_t attempt_ = 0;  // tells the link of now from one that ended
  bool ready_ = false;
  uint64_t next_connection_ = 0;
  std::map<uint64_t, std::unique_ptr<LocalConnection>> connections_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_TUNNEL_TUNNEL_CLIENT_H_
