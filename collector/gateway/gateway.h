// The gateway as a part of the collector: its thread, and what others may ask of it.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_GATEWAY_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_GATEWAY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "collector/gateway/host_table.h"
#include "collector/gateway/proxy.h"
#include "collector/gateway/routes.h"
#include "collector/gateway/service_ports.h"
#include "collector/gateway/tunnel_hub.h"
#include "collector/gateway/tunnel_tokens.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/task_queue.h"
#include "common/tunnel/frame_pipe.h"

namespace tributary::gateway {

// Thread-safe. Owns the threads "gateway" and "names"; the latter asks the system what this machine
// is called, and opens ports.
class Gateway {
 public:
  struct Options {
    std::string path_prefix;
    TunnelHub::Options tunnels;
    Proxy::Options proxy;
  };
  // All outlive the gateway.
  struct Dependencies {
    Clock* clock = nullptr;
    const ServiceBoard* services = nullptr;
    HostTable* hosts = nullptr;
    TunnelTokens* tokens = nullptr;
    Logger* log = nullptr;
    MetricsRegistry* metrics = nullptr;
    // See Proxy. Not called after Stop has returned.
    std::function<void(int descriptor, std::string bytes)> give_back;
    // See ServicePorts; on the thread "names". May be null without a range.
    std::function<absl::StatusOr<ServicePorts::Listener>(uint16_t port)> listen;
  };

  Gateway(const Options& options, const Dependencies& dependencies);
  // Stops, if Stop was not called.
  ~Gateway();

  // Whether a request is the gateway's: for a service, or for where one would be. `head` is all of
  // its head. What cannot be read strictly is not.
  bool Wants(absl::string_view head, uint16_t local_port) const;
  // A connection whose request it wants; see Proxy.
  void Take(int descriptor, std::string bytes, std::string peer, uint16_t local_port);
  // The collector listens: its own port, beside which services may have theirs. Once.
  void Listening(uint16_t own_port);
  // The Host of a request is none of ours: starts to look whether this machine has a new name.
  HostTable::Place FindHost(absl::string_view host_header);

  // A tunnel that a process opened, on queue().
  void AcceptTunnel(std::unique_ptr<tunnel::FramePipe> pipe);
  TaskQueue* queue();

  // Ends all requests and tunnels. Tunnels that come after it are refused. Once.
  void Stop();

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_GATEWAY_H_
