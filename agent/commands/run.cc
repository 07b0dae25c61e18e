#include "agent/commands/run.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/commands/delivery_progress.h"
#include "agent/commands/listing.h"
#include "agent/commands/services.h"
#include "common/status_macros.h"
#include "common/text.h"

namespace tributary::agent {
namespace {

constexpr size_t kLeftShown = 20;
// Added to the own drain timeout, which the predecessor is likely to have too.
constexpr absl::Duration kTakenGrace = absl::Seconds(5);
constexpr absl::Duration kSnapshotEvery = absl::Seconds(1);
constexpr absl::Duration kSnapshotEveryOnce = absl::Milliseconds(200);

// A configuration of names that no file can be named by. Other errors may pass.
bool IsConfigurationError(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status);
}

}  // namespace

void PassOn(const ReceivedSignal& signal, ChildProcess* child) {
  if (signal.number == SIGCHLD) return;
  if (signal.from_process || signal.number == SIGTERM) child->Send(signal.number);
}

int WaitForChild(ChildProcess* child, const World& world) {
  for (;;) {
    if (const std::optional<int> code = child->Poll()) return *code;
    const std::optional<ReceivedSignal> signal = world.signals->Wait(absl::Hours(1));
    if (signal.has_value()) PassOn(*signal, child);
  }
}

RunCommand::RunCommand(const AgentConfig& config, const World& world, ChildProcess* child)
    : config_(config),
      world_(world),
      child_(child),
      once_(config.values.once && child == nullptr),
      last_contact_(world.clock->Monotonic()) {}

RunCommand::~RunCommand() {
  // The thread tells the board; the admin page reads it.
  thread_.reset();
  admin_.reset();
}

int RunCommand::Run() {
  if (absl::Status status = Start(); !status.ok()) {
    PrintError(world_, status.message());
    if (child_ != nullptr) {
      world_.log->Error("the command runs without delivery");
      return WaitForChild(child_, world_);
    }
    return absl::IsInvalidArgument(status) ? kExitUsage : kExitFailed;
  }
  for (;;) {
    if (const std::optional<int> code = Round()) return *code;
  }
}

absl::Status RunCommand::Start() {
  ASSIGN_OR_RETURN(const NodeFacts node, NodeOf(config_, world_));
  if (child_ == nullptr) RETURN_IF_ERROR(CheckNames(node));
  if (config_.values.guest) {
    if (absl::Status status = world_.become_guest(); !status.ok()) {
      world_.log->Warn("not everything of a guest's manners is allowed here", {{"error", status}});
    }
  }
  for (const std::string& path : config_.missing_logdirs) {
    world_.log->Warn("logdir does not exist yet, waiting for it", {{"path", path}});
  }
  if (config_.values.admin_port.has_value()) RETURN_IF_ERROR(StartAdmin());
  world_.log->Info("agent started", {{"version", world_.version},
                                     {"node", node.node.value},
                                     {"collector", config_.collector},
                                     {"logdirs", config_.logdirs.size()},
                                     {"pid", world_.pid}});
  StartThread(node);
  if (!once_) StartFinding(node);
  return absl::OkStatus();
}

// Asks for the names of what is there. With --once each must be good. Else the agent goes on if any
// is, or if there is nothing yet: facts may still appear beside files.
absl::Status RunCommand::CheckNames(const NodeFacts& node) const {
  if (!once_ && !config_.name_space.has_value()) return absl::OkStatus();
  RunNames names(NamesOf(config_, node, false, world_), NamesWorld(world_));
  absl::Status first;
  for (const auto& [key, file] : ListLocalFiles(config_, world_).files) {
    const absl::Status status = names.Name(file, "").status();
    if (status.ok() && !once_) return absl::OkStatus();
    if (IsConfigurationError(status) && first.ok()) first = status;
    if (once_ && !first.ok()) break;
  }
  return first.ok() ? first : absl::InvalidArgumentError(first.message());
}

absl::Status RunCommand::StartAdmin() {
  board_ =
      std::make_unique<AdminBoard>(config_.logdirs, world_.version, world_.files, world_.clock);
  absl::StatusOr<std::unique_ptr<AdminServer>> admin = world_.start_admin(config_, board_.get());
  if (!admin.ok()) {
    const std::string message = absl::StrCat("--admin-port: ", admin.status().message());
    if (child_ == nullptr) return absl::Status(absl::StatusCode::kUnavailable, message);
    // Whoever watches loses something; the command must not.
    world_.log->Error("no admin page", {{"error", message}});
    return absl::OkStatus();
  }
  admin_ = *std::move(admin);
  world_.log->Info("admin page", {{"host", config_.values.admin_host}, {"port", admin_->port()}});
  return absl::OkStatus();
}

