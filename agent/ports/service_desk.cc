#include "agent/ports/service_desk.h"

#include <utility>

#include "common/latch.h"

namespace tributary::agent {

ServiceDesk::ServiceDesk(cluster::v1::ServicesHello hello, Dependencies dependencies)
    : deps_(std::move(dependencies)), loop_(deps_.clock) {
  transport_ = deps_.make_transport(&loop_);
  client_ = std::make_unique<ServiceClient>(
      std::move(hello), Backoff::Options{},
      ServiceClient::Dependencies{
          .queue = &loop_,
          .transport = transport_.get(),
          .clock = deps_.clock,
          .random = deps_.random,
          .log = deps_.log,
          .on_event = [this](const ServiceClient::Event& event) { OnEvent(event); },
          .on_tunnel =
              [this](const std::string& token, const std::map<std::string, uint16_t>& ports) {
                if (deps_.tunnel != nullptr) deps_.tunnel->Set(token, ports);
              }});
  loop_.Start({.name = "services"});
}

ServiceDesk::~ServiceDesk() {
  loop_.Stop();
  transport_.reset();
}

void ServiceDesk::Claim(cluster::v1::Claim claim) {
  loop_.Post([this, claim = std::move(claim)]() mutable { client_->Claim(std::move(claim)); });
}
void ServiceDesk::Settle(uint32_t claim_id, uint32_t port) {
  loop_.Post([this, claim_id, port] { client_->Settle(claim_id, port); });
}
void ServiceDesk::Listening(uint32_t claim_id, uint32_t port) {
  loop_.Post([this, claim_id, port] { client_->Listening(claim_id, port); });
}

bool ServiceDesk::Stop(absl::Duration patience) {
  // Outlives this call if the answer comes too late.
  auto done = std::make_shared<Latch>();
  loop_.Post([this, done] { client_->Stop([done] { done->Set(); }); });
  return done->WaitFor(deps_.clock, patience);
}

void ServiceDesk::OnEvent(const ServiceClient::Event& event) {
  {
    MutexLock lock(&mu_);
    if (event.claim_id == 0) {
      session_refusal_ = event.refused.has_value() ? event.refused->detail() : "";
    } else {
      events_[event.claim_id] = event;
      session_refusal_.clear();
    }
  }
  deps_.on_event(event);
}

std::optional<ServiceClient::Event> ServiceDesk::Take(uint32_t claim_id) {
  MutexLock lock(&mu_);
  const auto found = events_.find(claim_id);
  if (found == events_.end()) return std::nullopt;
  ServiceClient::Event event = std::move(found->second);
  events_.erase(found);
  return event;
}

std::string ServiceDesk::session_refusal() const {
  MutexLock lock(&mu_);
  return session_refusal_;
}

}  // namespace tributary::agent
