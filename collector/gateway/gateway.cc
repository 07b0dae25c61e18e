#include "collector/gateway/gateway.h"

#include <unistd.h>

#include <atomic>
#include <utility>

#include "common/mutex.h"
#include "common/net/socket_loop.h"
#include "common/thread_task_queue.h"

namespace tributary::gateway {
namespace {

constexpr absl::Duration kTick = absl::Seconds(1);
// How often an unknown name makes us ask again what this machine is called.
constexpr absl::Duration kNamesAge = absl::Minutes(1);

}  // namespace

struct Gateway::Impl {
  Impl(const Options& options, const Dependencies& dependencies)
      : deps(dependencies),
        metrics(dependencies.metrics),
        routes({options.path_prefix}, dependencies.services, dependencies.hosts),
        names("names", dependencies.clock),
        loop("gateway", dependencies.clock) {
    TunnelHub::Dependencies hub_dependencies;
    hub_dependencies.queue = &loop;
    hub_dependencies.clock = deps.clock;
    hub_dependencies.tokens = deps.tokens;
    hub_dependencies.log = deps.log;
    hub = std::make_unique<TunnelHub>(options.tunnels, hub_dependencies);
    Proxy::Dependencies proxy_dependencies;
    proxy_dependencies.queue = &loop;
    proxy_dependencies.sockets = &loop;
    proxy_dependencies.clock = deps.clock;
    proxy_dependencies.routes = &routes;
    proxy_dependencies.hosts = deps.hosts;
    proxy_dependencies.hub = hub.get();
    proxy_dependencies.metrics = &metrics;
    proxy_dependencies.give_back = deps.give_back;
    proxy = std::make_unique<Proxy>(options.proxy, proxy_dependencies);
    AskForNames();
    Tick();
  }

  void Tick() {
    loop.PostAfter(kTick, [this] {
      if (hub == nullptr) return;
      hub->Tick();
      proxy->Tick();
      metrics.SetTunnels(hub->tunnels());
      Tick();
    });
  }

  // On `names`.
  void TickPorts() {
    if (ports == nullptr) return;
    ports->Tick();
    names.PostAfter(kTick, [this] { TickPorts(); });
  }

  // At most once a minute: a name server may be slow, and whoever asks may not.
  void AskForNames() ABSL_LOCKS_EXCLUDED(mu) {
    {
      MutexLock lock(&mu);
      const absl::Duration now = deps.clock->Monotonic();
      if (now < ask_again_at) return;
      ask_again_at = now + kNamesAge;
    }
    names.Post([this] { deps.hosts->SetMachineNames(MachineNames()); });
  }

  const Dependencies deps;
  GatewayMetrics metrics;
  const Routes routes;
  std::atomic<bool> stopped = false;
  Mutex mu;
  absl::Duration ask_again_at ABSL_GUARDED_BY(mu) = absl::ZeroDuration();
  std::unique_ptr<ServicePorts> ports;  // owned by `names`
  // Owned by the loop. The proxy's channels lead through the hub.
  std::unique_ptr<TunnelHub> hub;
  std::unique_ptr<Proxy> proxy;
  ThreadTaskQueue names;
  net::SocketLoop loop;
};

Gateway::Gateway(const Options& options, const Dependencies& dependencies)
    : impl_(std::make_unique<Impl>(options, dependencies)) {}

Gateway::~Gateway() { Stop(); }

bool Gateway::Wants(absl::string_view head, uint16_t local_port) const {
  if (impl_->stopped) return false;
  const absl::StatusOr<RequestHead> request = ParseRequestHead(head);
  return request.ok() && !impl_->routes.Decide(*request, local_port).is_for_collector();
}

void Gateway::Take(int descriptor, std::string bytes, std::string peer, uint16_t local_port) {
  if (impl_->stopped) {
    close(descriptor);
    return;
  }
  impl_->loop.Post([impl = impl_.get(), descriptor, bytes = std::move(bytes),
                    peer = std::move(peer), local_port]() mutable {
    if (impl->proxy == nullptr) {
      close(descriptor);
    } else {
      impl->proxy->Take(descriptor, std::move(bytes), std::move(peer), local_port);
    }
  });
}

void Gateway::Listening(uint16_t own_port) {
  impl_->deps.hosts->SetOwnPort(own_port);
  if (impl_->deps.hosts->service_ports().first == 0) return;
  impl_->names.Post([impl = impl_.get()] {
    ServicePorts::Dependencies dependencies;
    dependencies.services = impl->deps.services;
    dependencies.clock = impl->deps.clock;
    dependencies.log = impl->deps.log;
    dependencies.listen = impl->deps.listen;
    dependencies.on_change = [impl](std::set<uint16_t> ports) {
      impl->deps.hosts->SetOpenPorts(std::move(ports));
    };
    impl->ports = std::make_unique<ServicePorts>(impl->deps.hosts->service_ports(), dependencies);
    impl->TickPorts();
  });
}

HostTable::Place Gateway::FindHost(absl::string_view host_header) {
  HostTable::Place place = impl_->deps.hosts->Find(host_header);
  if (place.kind == HostTable::Kind::kForeign) impl_->AskForNames();
  return place;
}

void Gateway::AcceptTunnel(std::unique_ptr<tunnel::FramePipe> pipe) {
  if (impl_->hub == nullptr) {
    pipe->Close(absl::UnavailableError("the collector stops"));
  } else {
    impl_->hub->Accept(std::move(pipe));
  }
}

TaskQueue* Gateway::queue() { return &impl_->loop; }

void Gateway::Stop() {
  if (impl_->stopped.exchange(true)) return;
  impl_->names.Post([impl = impl_.get()] { impl->ports.reset(); });
  impl_->loop.Post([impl = impl_.get()] {
    impl->proxy.reset();
    impl->hub.reset();
  });
  impl_->names.Stop();
  impl_->loop.Stop();
}

}  // namespace tributary::gateway
