#include "tests/sim/agent_node.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace tributary::sim {

AgentNode::AgentNode(const Options& options, const Dependencies& dependencies)
    : options_(options),
      deps_(dependencies),
      clock_(dependencies.clock, options.clock_skew),
      files_(&clock_),
      writer_(options.writer, kLogdir, &files_, dependencies.random, dependencies.trace),
      queue_(dependencies.clock),
      random_(dependencies.random->Next()) {
  CHECK(files_.MakeDirectories(kLogdir).ok(), "no logdir");
  files_.SyncAll();
}

AgentNode::~AgentNode() { agent_.reset(); }

void AgentNode::Start() {
  CHECK(agent_ == nullptr, options_.name, " runs");
  deps_.trace->Note("agent", " ", options_.name, " started");
  transport_ = deps_.network->MakeTransport(options_.name, &queue_);
  agent::Agent::Options options;
  options.logdirs = {{.name = "", .path = kLogdir}};
  options.open_files_max = options_.open_files_max;
  options.chunk_bytes_max = options_.chunk_bytes_max;
  options.hello.mutable_node()->set_name(options_.name);
  options.hello.mutable_node()->set_machine_id(absl::StrCat("machine of ", options_.name));
  options.hello.mutable_node()->set_boot_id(absl::StrCat("boot ", boots_, " of ", options_.name));
  agent::Agent::Dependencies dependencies;
  dependencies.files = &files_;
  dependencies.clock = &clock_;
  dependencies.random = &random_;
  dependencies.notifier = nullptr;
  dependencies.transport = transport_.get();
  dependencies.log = deps_.log;
  dependencies.namer = [](const TailedFile& file, const std::string& node) {
    agent::StreamNaming naming;
    naming.run = absl::StrCat(node, "/", DirName(file.relative_path));
    naming.why = "simulated";
    return absl::StatusOr<agent::StreamNaming>(naming);
  };
  agent_ = std::make_unique<agent::Agent>(options, std::move(dependencies));
}

void AgentNode::Kill() {
  deps_.trace->Note("agent", " ", options_.name, " killed");
  queue_.Clear();
  agent_.reset();
  transport_.reset();
}

void AgentNode::LosePower() {
  deps_.trace->Note("node", " ", options_.name, " lost its power");
  deps_.network->NodeLostPower(options_.name);
  Kill();
  writer_.BeforePowerCut();
  files_.Crash(deps_.random);
  files_.ClearFaults();
  CHECK(files_.MakeDirectories(kLogdir).ok(), "no logdir");
  writer_.AfterPowerCut();
  ++boots_;
}

bool AgentNode::StepDue() const { return agent_->next_step() <= deps_.clock->Monotonic(); }

size_t AgentNode::ready() const {
  if (agent_ == nullptr || paused_) return 0;
  const bool task = queue_.has_ready() || queue_.next_due() <= deps_.clock->Monotonic();
  return (task ? 1u : 0u) + (StepDue() ? 1u : 0u);
}

void AgentNode::RunOne(size_t index) {
  const bool only_step = ready() == 1 && StepDue();
  if (index == 1 || only_step) {
    agent_->Step();
  } else {
    queue_.RunOne();
  }
  AfterTask();
}

void AgentNode::AfterTask() {
  const std::optional<absl::Status> outcome = agent_->outcome();
  if (!outcome.has_value()) return;
  ++gave_up_;
  deps_.trace->Note("agent", " ", options_.name, " ended: ", outcome->ToString());
  Kill();
}

absl::Duration AgentNode::next_due() const {
  if (agent_ == nullptr || paused_) return absl::InfiniteDuration();
  return std::min(queue_.next_due(), agent_->next_step());
}

}  // namespace tributary::sim
