// What befalls a world: a time of faults, then quiet, then the reckoning.
#ifndef TRIBUTARY_TESTS_SIM_SCHEDULE_H_
#define TRIBUTARY_TESTS_SIM_SCHEDULE_H_

#include <cstdint>
#include <string>

#include "tests/sim/world.h"

namespace tributary::sim {

// Runs a world from its start to its end. Not thread-safe.
class Schedule {
 public:
  struct Options {
    int steps = 1500;  // of the time of faults
    // How long the world may take to agree once it is left in peace.
    absl::Duration peace_max = absl::Minutes(10);
  };

  Schedule(const Options& options, World* world) : options_(options), world_(world) {}

  // What was broken is in the world's trace.
  void Run();

 private:
  void FaultTime();
  void Act();
  void Fault();
  void DiskFault();
  void StartWhatIsDown();
  // Ends all faults.
  void Heal();
  // Lets the world run until every source is mirrored, durable and indexed.
  void WaitUntilComplete(const std::string& after);
  // Everything stops and starts again: what was complete still is.
  void CheckAfterRestart();
  bool failed() const { return world_->trace()->failed(); }

  const Options options_;
  World* const world_;
  bool frozen_ = false;
  // Each world has some kinds of faults only, so that others' effects are not always buried.
  uint64_t kinds_ = 0;
};

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_SCHEDULE_H_
