// Finds the number on which a command is to listen.
#ifndef TRIBUTARY_AGENT_COMMANDS_PLACE_SEARCH_H_
#define TRIBUTARY_AGENT_COMMANDS_PLACE_SEARCH_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "agent/commands/world.h"
#include "agent/config.h"
#include "agent/ports/service_desk.h"

namespace tributary::agent {

struct ServicePlace {
  uint16_t port = 0;
  std::string prefix;  // empty: it has an origin of its own
  std::string url;     // empty: not known
  // Who has the number that was wished, one line.
  std::string conflict;
};

// Of one service. On the main thread.
class PlaceSearch {
 public:
  // A place, or the exit code with which exec ends without starting its command.
  using Found = std::variant<ServicePlace, int>;

  // `claim` is for what is wished: all but the numbers that are taken. The others outlive this.
  PlaceSearch(const AgentConfig& config, const World& world, const std::string& node,
              cluster::v1::Claim claim, ServiceDesk* desk);

  // Asks the collector, for 5 s at most; without its answer the number is one that is free on this
  // node. Says what is not as wished, and why. Nothing is to be started if a fixed number is taken,
  // or after a signal that asks to end.
  Found Find();
  // A number that another program took.
  void Exclude(uint16_t port) { taken_.insert(port); }

 private:
  // Nullopt of both: the collector has no place to give.
  std::optional<Found> AskCollector();
  std::optional<Found> TakeRefusal(const cluster::v1::Refused& refused);
  // Nullopt: the number is taken on this node.
  std::optional<Found> TakeGrant(const cluster::v1::Granted& granted);
  Found FindHere();
  void TellNoneIsLeft(absl::string_view where, uint16_t port) const;
  cluster::v1::Claim MakeClaim() const;
  bool IsFreeHere(uint16_t port) const;

  const AgentConfig& config_;
  const World& world_;
  const std::string& node_;
  const cluster::v1::Claim wish_;
  ServiceDesk* const desk_;
  const uint16_t range_first_;
  const uint16_t range_last_;
  std::set<uint16_t> taken_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_COMMANDS_PLACE_SEARCH_H_
