#include "agent/agent.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/delivery.h"
#include "agent/follower.h"
#include "agent/sender.h"
#include "common/check.h"
#include "common/utf8.h"

namespace tributary::agent {
namespace {

Tailer::Options TailerOptions(const Agent::Options& options, const SideFileFilter* side_files) {
  Tailer::Options result;
  result.side_files = side_files;
  for (const Logdir& logdir : options.logdirs) {
    result.roots.push_back(logdir.path);
    result.patterns.push_back(logdir.Pattern());
  }
  result.open_files_max = options.open_files_max;
  return result;
}

Delivery::Options DeliveryOptions(const Agent::Options& options) {
  Delivery::Options result;
  for (const Logdir& logdir : options.logdirs) result.logdir_names.push_back(logdir.name);
  result.chunk_bytes_max = options.chunk_bytes_max;
  result.asset_bytes_max = options.side_files.bytes_max;
  return result;
}

Sender::Options SenderOptions(const Agent::Options& options, Random* random) {
  Sender::Options result;
  result.hello = options.hello;
  for (const Logdir& logdir : options.logdirs) {
    ingest::v1::Logdir* const told = result.hello.add_logdirs();
    told->set_name(logdir.name);
    told->set_path(ValidUtf8(logdir.Text()));
  }
  result.taken_wait = options.taken_wait;
  result.hello.set_agent_nonce(random->Hex(16));
  return result;
}

}  // namespace

struct Agent::Impl {
  Impl(const Options& options_in, Dependencies deps)
      : once(options_in.once),
        drain(options_in.once),
        clock(deps.clock),
        side_files(options_in.side_files),
        tailer(TailerOptions(options_in, &side_files),
               {.files = deps.files, .clock = deps.clock, .notifier = deps.notifier}),
        follower(Follower::Options(), &tailer, deps.clock),
        delivery(DeliveryOptions(options_in), {.tailer = &tailer,
                                               .follower = &follower,
                                               .clock = deps.clock,
                                               .random = deps.random,
                                               .log = deps.log,
                                               .namer = std::move(deps.namer)}),
        sender(SenderOptions(options_in, deps.random),
               {.delivery = &delivery,
                .transport = deps.transport,
                .clock = deps.clock,
                .random = deps.random,
                .log = deps.log,
                .on_changed = deps.on_changed ? std::move(deps.on_changed) : [] {}}) {}

  const bool once;
  bool drain = false;  // asked for; begins when all that is present is known
  Clock* const clock;
  SideFiles side_files;
  Tailer tailer;
  Follower follower;
  Delivery delivery;
  Sender sender;
};

Agent::Agent(const Options& options, Dependencies dependencies) {
  CHECK(!options.logdirs.empty(), "an agent without a logdir");
  impl_ = std::make_unique<Impl>(options, std::move(dependencies));
}

Agent::~Agent() = default;

void Agent::Step() {
  if (impl_->sender.outcome().has_value()) return;
  impl_->delivery.OnChanged(impl_->side_files.Poll(&impl_->tailer));
  // What is present is known now; what comes later is not drained.
  if (impl_->drain && !impl_->tailer.sweep_pending()) {
    impl_->delivery.StartDrain(/*and_listing=*/impl_->once);
  }
  impl_->delivery.RunTimers();
  impl_->sender.Step();
}

absl::Duration Agent::next_step() const {
  if (impl_->sender.outcome().has_value()) return absl::InfiniteDuration();
  return std::min(
      {impl_->tailer.next_poll(), impl_->delivery.next_timer(), impl_->sender.next_step()});
}

void Agent::StartDrain() {
  if (impl_->drain) return;
  impl_->drain = true;
  // Where no notices come from, the latest writes are not known yet.
  impl_->tailer.SweepNow();
  Step();
}

std::optional<absl::Status> Agent::outcome() const { return impl_->sender.outcome(); }

Progress Agent::progress() const {
  Progress progress;
  impl_->delivery.AddTo(&progress);
  impl_->sender.AddTo(&progress);
  progress.tailer_status = impl_->tailer.status();
  if (const std::string left_out = impl_->side_files.status(); !left_out.empty()) {
    absl::StrAppend(&progress.tailer_status, progress.tailer_status.empty() ? "" : "; ", left_out);
  }
  return progress;
}

std::vector<FileLeft> Agent::Left(size_t limit) const { return impl_->delivery.Left(limit); }

}  // namespace tributary::agent
