#include "agent/commands/exec.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "agent/commands/run.h"
#include "agent/commands/services.h"
#include "common/utf8.h"

namespace tributary::agent {
namespace {

constexpr uint32_t kClaim = 1;
constexpr int kTriesMax = 5;

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
  desk_ = MakeServiceDesk(config_, world_, *node);
  PlaceSearch search(config_, world_, node_, MakeClaim(), desk_.get());
  int code = kExitFailed;
  for (int attempt = 1;; ++attempt) {
    PlaceSearch::Found found = search.Find();
    if (const int* const refused = std::get_if<int>(&found)) {
      code = *refused;
      break;
    }
    place_ = std::get<ServicePlace>(std::move(found));
    Tell(place_.conflict, &conflict_told_);
    if (const absl::Status started = StartCommand(); !started.ok()) {
      PrintError(world_, started.message());
      code = absl::IsNotFound(started) ? 127 : 126;  // as a shell does
      break;
    }
    code = Watch();
    // Another program was faster: the command never had a chance on this number.
    const bool was_taken =
        listens_on_ == 0 && code != 0 && code < 128 && world_.ports->Taken().contains(place_.port);
    if (!was_taken || told_to_end_ || config_.service.fixed || attempt == kTriesMax) break;
    PrintError(world_, absl::StrCat("port ", place_.port,
                                    " was taken by another program; the command is started again "
                                    "on the next one"));
    search.Exclude(place_.port);
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
  claim.set_command(ValidUtf8(absl::StrJoin(command_, " ")));
  return claim;
}

absl::Status ExecCommand::StartCommand() {
  std::vector<std::string> words;
  for (const std::string& word : command_) {
    words.push_back(absl::StrReplaceAll(
        word, {{"{port}", absl::StrCat(place_.port)}, {"{prefix}", place_.prefix}}));
  }
  absl::StatusOr<std::unique_ptr<ChildProcess>> started = world_.start_command(
      words,
      {absl::StrCat("PORT=", place_.port), absl::StrCat("TRIBUTARY_PREFIX=", place_.prefix)});
  if (!started.ok()) return started.status();
  child_ = *std::move(started);
  desk_->Settle(kClaim, place_.port);
  return absl::OkStatus();
}

int ExecCommand::Watch() {
  CommandListener listener(place_.port, child_->pid(), world_.ports, world_.clock);
  for (;;) {
    const absl::Duration wait = listener.next_look() - world_.clock->Monotonic();
    const std::optional<ReceivedSignal> signal =
        world_.signals->Wait(std::max(wait, absl::ZeroDuration()));
    if (signal.has_value()) {
      told_to_end_ = told_to_end_ || AsksToEnd(*signal);
      PassOn(*signal, child_.get());
    }
    if (const std::optional<int> code = child_->Poll()) return *code;
    TakeEvents();
    if (world_.clock->Monotonic() >= listener.next_look()) Look(&listener);
  }
}

void ExecCommand::Look(CommandListener* listener) {
  listener->Look();
  Tell(listener->line(), &listener_told_);
  if (listener->port() == listens_on_) return;
  listens_on_ = listener->port();
  desk_->Listening(kClaim, listens_on_);
  Announce();
}

void ExecCommand::TakeEvents() {
  const std::optional<ServiceClient::Event> event = desk_->Take(kClaim);
  if (!event.has_value()) return;
  if (event->refused.has_value()) {
    PrintError(world_, event->refused->detail());
    return;
  }
  const cluster::v1::Granted& granted = *event->granted;
  // An answer from before the number was a fact: another one follows.
  const uint32_t fact = listens_on_ != 0 ? listens_on_ : place_.port;
  if (granted.port() != 0 && granted.port() != fact) return;
  place_.url = granted.url();
  Tell(granted.conflict(), &conflict_told_);
  if (uses_prefix() && granted.prefix() != place_.prefix) {
    Tell(absl::StrCat("the command was started with {prefix} ", place_.prefix, ", but it opens at ",
                      granted.prefix(), ": start it again, so that its pages are found there"),
         &prefix_told_);
  }
  Announce();
}

void ExecCommand::Announce() {
  if (listens_on_ == 0 || place_.url.empty()) return;
  Tell(absl::StrCat(config_.service.name, " of ", node_, " listens on port ", listens_on_,
                    " and opens at ", place_.url),
       &announced_);
  // Others come by a name that does not tell services apart.
  if (!uses_prefix() && config_.service.mode == cluster::v1::SERVICE_MODE_UNSPECIFIED &&
      !absl::StartsWith(place_.url, "http://localhost:")) {
    Tell(
        "if it says there that the service needs a name of its own, and its pages link to one "
        "another by relative addresses, start it again with --mode strip",
        &hint_told_);
  }
}

void ExecCommand::Tell(const std::string& line, std::string* told) const {
  if (line == *told) return;
  *told = line;
  if (!line.empty()) PrintError(world_, line);
}

}  // namespace tributary::agent
