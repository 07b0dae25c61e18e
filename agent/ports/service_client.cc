#include "agent/ports/service_client.h"

#include <utility>

namespace tributary::agent {
namespace {

using cluster::v1::RefusedReason;
using cluster::v1::ServicesReply;
using cluster::v1::ServicesRequest;

constexpr absl::Duration kWarnEvery = absl::Minutes(5);
constexpr absl::Duration kBusyWait = absl::Seconds(1);
// A goodbye gets so long to arrive.
constexpr absl::Duration kStopGrace = absl::Seconds(1);

// A session that is refused so is refused again, until somebody changes something.
bool NeedsSomebody(RefusedReason reason) {
  switch (reason) {
    case cluster::v1::REFUSED_REASON_PROTOCOL:
    case cluster::v1::REFUSED_REASON_VERSION:
    case cluster::v1::REFUSED_REASON_WRONG_STORE:
    case cluster::v1::REFUSED_REASON_NODE_TAKEN:
    case cluster::v1::REFUSED_REASON_UNAUTHORISED:
    case cluster::v1::REFUSED_REASON_NO_STORE:
      return true;
    default:
      return false;
  }
}

}  // namespace

ServiceClient::ServiceClient(cluster::v1::ServicesHello hello, const Backoff::Options& backoff,
                             const Dependencies& dependencies)
    : hello_(std::move(hello)),
      deps_(dependencies),
      backoff_(backoff, deps_.random),
      next_warning_(deps_.clock->Monotonic()) {
  hello_.set_protocol_version(1);
  hello_.set_process_nonce(deps_.random->Hex(16));
}

void ServiceClient::Claim(cluster::v1::Claim claim) {
  Held& held = held_[claim.claim_id()];
  held.claim = std::move(claim);
  held.granted.reset();
  if (state_ == State::kLive) Send(held);
  if (state_ == State::kIdle) Connect();
}

void ServiceClient::Settle(uint32_t claim_id, uint32_t port) {
  const auto found = held_.find(claim_id);
  if (found != held_.end()) found->second.claim.set_listens_on(port);
}

void ServiceClient::Listening(uint32_t claim_id, uint32_t port) {
  const auto found = held_.find(claim_id);
  if (found == held_.end()) return;
  Held& held = found->second;
  held.claim.set_listens_on(port);
  held.listening = port;
  if (state_ == State::kLive && held.granted.has_value()) {
    const uint32_t given = held.granted->port();
    if (given == 0 || given == port) {
      SendListening(&held);
    } else {
      Send(held);  // It must be claimed first; OnGranted goes on.
    }
  }
  TellTunnel();
}

void ServiceClient::Release(uint32_t claim_id) {
  if (held_.erase(claim_id) == 0) return;
  if (state_ == State::kLive) {
    ServicesRequest request;
    request.mutable_release()->set_claim_id(claim_id);
    deps_.transport->Send(request);
  }
  TellTunnel();
}

void ServiceClient::Stop(std::function<void()> done) {
  if (state_ == State::kLive) {
    while (!held_.empty()) Release(held_.begin()->first);
    Become(State::kStopping, "told to stop");
    on_stopped_ = std::move(done);
    deps_.transport->Finish();
    deps_.queue->PostAfter(kStopGrace, [this] {
      if (on_stopped_ != nullptr) std::exchange(on_stopped_, nullptr)();
    });
    return;
  }
  Become(State::kStopped, "told to stop without a session");
  done();
}

void ServiceClient::Become(State state, absl::string_view why) {
  if (state == state_) return;
  deps_.log->Debug("services: session state",
                   {{"from", StateName(state_)}, {"to", StateName(state)}, {"why", why}});
  state_ = state;
}

absl::string_view ServiceClient::StateName(State state) {
  switch (state) {
    case State::kIdle:
      return "idle";
    case State::kConnecting:
      return "connecting";
    case State::kGreeting:
      return "greeting";
    case State::kLive:
      return "live";
    case State::kStopping:
      return "stopping";
    case State::kStopped:
      return "stopped";
  }
  return "";
}

void ServiceClient::Connect() {
  Become(State::kConnecting, "there is something to say");
  ++session_;
  deps_.transport->Connect(this);
}

void ServiceClient::OnConnected() {
  if (state_ != State::kConnecting) return;
  Become(State::kGreeting, "connected");
  ServicesRequest request;
  *request.mutable_hello() = hello_;
  deps_.transport->Send(request);
}

void ServiceClient::OnReply(ServicesReply reply) {
  if (state_ != State::kGreeting && state_ != State::kLive) return;
  switch (reply.message_case()) {
    case ServicesReply::kWelcome:
      return OnWelcome(reply.welcome());
    case ServicesReply::kGranted:
      return OnGranted(reply.granted());
    case ServicesReply::kRefused:
      return OnRefused(reply.refused());
    case ServicesReply::kProbe:
      return SendRenew();
    case ServicesReply::kRenewed:
    case ServicesReply::MESSAGE_NOT_SET:
      return;
  }
}

void ServiceClient::OnWelcome(const cluster::v1::ServicesWelcome& welcome) {
  if (state_ != State::kGreeting) return;
  Become(State::kLive, "welcome");
  backoff_.Reset();
  if (welcome.renew_nanos() > 0) renew_every_ = absl::Nanoseconds(welcome.renew_nanos());
  token_ = welcome.tunnel_token();
  deps_.log->Info("services: connected to the collector",
                  {{"node", welcome.node()}, {"store", welcome.store_id()}});
  for (const auto& [id, held] : held_) Send(held);
  TellTunnel();
  RenewLater();
}

void ServiceClient::Send(const Held& held) {
  ServicesRequest request;
  *request.mutable_claim() = held.claim;
  deps_.transport->Send(request);
}

void ServiceClient::SendListening(Held* held) {
  // If none was given, it is this one from now on.
  held->granted->set_port(held->listening);
  ServicesRequest request;
  request.mutable_listening()->set_claim_id(held->claim.claim_id());
  request.mutable_listening()->set_port(held->listening);
  deps_.transport->Send(request);
}

void ServiceClient::SendRenew() {
  ServicesRequest request;
  request.mutable_renew()->set_number(++renewals_);
  deps_.transport->Send(request);
}

void ServiceClient::RenewLater() {
  deps_.queue->PostAfter(renew_every_, [this, session = session_] {
    if (state_ != State::kLive || session != session_) return;
    SendRenew();
    RenewLater();
  });
}

void ServiceClient::OnGranted(const cluster::v1::Granted& granted) {
  const auto found = held_.find(granted.claim_id());
  if (found == held_.end()) return;
  Held& held = found->second;
  held.granted = granted;
  held.claim.set_held_service(granted.service());
  // Of a claim that was settled before this answer came: the number is a fact, say so.
  const uint32_t fact = held.claim.listens_on();
  if (fact != 0 && granted.port() != 0 && granted.port() != fact) return Send(held);
  if (held.listening != 0) SendListening(&held);
  TellTunnel();
  deps_.on_event({.claim_id = granted.claim_id(), .granted = granted});
}

void ServiceClient::OnRefused(const cluster::v1::Refused& refused) {
  if (!refused.has_claim_id()) {
    // OnClosed follows.
    const absl::Duration now = deps_.clock->Monotonic();
    if (now >= next_warning_) {
      next_warning_ = now + kWarnEvery;
      deps_.log->Warn("services: the collector refuses", {{"detail", refused.detail()}});
    }
    if (NeedsSomebody(refused.reason())) deps_.on_event({.refused = refused});
    return;
  }
  const auto found = held_.find(refused.claim_id());
  if (found == held_.end()) return;
  found->second.granted.reset();
  TellTunnel();
  switch (refused.reason()) {
    case cluster::v1::REFUSED_REASON_LOST:
      return Send(found->second);
    case cluster::v1::REFUSED_REASON_BUSY:
      return ClaimAgainLater(refused.claim_id(), kBusyWait);
    default:
      deps_.on_event({.claim_id = refused.claim_id(), .refused = refused});
  }
}

void ServiceClient::ClaimAgainLater(uint32_t claim_id, absl::Duration delay) {
  deps_.queue->PostAfter(delay, [this, claim_id, session = session_] {
    const auto found = held_.find(claim_id);
    if (state_ != State::kLive || session != session_ || found == held_.end()) return;
    if (!found->second.granted.has_value()) Send(found->second);
  });
}

void ServiceClient::OnClosed(absl::Status status) {
  token_.clear();
  for (auto& [id, held] : held_) held.granted.reset();
  if (state_ == State::kStopping || state_ == State::kStopped) {
    Become(State::kStopped, "the goodbye was heard");
    if (on_stopped_ != nullptr) std::exchange(on_stopped_, nullptr)();
    return;
  }
  TellTunnel();
  Become(State::kConnecting, status.message());
  const absl::Duration now = deps_.clock->Monotonic();
  if (now >= next_warning_) {
    next_warning_ = now + kWarnEvery;
    deps_.log->Warn("services: not connected to the collector, will try again",
                    {{"error", status.message()}});
  }
  deps_.queue->PostAfter(backoff_.Next(), [this] {
    if (state_ == State::kConnecting) Connect();
  });
}

void ServiceClient::TellTunnel() {
  std::map<std::string, uint16_t> ports;
  for (const auto& [id, held] : held_) {
    if (held.granted.has_value() && held.listening != 0) {
      ports[held.granted->service()] = static_cast<uint16_t>(held.listening);
    }
  }
  deps_.on_tunnel(token_, ports);
}

}  // namespace tributary::agent
