// What the gateway does, on its queue: takes viewers' requests, finds their tunnels, passes them
// on.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_PROXY_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_PROXY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "collector/gateway/exchange.h"
#include "collector/gateway/gateway_metrics.h"
#include "collector/gateway/routes.h"
#include "collector/gateway/tunnel_hub.h"
#include "common/clock.h"
#include "common/net/stream_socket.h"
#include "common/task_queue.h"

namespace tributary::gateway {

// Belongs to one queue, and so do all tunnels and exchanges.
class Proxy {
 public:
  struct Options {
    Exchange::Options exchange;
    // Requests under way: of all viewers, and of one address that is not loopback (behind which
    // there may be any number of people).
    size_t exchanges_max = 1024;
    size_t exchanges_per_viewer_max = 256;
  };
  // All outlive the proxy.
  struct Dependencies {
    TaskQueue* queue = nullptr;
    net::Sockets* sockets = nullptr;
    Clock* clock = nullptr;
    const Routes* routes = nullptr;
    const HostTable* hosts = nullptr;
    TunnelHub* hub = nullptr;
    GatewayMetrics* metrics = nullptr;
    // A connection that waits for its next request, and what was already read of it.
    std::function<void(int descriptor, std::string bytes)> give_back;
  };

  Proxy(const Options& options, const Dependencies& dependencies);
  ~Proxy();

  // A request and its connection: `bytes` is all that was read, the head first and as a whole.
  void Take(int descriptor, std::string bytes, std::string peer, uint16_t local_port);
  // Once a second.
  void Tick();

  size_t exchanges() const { return exchanges_.size(); }

 private:
  struct Entry {
    std::string peer;
    std::unique_ptr<Exchange> exchange;
  };
  // Gives the exchange its channel, or its answer.
  void Begin(Exchange* exchange, const RequestHead& request, Decision decision,
             const std::string& peer);
  void OnOver(uint64_t id, Exchange::Ending ending);

  const Options options_;
  const Dependencies dependencies_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::string buffer_;
  uint64_t next_id_ = 0;
  std::map<uint64_t, Entry> exchanges_;
  std::map<std::string, size_t> by_peer_;
};

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_PROXY_H_
