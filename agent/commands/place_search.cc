#include "agent/commands/place_search.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/commands/services.h"

namespace tributary::agent {
namespace {

constexpr absl::Duration kAskCollectorFor = absl::Seconds(5);
constexpr uint16_t kRangeFirst = 6006;
constexpr uint16_t kRangeLast = 7005;
// As many as a claim may name.
constexpr int kTakenMax = 2'000;

}  // namespace

PlaceSearch::PlaceSearch(const AgentConfig& config, const World& world, const std::string& node,
                         cluster::v1::Claim claim, ServiceDesk* desk)
    : config_(config),
      world_(world),
      node_(node),
      wish_(std::move(claim)),
      desk_(desk),
      range_first_(config.service.range_first != 0 ? config.service.range_first : kRangeFirst),
      range_last_(config.service.range_last != 0 ? config.service.range_last : kRangeLast),
      taken_(world.ports->Taken()) {}

PlaceSearch::Found PlaceSearch::Find() {
  if (std::optional<Found> answer = AskCollector()) return *std::move(answer);
  return FindHere();
}

bool PlaceSearch::IsFreeHere(uint16_t port) const {
  return port != 0 && !taken_.contains(port) && world_.ports->IsFree(port);
}

cluster::v1::Claim PlaceSearch::MakeClaim() const {
  cluster::v1::Claim claim = wish_;
  // Those that could be the answer are enough.
  for (const uint16_t port : taken_) {
    const bool in_range = port >= range_first_ && port <= range_last_;
    if ((in_range || port == claim.wish()) && claim.taken_size() < kTakenMax) claim.add_taken(port);
  }
  return claim;
}

std::optional<PlaceSearch::Found> PlaceSearch::AskCollector() {
  const absl::Duration deadline = world_.clock->Monotonic() + kAskCollectorFor;
  desk_->Claim(MakeClaim());
  for (;;) {
    const absl::Duration left = deadline - world_.clock->Monotonic();
    const std::string refusal = desk_->session_refusal();
    if (left <= absl::ZeroDuration() || !refusal.empty()) {
      PrintError(world_, absl::StrCat(
                             refusal.empty()
                                 ? absl::StrCat("collector ", config_.collector, " does not answer")
                                 : refusal,
                             "; the command is started with a port that is free here"));
      return std::nullopt;
    }
    const std::optional<ReceivedSignal> signal = world_.signals->Wait(left);
    if (signal.has_value() && AsksToEnd(*signal)) return 128 + signal->number;
    const std::optional<ServiceClient::Event> event = desk_->Take(wish_.claim_id());
    if (!event.has_value()) continue;
    if (event->refused.has_value()) return TakeRefusal(*event->refused);
    if (std::optional<Found> place = TakeGrant(*event->granted)) return place;
    desk_->Claim(MakeClaim());
  }
}

std::optional<PlaceSearch::Found> PlaceSearch::TakeRefusal(const cluster::v1::Refused& refused) {
  if (refused.reason() != cluster::v1::REFUSED_REASON_PORT_TAKEN) {
    PrintError(world_, refused.detail());
    return std::nullopt;
  }
  const std::string holder = world_.ports->Holder(config_.service.port);
  PrintError(world_,
             absl::StrCat(refused.detail(), holder.empty() ? "" : ", on this node by ", holder));
  return kExitFailed;
}

std::optional<PlaceSearch::Found> PlaceSearch::TakeGrant(const cluster::v1::Granted& granted) {
  ServicePlace place = {.port = static_cast<uint16_t>(granted.port()),
                        .prefix = granted.prefix(),
                        .url = granted.url(),
                        .conflict = granted.conflict()};
  if (granted.out_of_range()) {
    place.port = world_.ports->AnyFree();
    TellNoneIsLeft("in the cluster", place.port);
    return place;
  }
  if (IsFreeHere(place.port)) return place;
  taken_.insert(place.port);
  return std::nullopt;
}

PlaceSearch::Found PlaceSearch::FindHere() {
  const ServiceOptions& service = config_.service;
  ServicePlace place;
  if (service.mode != cluster::v1::SERVICE_MODE_HOST) {
    place.prefix = absl::StrCat("/node/", PercentEncoded(node_), "/", service.name);
  }
  // The collector that does not answer may be about to start on this very node.
  const uint16_t of_collector = SplitAddress(config_.collector)->second;
  const auto is_good = [this, of_collector](uint16_t port) {
    return port != of_collector && IsFreeHere(port);
  };
  if (is_good(service.port)) {
    place.port = service.port;
    return place;
  }
  if (service.fixed) {
    const std::string holder =
        service.port == of_collector ? "the collector" : world_.ports->Holder(service.port);
    PrintError(world_, absl::StrCat("port ", service.port, " is held by ",
                                    holder.empty() ? "another program of this node" : holder));
    return kExitFailed;
  }
  for (int port = range_first_; port <= range_last_; ++port) {
    place.port = static_cast<uint16_t>(port);
    if (is_good(place.port)) return place;
  }
  place.port = world_.ports->AnyFree();
  TellNoneIsLeft("on this node", place.port);
  return place;
}

void PlaceSearch::TellNoneIsLeft(absl::string_view where, uint16_t port) const {
  PrintError(world_, absl::StrCat("no port of ", range_first_, "-", range_last_, " is left ", where,
                                  "; the command gets ", port, ", which is free here"));
}

}  // namespace tributary::agent