void RunCommand::StartThread(const NodeFacts& node) {
  Agent::Options options;
  options.logdirs = config_.logdirs;
  options.once = once_;
  options.open_files_max = static_cast<int>(config_.values.open_files_max);
  options.chunk_bytes_max = config_.values.chunk_bytes_max;
  options.side_files = SideFilesOf(config_);
  options.taken_wait = TakenWait();
  options.hello.set_protocol_version(1);
  options.hello.set_agent_version(world_.version);
  *options.hello.mutable_node() = ToProto(node, config_);
  options.hello.set_store_id(config_.store);
  options.hello.set_pid(world_.pid);
  auto names = std::make_shared<RunNames>(NamesOf(config_, node, child_ != nullptr, world_),
                                          NamesWorld(world_));
  notifier_ = world_.make_notifier();
  thread_ = std::make_unique<AgentThread>(
      options,
      AgentThread::Dependencies{
          .files = world_.files,
          .clock = world_.clock,
          .random = world_.random,
          .notifier = notifier_.get(),
          .log = world_.log,
          .make_transport =
              [this](TaskQueue* queue) { return world_.make_transport(config_, queue); },
          .namer = [names](const TailedFile& file,
                           const std::string& kept) { return names->Name(file, kept); },
          .on_snapshot =
              [this](const Progress& progress) {
                if (board_ != nullptr) board_->Update(progress);
              },
          .on_outcome = [this] { world_.signals->Wake(); }},
      once_ ? kSnapshotEveryOnce : kSnapshotEvery);
  if (once_) line_.emplace(world_.err, world_.err_is_terminal, world_.clock);
}

void RunCommand::StartFinding(const NodeFacts& node) {
  const std::string& where = config_.values.find_tensorboards;
  if (where == "off" || world_.make_services == nullptr) return;
  desk_ = MakeServiceDesk(config_, world_, node, [this](const ServiceClient::Event& event) {
    tensorboards_->OnEvent(event);
  });
  tensorboards_ = std::make_unique<FoundTensorboards>(
      FoundTensorboards::Options{
          .directory = where == "auto" ? TensorboardInfoDirectory(world_.environment) : where},
      FoundTensorboards::Dependencies{.files = world_.files,
                                      .ports = world_.ports,
                                      .client = desk_->client(),
                                      .queue = desk_->queue(),
                                      .clock = world_.clock,
                                      .log = world_.log,
                                      .user_name = world_.user_name});
  desk_->queue()->Post([this] { tensorboards_->Look(); });
}

// A second agent in this one's place ends it, but not before a predecessor has had the time to
// drain. A command's end is waited for anyway, so delivery may still find its turn.
absl::Duration RunCommand::TakenWait() const {
  if (child_ != nullptr) return absl::InfiniteDuration();
  return once_ ? config_.values.connect_timeout : config_.values.drain_timeout + kTakenGrace;
}

absl::Duration RunCommand::NextLook() const {
  // --once shows progress and watches the collector; a drain has an end; else only signals count.
  if (once_) return kSnapshotEveryOnce;
  if (!drain_end_.has_value()) return absl::Hours(1);
  return std::max(*drain_end_ - world_.clock->Monotonic(), absl::ZeroDuration());
}

std::optional<int> RunCommand::Round() {
  const std::optional<ReceivedSignal> signal = world_.signals->Wait(NextLook());
  if (signal.has_value()) HandleSignal(*signal);
  if (child_ != nullptr && !child_exit_.has_value()) {
    child_exit_ = child_->Poll();
    if (child_exit_.has_value()) StartDrain();
  }
  const bool waits_for_child = child_ != nullptr && !child_exit_.has_value();
  if (const std::optional<absl::Status> outcome = thread_->outcome()) {
    // Nothing more can be delivered; the command is none the worse for it.
    if (!waits_for_child) return Finish(*outcome);
    PrintError(world_, absl::StrCat("delivery ended: ", outcome->message()));
    return WaitForChild(child_, world_);
  }
  if (drain_end_.has_value() && !waits_for_child &&
      (impatient_ || world_.clock->Monotonic() >= *drain_end_)) {
    return Finish(absl::DeadlineExceededError("not everything could be delivered in time"));
  }
  if (once_) {
    const Progress progress = thread_->progress();
    ShowProgress(progress, &*line_);
    if (!drain_end_.has_value() && GaveUp(progress)) {
      return Finish(absl::UnavailableError(
          absl::StrCat("gave up after ", DurationText(config_.values.connect_timeout), ": ",
                       progress.last_error.empty()
                           ? absl::StrCat("collector ", config_.collector, " does not answer")
                           : progress.last_error)));
    }
  }
  return std::nullopt;
}

