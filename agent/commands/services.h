// What the commands that hold services have in common.
#ifndef TRIBUTARY_AGENT_COMMANDS_SERVICES_H_
#define TRIBUTARY_AGENT_COMMANDS_SERVICES_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "agent/commands/world.h"
#include "agent/config.h"
#include "agent/ports/service_desk.h"

namespace tributary::agent {

// `config` and `world` outlive it. `on_event` is called on the desk's thread.
std::unique_ptr<ServiceDesk> MakeServiceDesk(
    const AgentConfig& config, const World& world, const NodeFacts& node,
    std::function<void(const ServiceClient::Event& event)> on_event);
// One that wakes the main thread after each event.
std::unique_ptr<ServiceDesk> MakeServiceDesk(const AgentConfig& config, const World& world,
                                             const NodeFacts& node);

// What the options wish for; mode UNSPECIFIED if none was given.
cluster::v1::Claim ClaimOf(const AgentConfig& config, const World& world);

// As one segment of a URL's path.
std::string PercentEncoded(absl::string_view text);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_SERVICES_H_
