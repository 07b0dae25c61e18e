#include "agent/agent_thread.h"

#include <algorithm>
#include <utility>

#include "common/latch.h"

namespace tributary::agent {

AgentThread::AgentThread(const Agent::Options& options, Dependencies dependencies,
                         absl::Duration snapshot_every)
    : dependencies_(std::move(dependencies)),
      snapshot_every_(snapshot_every),
      loop_(dependencies_.clock),
      next_snapshot_(dependencies_.clock->Monotonic()) {
  transport_ = dependencies_.make_transport(&loop_);
  agent_ = std::make_unique<Agent>(options, Agent::Dependencies{
                                                .files = dependencies_.files,
                                                .clock = dependencies_.clock,
                                                .random = dependencies_.random,
                                                .notifier = dependencies_.notifier,
                                                .transport = transport_.get(),
                                                .log = dependencies_.log,
                                                .namer = dependencies_.namer,
                                                // Every event of the transport is a task, and the
                                                // loop ticks after each.
                                                .on_changed = nullptr,
                                            });
  const int descriptor =
      dependencies_.notifier == nullptr ? -1 : dependencies_.notifier->descriptor();
  loop_.Start({.name = "agent", .descriptor = descriptor, .tick = [this](bool woken) {
                 return Tick(woken);
               }});
}

AgentThread::~AgentThread() {
  // First the thread, then the transport, which tells nothing any more, then the agent.
  loop_.Stop();
  transport_.reset();
  agent_.reset();
}

absl::Duration AgentThread::Tick(bool woken) {
  const absl::Duration now = dependencies_.clock->Monotonic();
  if (woken || agent_->next_step() <= now) agent_->Step();

  const std::optional<absl::Status> outcome = agent_->outcome();
  bool ended = false;
  if (outcome.has_value()) {
    MutexLock lock(&mu_);
    ended = !outcome_.has_value();
    outcome_ = outcome;
  }
  if (ended || now >= next_snapshot_) TakeSnapshot();
  if (ended && dependencies_.on_outcome) dependencies_.on_outcome();
  return std::min(agent_->next_step(), next_snapshot_);
}

void AgentThread::TakeSnapshot() {
  const absl::Duration start = dependencies_.clock->Monotonic();
  const Progress progress = agent_->progress();
  {
    MutexLock lock(&mu_);
    progress_ = progress;
  }
  if (dependencies_.on_snapshot) dependencies_.on_snapshot(progress);
  // At most a hundredth of the time goes into looking at itself.
  const absl::Duration end = dependencies_.clock->Monotonic();
  next_snapshot_ = end + std::max(snapshot_every_, 100 * (end - start));
}

void AgentThread::StartDrain() {
  loop_.Post([this] { agent_->StartDrain(); });
}

std::optional<absl::Status> AgentThread::outcome() const {
  MutexLock lock(&mu_);
  return outcome_;
}

Progress AgentThread::progress() const {
  MutexLock lock(&mu_);
  return progress_;
}

template <typename Answer>
std::optional<Answer> AgentThread::Ask(std::function<Answer()> ask, absl::Duration patience) {
  // Outlives this call if the answer comes too late.
  struct Late {
    Latch done;
    Answer answer;
  };
  auto late = std::make_shared<Late>();
  loop_.Post([ask = std::move(ask), late] {
    late->answer = ask();
    late->done.Set();
  });
  if (!late->done.WaitFor(dependencies_.clock, patience)) return std::nullopt;
  return std::move(late->answer);
}

std::optional<Progress> AgentThread::FreshProgress(absl::Duration patience) {
  return Ask<Progress>(
      [this] {
        TakeSnapshot();
        return progress();
      },
      patience);
}

std::optional<std::vector<FileLeft>> AgentThread::Left(size_t files_max, absl::Duration patience) {
  return Ask<std::vector<FileLeft>>([this, files_max] { return agent_->Left(files_max); },
                                    patience);
}

}  // namespace tributary::agent
