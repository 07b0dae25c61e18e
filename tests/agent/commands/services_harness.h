// The commands that hold services, in a world where the test is collector, machine and command.
#ifndef TRIBUTARY_TESTS_AGENT_COMMANDS_SERVICES_HARNESS_H_
#define TRIBUTARY_TESTS_AGENT_COMMANDS_SERVICES_HARNESS_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/agent/commands/command_harness.h"
#include "tests/agent/ports/fake_ports.h"

namespace tributary::agent {

// The collector's side of a session, as the test says. On the desk's thread; what it notes is read
// once the desk has stopped.
class FakeServices : public ServicesTransport {
 public:
  struct Script {
    // Of the claim, by how many there were before. Empty: nobody answers the call at all.
    std::function<cluster::v1::ServicesReply(const cluster::v1::Claim& claim, size_t before)>
        answer;
    std::function<void(uint32_t port)> on_listening = [](uint32_t) {};
    // Instead of a welcome.
    std::optional<cluster::v1::Refused> refuse;
    std::vector<cluster::v1::Claim> claims;
    std::vector<uint32_t> listening;
    std::vector<uint32_t> released;
  };

  FakeServices(Script* script, TaskQueue* queue) : script_(script), queue_(queue) {}

  void Connect(ServicesTransportEvents* events) override {
    events_ = events;
    if (script_->answer != nullptr || script_->refuse.has_value()) {
      queue_->Post([events] { events->OnConnected(); });
    }
  }
  void Send(const cluster::v1::ServicesRequest& request) override {
    cluster::v1::ServicesReply reply;
    if (request.has_hello()) {
      if (script_->refuse.has_value()) {
        *reply.mutable_refused() = *script_->refuse;
      } else {
        reply.mutable_welcome()->set_node("host1");
      }
    } else if (request.has_claim()) {
      reply = script_->answer(request.claim(), script_->claims.size());
      script_->claims.push_back(request.claim());
    } else if (request.has_listening()) {
      script_->listening.push_back(request.listening().port());
      script_->on_listening(request.listening().port());
      return;
    } else if (request.has_release()) {
      script_->released.push_back(request.release().claim_id());
      return;
    } else {
      return;
    }
    queue_->Post([this, reply] { events_->OnReply(reply); });
  }
  void Finish() override {
    queue_->Post([this] { events_->OnClosed(absl::UnavailableError("over")); });
  }

 private:
  Script* const script_;
  TaskQueue* const queue_;
  ServicesTransportEvents* events_ = nullptr;
};

inline cluster::v1::ServicesReply Granted(const cluster::v1::Claim& claim, uint32_t port,
                                          const std::string& prefix = "/node/host1/board",
                                          const std::string& conflict = "") {
  cluster::v1::ServicesReply reply;
  cluster::v1::Granted* const granted = reply.mutable_granted();
  granted->set_claim_id(claim.claim_id());
  granted->set_service(claim.service());
  granted->set_port(port);
  granted->set_prefix(prefix);
  granted->set_conflict(conflict);
  granted->set_url("http://head:6006" + prefix + "/");
  return reply;
}

inline cluster::v1::ServicesReply RefusedClaim(const cluster::v1::Claim& claim,
                                               cluster::v1::RefusedReason reason,
                                               const std::string& detail) {
  cluster::v1::ServicesReply reply;
  reply.mutable_refused()->set_claim_id(claim.claim_id());
  reply.mutable_refused()->set_reason(reason);
  reply.mutable_refused()->set_detail(detail);
  return reply;
}

class ServicesHarness : public CommandHarness {
 protected:
  ServicesHarness() {
    world_.ports = &ports_;
    world_.user_id = 1000;
    world_.make_services = [this](const AgentConfig&, TaskQueue* queue) {
      return std::make_unique<FakeServices>(&script_, queue);
    };
  }
  // Somebody answers, so nothing is decided by time: signals and answers alone go on.
  void Answer(std::function<cluster::v1::ServicesReply(const cluster::v1::Claim&, size_t)> answer) {
    script_.answer = std::move(answer);
    signals_.set_blocks(true);
  }

  FakePorts ports_;
  FakeServices::Script script_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_TESTS_AGENT_COMMANDS_SERVICES_HARNESS_H_
