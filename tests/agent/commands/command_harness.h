// A world for the commands of tributary-agent: files in memory, time that stands, a collector that
// answers what the test says.
#ifndef TRIBUTARY_TESTS_AGENT_COMMANDS_COMMAND_HARNESS_H_
#define TRIBUTARY_TESTS_AGENT_COMMANDS_COMMAND_HARNESS_H_

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "agent/commands/world.h"
#include "agent/config.h"
#include "common/mutex.h"
#include "tests/agent/doctor/fakes.h"
#include "tests/support/capture_logger.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"

namespace tributary::agent {

// Signals that a test sends. With nothing to tell, Wait lets virtual time pass; if `blocks`, it
// waits for a signal or Wake of another thread instead. Thread-safe.
class FakeSignals : public Signals {
 public:
  explicit FakeSignals(FakeClock* clock) : clock_(clock) {}

  std::optional<ReceivedSignal> Wait(absl::Duration timeout) override {
    {
      MutexLock lock(&mu_);
      while (blocks_ && queue_.empty() && !woken_) changed_.Wait(&mu_);
      if (!queue_.empty()) {
        const ReceivedSignal signal = queue_.front();
        queue_.pop_front();
        return signal;
      }
      if (std::exchange(woken_, false)) return std::nullopt;
    }
    clock_->Advance(timeout);
    if (on_wait) on_wait();
    return std::nullopt;
  }
  void Wake() override {
    MutexLock lock(&mu_);
    woken_ = true;
    changed_.SignalAll();
  }
  void Send(ReceivedSignal signal) {
    MutexLock lock(&mu_);
    queue_.push_back(signal);
    changed_.SignalAll();
  }
  void set_blocks(bool blocks) {
    MutexLock lock(&mu_);
    blocks_ = blocks;
  }

  // Called after time passed in a Wait; set before anything waits.
  std::function<void()> on_wait;

 private:
  FakeClock* const clock_;
  Mutex mu_;
  CondVar changed_;
  std::deque<ReceivedSignal> queue_ ABSL_GUARDED_BY(mu_);
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
  bool blocks_ ABSL_GUARDED_BY(mu_) = false;
};

class CommandHarness : public ::testing::Test {
 protected:
  CommandHarness() {
    files_.MakeDirectories("/logs").IgnoreError();
    world_.files = &files_;
    world_.clock = &clock_;
    world_.random = &random_;
    world_.log = &log_;
    world_.signals = &signals_;
    world_.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
    world_.out = &out_;
    world_.err = &err_;
    world_.host_name = "host1.example";
    world_.pid = 17;
    world_.version = "1.2.3";
    world_.user_name = [](uint32_t uid) { return "u" + std::to_string(uid); };
    world_.make_notifier = [] { return nullptr; };
    world_.become_guest = [] { return absl::OkStatus(); };
    world_.describe = [this](const AgentConfig&, const ingest::v1::DescribeNodeRequest& request,
                             absl::Duration) { return Describe(request); };
    world_.describe_collector =
        [this](const AgentConfig&, const ingest::v1::DescribeCollectorRequest& request,
               absl::Duration) -> absl::StatusOr<ingest::v1::DescribeCollectorResponse> {
      EXPECT_EQ(request.agent_version(), "1.2.3");
      if (!describe_error_.ok()) return describe_error_;
      return collector_;
    };
    world_.network = &network_;
    world_.machine = &machine_;
    collector_.set_collector_version("1.2.3");
    collector_.set_store_id("store");
    kept_.set_node("host1");
    kept_.set_store_id("store");
  }

  // The configuration of these arguments; it must be a good one.
  AgentConfig Config(const std::vector<std::string>& arguments) {
    AgentOptionValues values;
    Options options(AgentProgram());
    DeclareAgentOptions(&values, &options);
    const absl::StatusOr<CommandLine> line =
        options.Parse({.arguments = arguments,
                       .environment = world_.environment,
                       .read_file = [](const std::string&) -> absl::StatusOr<std::string> {
                         return absl::NotFoundError("no file");
                       }});
    EXPECT_TRUE(line.ok()) << line.status();
    effective_ = options.EffectiveValues();
    absl::StatusOr<AgentConfig> config =
        CheckAgentConfig(values, effective_, CommandNamed(line->command), "/", &files_);
    EXPECT_TRUE(config.ok()) << config.status();
    return config.ok() ? *std::move(config) : AgentConfig();
  }
  void Write(const std::string& path, size_t bytes) {
    files_.WriteFile("/logs/" + path, std::string(bytes, 'x'));
  }
  // An agent of this node that follows `path` is connected.
  void Connect(const std::string& path) {
    ingest::v1::AgentDescription* const agent = kept_.add_agents();
    agent->set_pid(77);
    agent->add_logdirs()->set_path(path);
  }
  // The collector has this stream, durable to `durable` bytes.
  void Keep(const std::string& path, const std::string& run, uint64_t durable,
            const std::string& logdir_name = "") {
    ingest::v1::StreamDescription* const stream = kept_.add_streams();
    stream->set_logdir_name(logdir_name);
    stream->set_path(path);
    stream->set_run(run);
    stream->set_run_since_unix_nanos(1'767'225'600'000'000'000);
    stream->set_received(durable);
    stream->set_durable(durable);
  }
  virtual absl::StatusOr<ingest::v1::DescribeNodeResponse> Describe(
      const ingest::v1::DescribeNodeRequest&) {
    if (!describe_error_.ok()) return describe_error_;
    return kept_;
  }
  void InSlurm() {
    variables_.insert({{"SLURM_JOB_ID", "4711"},
                       {"SLURM_JOB_NODELIST", "node[07-08]"},
                       {"SLURMD_NODENAME", "node08"},
                       {"SLURM_JOB_NAME", "bert"}});
  }
  // What was written since the last call.
  std::string TakeOut() { return Take(&out_); }
  std::string TakeErr() { return Take(&err_); }

  FakeClock clock_;
  FakeFileSystem files_{&clock_};
  CaptureLogger log_;
  SeededRandom random_{1};
  FakeSignals signals_{&clock_};
  std::map<std::string, std::string> variables_;
  std::ostringstream out_;
  std::ostringstream err_;
  FakeNetwork network_;
  FakeMachine machine_;
  ingest::v1::DescribeCollectorResponse collector_;
  ingest::v1::DescribeNodeResponse kept_;
  absl::Status describe_error_;
  std::vector<Options::Effective> effective_;
  World world_;

 private:
  static std::string Take(std::ostringstream* stream) {
    std::string text = stream->str();
    stream->str("");
    return text;
  }
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_TESTS_AGENT_COMMANDS_COMMAND_HARNESS_H_
