#include "tests/sim/schedule.h"

#include "absl/strings/str_cat.h"

namespace tributary::sim {
namespace {

using Call = FakeFileSystem::Call;

enum Kind : uint64_t {
  kNetwork = 1 << 0,
  kAgentCrash = 1 << 1,
  kNodePower = 1 << 2,
  kCollectorKill = 1 << 3,
  kCollectorPower = 1 << 4,
  kPowerWithinTask = 1 << 5,
  kDiskErrors = 1 << 6,
  kNoSpace = 1 << 7,
  kFreeze = 1 << 8,
  kReplay = 1 << 9,
  kPause = 1 << 10,
  kRegistry = 1 << 11,
  kSourceErrors = 1 << 12,
};

}  // namespace

void Schedule::Run() {
  // Most worlds have about half of the kinds, some have none.
  Random* const random = world_->random();
  kinds_ = random->Below(8) == 0 ? 0 : random->Next();
  StartWhatIsDown();
  FaultTime();
  if (failed()) return;
  Heal();
  WaitUntilComplete("the faults ended");
  if (failed()) return;
  CheckAfterRestart();
}

void Schedule::FaultTime() {
  Random* const random = world_->random();
  for (int step = 0; step < options_.steps && !failed(); ++step) {
    const uint64_t choice = random->Below(100);
    if (choice < 12) {
      // Two writes at one moment have one time of modification: a file that is rewritten to its old
      // size just after somebody looked is not seen to have changed.
      world_->clock()->Advance(absl::Microseconds(1));
      world_->AnyNode()->writer()->ActOnce();
    } else if (choice < 14) {
      // Late for everything that is due.
      world_->clock()->Advance(absl::Seconds(3) * random->Unit());
    } else if (choice == 14) {
      StartWhatIsDown();
    } else if (choice == 15) {
      Fault();
    } else if (!world_->RunOne()) {
      world_->PassTime(absl::Seconds(5));
    }
  }
}

void Schedule::StartWhatIsDown() {
  if (!world_->collector()->up()) {
    world_->collector()->Start();
    if (world_->collector()->up()) world_->checker()->CheckPromises();
  }
  for (const auto& node : world_->nodes()) {
    if (!node->up()) node->Start();
  }
}

void Schedule::Fault() {
  Random* const random = world_->random();
  CollectorNode* const collector = world_->collector();
  const uint64_t kind = uint64_t{1} << random->Below(13);
  if ((kinds_ & kind) == 0) return;
  switch (kind) {
    case kNetwork: {
      const uint64_t what = random->Below(6);
      if (what < 2) {
        world_->network()->CutOne();
      } else if (what == 2) {
        world_->network()->BlackHoleOne();
      } else {
        world_->network()->SetReach(static_cast<Network::Reach>(random->Below(3)));
      }
      break;
    }
    case kAgentCrash:
      if (AgentNode* node = world_->AnyNode(); node->up()) node->Kill();
      break;
    case kNodePower:
      world_->AnyNode()->LosePower();
      break;
    case kCollectorKill:
      if (collector->up()) collector->Kill();
      break;
    case kCollectorPower:
      collector->LosePower();
      break;
    case kPowerWithinTask:
      collector->LosePowerAfter(1 + static_cast<int>(random->Below(60)));
      break;
    case kDiskErrors:
      DiskFault();
      break;
    case kNoSpace:
      collector->files()->SetTotalSpace(random->Below(2) == 0
                                            ? collector->files()->used_bytes() + random->Below(4096)
                                            : uint64_t{1} << 40);
      break;
    case kFreeze:
      frozen_ = !frozen_;
      collector->SetFrozen(frozen_);
      break;
    case kReplay:
      world_->network()->ReplayOne();
      break;
    case kPause:
      world_->AnyNode()->SetPaused(random->Below(2) == 0);
      break;
    case kRegistry:
      collector->FailRegistry(static_cast<int>(random->Below(5)),
                              static_cast<FakeRegistry::Fate>(1 + random->Below(3)));
      break;
    case kSourceErrors:
      world_->AnyNode()->files()->Inject({.call = random->Below(2) == 0 ? Call::kRead : Call::kOpen,
                                          .status = random->Below(2) == 0
                                                        ? absl::InternalError("Input/output error")
                                                        : absl::AbortedError("Stale file handle"),
                                          .after = static_cast<int>(random->Below(5)),
                                          .times = 1 + static_cast<int>(random->Below(3)),
                                          .path_contains = "tfevents"});
      break;
  }
}

void Schedule::DiskFault() {
  Random* const random = world_->random();
  FakeFileSystem* const files = world_->collector()->files();
  FakeFileSystem::Fault fault;
  fault.status = random->Below(3) == 0 ? absl::ResourceExhaustedError("No space left on device")
                                       : absl::InternalError("Input/output error");
  fault.after = static_cast<int>(random->Below(8));
  switch (random->Below(8)) {
    case 0:
    case 1:
      fault.call = Call::kSync;
      break;
    case 2:
      fault.call = Call::kSyncFileSystem;
      break;
    case 3:
      fault.call = Call::kSyncDirectory;
      break;
    case 4:
      fault.call = Call::kWrite;
      fault.written_bytes = random->Below(200);
      break;
    case 5:
      fault.call = Call::kRename;
      break;
    case 6:
      fault.call = Call::kRead;
      break;
    case 7:
      // What a failed sync left in memory is read back from the disk.
      files->EvictPages(random);
      return;
  }
  files->Inject(fault);
}

void Schedule::Heal() {
  world_->trace()->Note("heal");
  CollectorNode* const collector = world_->collector();
  collector->Heal();
  frozen_ = false;
  world_->network()->Heal();
  for (const auto& node : world_->nodes()) {
    node->files()->ClearFaults();
    node->SetPaused(false);
    node->writer()->Finish();
  }
  // A stream that stopped because its disk could not be read or written waits for an operator, who
  // starts the collector again. One for which there was no room goes on by itself.
  bool stopped = false;
  if (collector->up()) {
    for (const auto& stream : collector->store()->Streams()) {
      stopped = stopped || !stream->health().ok();
    }
  }
  if (stopped) collector->Kill();
  StartWhatIsDown();
}

void Schedule::WaitUntilComplete(const std::string& after) {
  const absl::Duration deadline = world_->clock()->Monotonic() + options_.peace_max;
  absl::Status complete = absl::UnavailableError("not looked at");
  while (!failed() && world_->clock()->Monotonic() < deadline) {
    const absl::Duration look = world_->clock()->Monotonic() + absl::Seconds(2);
    while (!failed() && world_->clock()->Monotonic() < look) {
      world_->Settle();
      world_->PassTime(look - world_->clock()->Monotonic());
    }
    world_->Settle();
    if (failed()) return;
    StartWhatIsDown();
    if (!world_->collector()->up()) continue;
    complete = world_->checker()->Complete();
    if (complete.ok()) break;
  }
  if (failed()) return;
  if (!complete.ok()) {
    world_->trace()->Fail(absl::StrCat("not complete ", absl::FormatDuration(options_.peace_max),
                                       " after ", after, ": ", complete.ToString()));
    return;
  }
  world_->checker()->CheckPromises();
  world_->checker()->CheckGenerations();
}

void Schedule::CheckAfterRestart() {
  world_->collector()->LosePower();
  for (const auto& node : world_->nodes()) node->Kill();
  StartWhatIsDown();
  if (failed()) return;
  WaitUntilComplete("everything was started again");
}

}  // namespace tributary::sim
