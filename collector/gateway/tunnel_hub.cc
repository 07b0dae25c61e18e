#include "collector/gateway/tunnel_hub.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tributary::gateway {

class TunnelHub::Tunnel : public tunnel::MuxEvents {
 public:
  Tunnel(TunnelHub* hub, uint64_t number) : id(number), hub_(hub) {
    tunnel::TunnelLink::Dependencies dependencies;
    dependencies.pool = &hub->pool_;
    dependencies.events = this;
    dependencies.clock = hub->dependencies_.clock;
    dependencies.on_over = [this](const absl::Status& status) {
      if (!over_) hub_->OnOver(this, status);
    };
    link = std::make_shared<tunnel::TunnelLink>(hub->options_.mux, std::move(dependencies));
  }
  ~Tunnel() override {
    over_ = true;
    link->Close(absl::UnavailableError("the collector ends the tunnel"));
  }

  absl::Status OnHello(const std::string& said) override { return hub_->OnHello(this, said); }
  void OnReady() override {}
  absl::StatusOr<tunnel::ChannelEvents*> OnOpen(tunnel::ChannelId, const std::string&) override {
    return absl::InternalError("a node opens no channels");
  }

  const uint64_t id;
  uint64_t session = 0;  // 0: no hello yet
  std::string token;     // of the session
  std::shared_ptr<tunnel::TunnelLink> link;

 private:
  TunnelHub* const hub_;
  bool over_ = false;
};

TunnelHub::TunnelHub(const Options& options, const Dependencies& dependencies)
    : options_(options), dependencies_(dependencies), pool_(options.window_pool_bytes) {}

TunnelHub::~TunnelHub() {
  by_session_.clear();
  while (!tunnels_.empty()) {
    // Owners that hear of the end may ask for another channel: there must be no such tunnel.
    const auto tunnel = std::move(tunnels_.begin()->second);
    tunnels_.erase(tunnels_.begin());
  }
}

void TunnelHub::Accept(std::unique_ptr<tunnel::FramePipe> pipe) {
  if (tunnels_.size() >= options_.tunnels_max) {
    dependencies_.log->Warn("a tunnel was refused", {{"tunnels", tunnels_.size()}});
    pipe->Close(absl::ResourceExhaustedError(
        absl::StrCat("the collector has ", tunnels_.size(), " tunnels, as many as it takes")));
    return;
  }
  const uint64_t id = next_id_++;
  const auto place = tunnels_.emplace(id, std::make_unique<Tunnel>(this, id)).first;
  place->second->link->Start(std::move(pipe));
}

absl::Status TunnelHub::OnHello(Tunnel* tunnel, const std::string& token) {
  ASSIGN_OR_RETURN(const uint64_t session, dependencies_.tokens->SessionOfToken(token));
  const auto older = by_session_.find(session);
  if (older != by_session_.end()) {
    // It connected again before we saw that its first connection is dead.
    older->second->link->Close(absl::AbortedError("the process has a newer tunnel"));
  }
  tunnel->session = session;
  tunnel->token = token;
  by_session_[session] = tunnel;
  dependencies_.log->Debug("a tunnel is open", {{"session", session}});
  return absl::OkStatus();
}

void TunnelHub::OnOver(Tunnel* tunnel, const absl::Status& status) {
  const auto place = by_session_.find(tunnel->session);
  if (place != by_session_.end() && place->second == tunnel) by_session_.erase(place);
  dependencies_.log->Debug("a tunnel ended", {{"session", tunnel->session}, {"reason", status}});
  // Not now: this runs inside of the link.
  dependencies_.queue->Post([this, alive = std::weak_ptr<bool>(alive_), id = tunnel->id] {
    if (alive.lock() != nullptr) tunnels_.erase(id);
  });
}

absl::StatusOr<tunnel::Channel> TunnelHub::Open(uint64_t session, const std::string& service,
                                                tunnel::ChannelEvents* owner) {
  const auto found = by_session_.find(session);
  if (found == by_session_.end()) {
    return absl::UnavailableError("the process that runs it has no connection to the collector");
  }
  const std::shared_ptr<tunnel::TunnelLink>& link = found->second->link;
  ASSIGN_OR_RETURN(const tunnel::ChannelId id, link->mux()->Open(service, owner));
  link->Flush();
  return tunnel::Channel(link, id);
}

void TunnelHub::Tick() {
  std::vector<std::shared_ptr<tunnel::TunnelLink>> live;
  std::vector<std::shared_ptr<tunnel::TunnelLink>> over;
  for (const auto& [id, tunnel] : tunnels_) {
    const bool lives =
        tunnel->session == 0 || dependencies_.tokens->SessionOfToken(tunnel->token).ok();
    (lives ? live : over).push_back(tunnel->link);
  }
  for (const auto& link : live) link->Tick();
  for (const auto& link : over) {
    link->Close(absl::UnavailableError("the session of the tunnel ended"));
  }
}

}  // namespace tributary::gateway