void RunCommand::HandleSignal(const ReceivedSignal& signal) {
  if (child_ != nullptr && !child_exit_.has_value()) {
    PassOn(signal, child_);
    return;
  }
  if (!AsksToEnd(signal)) return;
  if (drain_end_.has_value()) {
    impatient_ = true;
    return;
  }
  if (line_.has_value()) line_->End();
  if (config_.values.drain_timeout > absl::ZeroDuration()) {
    PrintError(world_, absl::StrCat("told to stop: draining for at most ",
                                    DurationText(config_.values.drain_timeout),
                                    "; once more ends it at once"));
  }
  StartDrain();
}

void RunCommand::StartDrain() {
  drain_end_ = world_.clock->Monotonic() + config_.values.drain_timeout;
  thread_->StartDrain();
}

bool RunCommand::GaveUp(const Progress& progress) {
  const absl::Duration now = world_.clock->Monotonic();
  if (progress.state == SessionState::kStreaming) last_contact_ = now;
  return now - last_contact_ >= config_.values.connect_timeout;
}

void RunCommand::PrintLeft(const std::vector<FileLeft>& left) {
  for (size_t i = 0; i < std::min(left.size(), kLeftShown); ++i) {
    const FileLeft& file = left[i];
    if (file.is_directory) {
      PrintError(world_, absl::StrCat("left: what is in ", file.why));
      continue;
    }
    const std::string name = file.logdir_name.empty()
                                 ? file.relative_path
                                 : absl::StrCat(file.logdir_name, "=", file.relative_path);
    PrintError(world_, absl::StrCat("left: ", name, ": ", file.durable_bytes, " of ",
                                    file.size_bytes, " bytes are durable: ", file.why));
  }
  if (left.size() > kLeftShown) PrintError(world_, "left: and more");
}

int RunCommand::Finish(const absl::Status& outcome) {
  if (line_.has_value()) line_->End();
  const std::optional<Progress> progress = thread_->FreshProgress(world_.patience);
  const std::optional<std::vector<FileLeft>> left =
      progress.has_value() ? thread_->Left(kLeftShown + 1, world_.patience) : std::nullopt;
  if (!left.has_value()) return FinishWithoutThread();
  if (desk_ != nullptr && !desk_->Stop(world_.patience)) return FinishWithoutThread();
  int code = outcome.ok() ? kExitGood : kExitFailed;
  // Told to stop in the middle of nothing: no loss, no failure.
  if (absl::IsDeadlineExceeded(outcome) && left->empty()) code = kExitGood;
  if (code != kExitGood) PrintError(world_, outcome.message());
  // An agent that was refused, and never let in, does not know what the collector has of the files.
  if (!outcome.ok() && progress->node.empty() && progress->refusals_total > 0) {
    return child_exit_.value_or(left->empty() ? code : kExitFailed);
  }
  if (!left->empty()) {
    PrintLeft(*left);
    code = kExitFailed;
  }
  const std::string summary =
      absl::StrCat(Counted(progress->files, "file"), ", ", HumanBytes(progress->bytes_durable),
                   " of ", HumanBytes(progress->bytes_on_disk), " durable");
  if (once_) {
    *world_.out << summary << "\n";
  } else {
    world_.log->Info("agent ended", {{"files", progress->files},
                                     {"file_bytes", progress->bytes_on_disk},
                                     {"durable_bytes", progress->bytes_durable}});
  }
  return child_exit_.value_or(code);
}

int RunCommand::FinishWithoutThread() {
  PrintError(world_,
             absl::StrCat("a file system has not answered for ", DurationText(world_.patience),
                          ": ending without it; files may be left, drain tells which"));
  const int code = child_exit_.value_or(kExitFailed);
  world_.exit_now(code);
  return code;
}

}  // namespace tributary::agent
