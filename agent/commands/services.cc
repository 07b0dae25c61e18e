#include "agent/commands/services.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "common/utf8.h"

namespace tributary::agent {

std::unique_ptr<ServiceDesk> MakeServiceDesk(
    const AgentConfig& config, const World& world, const NodeFacts& node,
    std::function<void(const ServiceClient::Event& event)> on_event) {
  cluster::v1::ServicesHello hello;
  hello.set_program_version(world.version);
  *hello.mutable_node() = ToProto(node, config);
  hello.set_store_id(config.store);
  hello.set_pid(world.pid);
  return std::make_unique<ServiceDesk>(
      std::move(hello),
      ServiceDesk::Dependencies{
          .clock = world.clock,
          .random = world.random,
          .log = world.log,
          .make_transport =
              [&config, &world](TaskQueue* queue) { return world.make_services(config, queue); },
          .tunnel = world.make_tunnel == nullptr ? nullptr : world.make_tunnel(config),
          .on_event = std::move(on_event)});
}

std::unique_ptr<ServiceDesk> MakeServiceDesk(const AgentConfig& config, const World& world,
                                             const NodeFacts& node) {
  return MakeServiceDesk(config, world, node,
                         [&world](const ServiceClient::Event&) { world.signals->Wake(); });
}

cluster::v1::Claim ClaimOf(const AgentConfig& config, const World& world) {
  const ServiceOptions& service = config.service;
  cluster::v1::Claim claim;
  claim.set_service(service.name);
  claim.set_wish(service.port);
  claim.set_range_first(service.range_first);
  claim.set_range_last(service.range_last);
  claim.set_fixed(service.fixed);
  claim.set_mode(service.mode);
  claim.set_user(ValidUtf8(world.user_name(world.user_id)));
  return claim;
}

std::string PercentEncoded(absl::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~') {
      encoded += c;
    } else {
      encoded += absl::StrFormat("%%%02X", byte);
    }
  }
  return encoded;
}

}  // namespace tributary::agent
