#include "collector/gateway/service_ports.h"

#include <utility>

namespace tributary::gateway {
namespace {

constexpr absl::Duration kRetry = absl::Minutes(1);

}  // namespace

void ServicePorts::Tick() {
  if (range_.first == 0) return;
  std::set<uint16_t> wanted;
  for (const auto& [key, service] : dependencies_.services->Get()->services) {
    if (service.mode == ServiceMode::kHost && range_.Has(service.port)) wanted.insert(service.port);
  }
  size_t changes = 0;
  for (auto it = listeners_.begin(); it != listeners_.end();) {
    if (wanted.count(it->first) > 0) {
      ++it;
    } else {
      it = listeners_.erase(it);
      ++changes;
    }
  }
  const absl::Duration now = dependencies_.clock->Monotonic();
  for (const uint16_t port : wanted) {
    if (listeners_.count(port) > 0) continue;
    const auto waiting = try_again_at_.find(port);
    if (waiting != try_again_at_.end() && now < waiting->second) continue;
    absl::StatusOr<Listener> listener = dependencies_.listen(port);
    if (listener.ok()) {
      listeners_[port] = *std::move(listener);
      try_again_at_.erase(port);
      ++changes;
    } else {
      // As of a service on this machine itself, which is there already.
      try_again_at_[port] = now + kRetry;
      dependencies_.log->Warn("a service has no port on the head node",
                              {{"port", port}, {"reason", listener.status()}});
    }
  }
  if (changes == 0) return;
  std::set<uint16_t> open;
  for (const auto& [port, listener] : listeners_) open.insert(port);
  dependencies_.on_change(std::move(open));
}

}  // namespace tributary::gateway
