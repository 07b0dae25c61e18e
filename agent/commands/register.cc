#include "agent/commands/register.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "agent/commands/services.h"

namespace tributary::agent {
namespace {

constexpr uint32_t kClaim = 1;
constexpr absl::Duration kLookEvery = absl::Seconds(1);

}  // namespace

int RegisterCommand(const AgentConfig& config, const World& world) {
  const absl::StatusOr<NodeFacts> node = NodeOf(config, world);
  if (!node.ok()) {
    PrintError(world, node.status().message());
    return kExitUsage;
  }
  const uint16_t port = config.service.port;
  const std::unique_ptr<ServiceDesk> desk = MakeServiceDesk(config, world, *node);
  cluster::v1::Claim claim = ClaimOf(config, world);
  claim.set_claim_id(kClaim);
  claim.set_listens_on(port);
  desk->Claim(claim);
  bool listens = false;
  bool waiting_told = false;
  for (;;) {
    if (!listens && world.ports->Taken().contains(port)) {
      listens = true;
      desk->Listening(kClaim, port);
    } else if (!listens && !waiting_told) {
      waiting_told = true;
      PrintError(world, absl::StrCat("nobody listens on port ", port, " yet, waiting"));
    }
    const std::optional<ReceivedSignal> signal = world.signals->Wait(kLookEvery);
    if (signal.has_value() && AsksToEnd(*signal)) {
      desk->Stop();
      return kExitGood;
    }
    if (const std::string refusal = desk->session_refusal(); !refusal.empty()) {
      PrintError(world, refusal);
      return kExitFailed;
    }
    const std::optional<ServiceClient::Event> event = desk->Take(kClaim);
    if (!event.has_value()) continue;
    if (event->refused.has_value()) {
      PrintError(world, event->refused->detail());
      return kExitFailed;
    }
    if (!event->granted->conflict().empty()) PrintError(world, event->granted->conflict());
    PrintError(world, absl::StrCat(event->granted->service(), " of port ", port, " opens at ",
                                   event->granted->url()));
  }
}

}  // namespace tributary::agent
