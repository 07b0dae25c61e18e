// A node: its disk, its trainers, and the agent's process.
#ifndef TRIBUTARY_TESTS_SIM_AGENT_NODE_H_
#define TRIBUTARY_TESTS_SIM_AGENT_NODE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "agent/agent.h"
#include "common/log.h"
#include "common/random.h"
#include "tests/sim/event_writer.h"
#include "tests/sim/network.h"
#include "tests/sim/trace.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/manual_task_queue.h"

namespace tributary::sim {

// The time of a machine whose wall clock is wrong.
class SkewedClock : public Clock {
 public:
  SkewedClock(Clock* clock, absl::Duration skew) : clock_(clock), skew_(skew) {}
  absl::Duration Monotonic() override { return clock_->Monotonic(); }
  absl::Time Wall() override { return clock_->Wall() + skew_; }

 private:
  Clock* const clock_;
  const absl::Duration skew_;
};

// Not thread-safe. Owned by the world, which owns clock, network and random.
class AgentNode {
 public:
  static constexpr char kLogdir[] = "/logs";

  struct Options {
    std::string name;
    int open_files_max = 256;
    uint64_t chunk_bytes_max = 512u << 10;
    absl::Duration clock_skew;
    EventWriter::Options writer;
  };
  struct Dependencies {
    FakeClock* clock;
    Random* random;
    Network* network;
    Trace* trace;
    Logger* log;
  };

  AgentNode(const Options& options, const Dependencies& dependencies);
  ~AgentNode();

  void Start();
  void Kill();
  void LosePower();
  bool up() const { return agent_ != nullptr; }
  // A process that is stopped keeps its connection and does nothing.
  void SetPaused(bool paused) { paused_ = paused; }

  // --- Work.
  size_t ready() const;
  void RunOne(size_t index);
  absl::Duration next_due() const;

  const std::string& name() const { return options_.name; }
  agent::Agent* agent() { return agent_.get(); }
  EventWriter* writer() { return &writer_; }
  FakeFileSystem* files() { return &files_; }
  // How often the agent ended by itself.
  int gave_up() const { return gave_up_; }

 private:
  bool StepDue() const;
  // An agent that ended for good is started again by a supervisor, after a while.
  void AfterTask();

  const Options options_;
  const Dependencies deps_;
  SkewedClock clock_;
  FakeFileSystem files_;
  EventWriter writer_;
  ManualTaskQueue queue_;
  SeededRandom random_;
  std::unique_ptr<agent::Transport> transport_;
  std::unique_ptr<agent::Agent> agent_;
  bool paused_ = false;
  int boots_ = 1;
  int gave_up_ = 0;
};

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_AGENT_NODE_H_
