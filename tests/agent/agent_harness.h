// One agent, a file system in memory and a fake collector, in virtual time.
#ifndef TRIBUTARY_TESTS_AGENT_AGENT_HARNESS_H_
#define TRIBUTARY_TESTS_AGENT_AGENT_HARNESS_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "agent/agent.h"
#include "tests/agent/fake_collector.h"
#include "tests/support/capture_logger.h"
#include "tests/support/event_file_builder.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/manual_task_queue.h"

namespace tributary::agent {

class AgentHarness : public ::testing::Test {
 public:
  static constexpr char kFile[] = "run/events.out.tfevents.1";

 protected:
  AgentHarness() : files_(&clock_), queue_(&clock_), random_(1), collector_(&queue_) {
    EXPECT_TRUE(files_.MakeDirectories("/logs").ok());
    options_.logdirs = {{.name = "", .path = "/logs"}};
    options_.hello.mutable_node()->set_name("node1");
  }

  // A new process.
  void StartAgent() {
    agent_.reset();
    queue_.Clear();
    collector_.AgentDied();
    agent_ = std::make_unique<Agent>(
        options_, Agent::Dependencies{
                      .files = &files_,
                      .clock = &clock_,
                      .random = &random_,
                      .notifier = nullptr,
                      .transport = &collector_,
                      .log = &log_,
                      .namer = [this](const TailedFile& file,
                                      const std::string& node) { return Name(file, node); },
                      .on_changed = nullptr,
                  });
    Settle();
  }
  virtual absl::StatusOr<StreamNaming> Name(const TailedFile& file, const std::string& node) {
    StreamNaming naming;
    naming.run = node + "/" + file.relative_path;
    naming.why = "test";
    return naming;
  }

  // Runs all that is due now.
  void Settle() {
    for (int round = 0; round < 100'000; ++round) {
      if (queue_.RunOne()) continue;
      if (agent_->next_step() > clock_.Monotonic()) return;
      agent_->Step();
      // A step that is due at once again must have given the queue something to do.
      if (!queue_.has_ready() && agent_->next_step() <= clock_.Monotonic()) {
        ++idle_steps_;
        ASSERT_LT(idle_steps_, 1000) << "the agent spins";
      } else {
        idle_steps_ = 0;
      }
    }
    FAIL() << "the agent never rests";
  }
  // Lets the time pass, with every step when it is due.
  void RunFor(absl::Duration time) {
    const absl::Duration end = clock_.Monotonic() + time;
    Settle();
    while (clock_.Monotonic() < end && !HasFatalFailure()) {
      const absl::Duration next = std::min({agent_->next_step(), queue_.next_due(), end});
      clock_.Advance(std::max(next - clock_.Monotonic(), absl::Nanoseconds(1)));
      Settle();
    }
  }

  void Write(const std::string& path, absl::string_view bytes) {
    files_.WriteFile("/logs/" + path, bytes);
  }
  void Append(const std::string& path, absl::string_view bytes) {
    files_.AppendFile("/logs/" + path, bytes);
  }
  const std::string& Mirror(const std::string& path = kFile) {
    return collector_.mirror(path).bytes;
  }
  static std::string Scalars(int records, int first = 0) {
    EventFileBuilder builder;
    for (int i = first; i < first + records; ++i) {
      builder.Scalar("loss", Step(i), static_cast<float>(i));
    }
    return builder.Build();
  }
  // A file version record, and so many scalars.
  static std::string File(int scalars) {
    return EventFileBuilder().FileVersion().Build() + Scalars(scalars);
  }

  FakeClock clock_;
  FakeFileSystem files_;
  ManualTaskQueue queue_;
  SeededRandom random_;
  CaptureLogger log_;
  FakeCollector collector_;
  Agent::Options options_;
  std::unique_ptr<Agent> agent_;
  int idle_steps_ = 0;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_TESTS_AGENT_AGENT_HARNESS_H_
