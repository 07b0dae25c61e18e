#include "agent/commands/exec.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "agent/commands/run.h"
#include "agent/commands/services.h"
#include "common/utf8.h"

namespace tributary::agent {
namespace {

constexpr uint32_t kClaim = 1;
constexpr absl::Duration kAskCollectorFor = absl::Seconds(5);
constexpr absl::Duration kLookEvery = absl::Milliseconds(100);
constexpr absl::Duration kLookSeldom = absl::Seconds(1);
constexpr int kTriesMax = 5;
constexpr uint16_t kRangeFirst = 6006;
constexpr uint16_t kRangeLast = 7005;

}  // namespace

ExecCommand::ExecCommand(const AgentConfig& config, const World& world,
                         const std::vector<std::string>& command)
    : config_(config), world_(world), command_(command) {}

ExecCommand::~ExecCommand() = default;

bool ExecCommand::uses_prefix() const {
  return std::any_of(command_.begin(), command_.end(), [](const std::string& word) {
    return word.find("{prefix}") != std::string::npos;
  });
}

int ExecCommand::Run() {
  const absl::StatusOr<NodeFacts> node = NodeOf(config_, world_);
  if (!node.ok()) {
    PrintError(world_, node.status().message());
    return kExitUsage;
  }
  node_ = node->node.value;
  taken_ = world_.ports->Taken();
  desk_ = MakeServiceDesk(config_, world_, *node);
  int code = kExitFailed;
  for (int attempt = 1;; ++attempt) {
    Place place;
    if (const std::optional<int> refused = FindPlace(&place)) {
      code = *refused;
      break;
    }
    if (const absl::Status started = StartCommand(place); !started.ok()) {
      PrintError(world_, started.message());
      code = absl::IsNotFound(started) ? 127 : 126;  // as a shell does
      break;
    }
    code = Watch(&place);
    // Another program was faster: the command never had a chance on this number.
    const bool was_taken =
        !listens_ && code != 0 && code < 128 && world_.ports->Taken().contains(place.port);
    if (!was_taken || config_.service.fixed || attempt == kTriesMax) break;
    PrintError(world_, absl::StrCat("port ", place.port,
                                    " was taken by another program; the command is started again "
                                    "on the next one"));
    taken_.insert(place.port);
  }
  desk_->Stop();
  return code;
}

cluster::v1::Claim ExecCommand::MakeClaim() const {
  cluster::v1::Claim claim = ClaimOf(config_, world_);
  claim.set_claim_id(kClaim);
  if (claim.mode() == cluster::v1::SERVICE_MODE_UNSPECIFIED) {
    claim.set_mode(uses_prefix() ? cluster::v1::SERVICE_MODE_KEEP : cluster::v1::SERVICE_MODE_HOST);
  }
  // Those that could be the answer are enough.
  for (const uint16_t port : taken_) {
    const bool in_range =
        port >= (config_.service.range_first != 0 ? config_.service.range_first : kRangeFirst) &&
        port <= (config_.service.range_last != 0 ? config_.service.range_last : kRangeLast);
    if ((in_range || port == claim.wish()) && claim.taken_size() < 2'000) claim.add_taken(port);
  }
  claim.set_command(ValidUtf8(absl::StrJoin(command_, " ")));
  return claim;
}

std::optional<int> ExecCommand::FindPlace(Place* place) {
  std::optional<int> refused;
  std::optional<Place> found = AskCollector(&refused);
  if (refused.has_value()) return refused;
  if (found.has_value()) {
    *place = *std::move(found);
    return std::nullopt;
  }
  return FindLocalPlace(place);
}

std::optional<ExecCommand::Place> ExecCommand::AskCollector(std::optional<int>* refused) {
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
    world_.signals->Wait(left);
    const std::optional<ServiceClient::Event> event = desk_->Take(kClaim);
    if (!event.has_value()) continue;
    if (event->refused.has_value()) {
      PrintError(world_, event->refused->detail());
      if (event->refused->reason() == cluster::v1::REFUSED_REASON_PORT_TAKEN) {
        *refused = kExitFailed;
      }
      return std::nullopt;
    }
    const cluster::v1::Granted& granted = *event->granted;
    Place place = {static_cast<uint16_t>(granted.port()), granted.prefix(), granted.url()};
    if (granted.out_of_range()) place.port = world_.ports->AnyFree();
    if (place.port != 0 && world_.ports->IsFree(place.port)) {
      if (!granted.conflict().empty()) PrintError(world_, granted.conflict());
      return place;
    }
    taken_.insert(place.port);
    desk_->Claim(MakeClaim());
  }
}

std::optional<int> ExecCommand::FindLocalPlace(Place* place) {
  const ServiceOptions& service = config_.service;
  place->prefix = absl::StrCat("/node/", PercentEncoded(node_), "/", service.name);
  if (service.port != 0 && !taken_.contains(service.port) && world_.ports->IsFree(service.port)) {
    place->port = service.port;
    return std::nullopt;
  }
  if (service.fixed) {
    PrintError(world_,
               absl::StrCat("port ", service.port, " is held by another program of this node"));
    return kExitFailed;
  }
  const int first = service.range_first != 0 ? service.range_first : kRangeFirst;
  const int last = service.range_last != 0 ? service.range_last : kRangeLast;
  for (int port = first; port <= last && place->port == 0; ++port) {
    const auto candidate = static_cast<uint16_t>(port);
    if (!taken_.contains(candidate) && world_.ports->IsFree(candidate)) place->port = candidate;
  }
  if (place->port == 0) place->port = world_.ports->AnyFree();
  return std::nullopt;
}

absl::Status ExecCommand::StartCommand(const Place& place) {
  std::vector<std::string> words;
  for (const std::string& word : command_) {
    words.push_back(absl::StrReplaceAll(
        word, {{"{port}", absl::StrCat(place.port)}, {"{prefix}", place.prefix}}));
  }
  absl::StatusOr<std::unique_ptr<ChildProcess>> started = world_.start_command(
      words, {absl::StrCat("PORT=", place.port), absl::StrCat("TRIBUTARY_PREFIX=", place.prefix)});
  if (!started.ok()) return started.status();
  child_ = *std::move(started);
  listens_ = false;
  desk_->Settle(kClaim, place.port);
  return absl::OkStatus();
}

int ExecCommand::Watch(Place* place) {
  absl::Duration next_look = world_.clock->Monotonic();
  for (;;) {
    const absl::Duration wait = listens_ ? kLookSeldom : kLookEvery;
    if (const std::optional<ReceivedSignal> signal = world_.signals->Wait(wait)) {
      PassOn(*signal, child_.get());
    }
    if (const std::optional<int> code = child_->Poll()) return *code;
    TakeEvents(place);
    if (!listens_ && world_.clock->Monotonic() >= next_look) {
      LookForListener(place);
      next_look = world_.clock->Monotonic() + kLookEvery;
    }
  }
}

void ExecCommand::LookForListener(Place* place) {
  if (!world_.ports->ListensInTree(place->port, child_->pid())) return;
  listens_ = true;
  desk_->Listening(kClaim, place->port);
  Announce(*place);
}

void ExecCommand::TakeEvents(Place* place) {
  const std::optional<ServiceClient::Event> event = desk_->Take(kClaim);
  if (!event.has_value()) return;
  if (event->refused.has_value()) {
    PrintError(world_, event->refused->detail());
    return;
  }
  place->url = event->granted->url();
  if (event->granted->prefix() != place->prefix && uses_prefix()) {
    PrintError(world_, absl::StrCat("the collector knows the service under ",
                                    event->granted->prefix(), ", but it was started with ",
                                    place->prefix, ": links in it may be wrong"));
  }
  if (listens_) Announce(*place);
}

void ExecCommand::Announce(const Place& place) {
  if (announced_ || place.url.empty()) return;
  announced_ = true;
  PrintError(world_, absl::StrCat(config_.service.name, " of ", node_, " listens on port ",
                                  place.port, " and opens at ", place.url));
}

}  // namespace tributary::agent
