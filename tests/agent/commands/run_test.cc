// `run` with the agent on its own thread, a collector in memory, and time that stands.
#include "agent/commands/run.h"

#include <gmock/gmock.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <thread>
#include <utility>

#include "common/latch.h"
#include "tests/agent/commands/command_harness.h"
#include "tests/agent/fake_collector.h"

namespace tributary::agent {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// A command that runs until it is told its end. Used by the main thread.
class FakeChild : public ChildProcess {
 public:
  std::optional<int> Poll() override { return exit_code; }
  void Send(int signal) override {
    sent.push_back(signal);
    if (on_signal) on_signal(signal);
  }

  std::optional<int> exit_code;
  std::vector<int> sent;
  std::function<void(int)> on_signal;
};

class RunCommandTest : public CommandHarness {
 protected:
  RunCommandTest() {
    signals_.set_blocks(true);
    world_.make_transport = [this](const AgentConfig&, TaskQueue* queue) {
      auto collector = std::make_unique<FakeCollector>(queue);
      if (prepare_) prepare_(collector.get());
      return collector;
    };
  }
  int Run(std::vector<std::string> flags, ChildProcess* child = nullptr) {
    flags.insert(flags.begin(), {"run", "--collector", "localhost:1", "--logdir", "/logs"});
    const AgentConfig config = Config(flags);
    return RunCommand(config, world_, child).Run();
  }

  // Called on the agent's thread or before it.
  std::function<void(FakeCollector*)> prepare_;
};

TEST_F(RunCommandTest, Malformed_NamesAreCheckedBeforeAnythingIsSent) {
  Write("a/tfevents", 10);
  EXPECT_EQ(Run({"--once", "--namespace", "{job}"}), kExitUsage);
  EXPECT_THAT(TakeErr(), HasSubstr("{job} has no value"));
  EXPECT_EQ(Run({"--namespace", "{job}"}), kExitUsage);
}

TEST_F(RunCommandTest, Once_DeliversAndEnds) {
  Write("a/tfevents", 10);
  EXPECT_EQ(Run({"--once"}), kExitGood);
  EXPECT_EQ(TakeOut(), "1 file, 10 B of 10 B durable\n");
  EXPECT_EQ(TakeErr(), "");
}

TEST_F(RunCommandTest, Once_ADirectoryThatCannotBeListedIsLeft) {
  Write("a/tfevents", 10);
  Write("closed/tfevents", 10);
  files_.Inject({.call = FakeFileSystem::Call::kList,
                 .status = absl::PermissionDeniedError("Permission denied"),
                 .times = FakeFileSystem::kForEver,
                 .path_contains = "/logs/closed"});
  EXPECT_EQ(Run({"--once"}), kExitFailed);
  EXPECT_EQ(TakeOut(), "1 file, 10 B of 10 B durable\n");
  EXPECT_THAT(TakeErr(), HasSubstr("left: what is in /logs/closed: Permission denied\n"));
}

TEST_F(RunCommandTest, Once_WithNothingThere) {
  EXPECT_EQ(Run({"--once"}), kExitGood);
  EXPECT_EQ(TakeOut(), "0 files, 0 B of 0 B durable\n");
}

TEST_F(RunCommandTest, Once_ARefusalThatWaitingCannotCureIsAFailure) {
  prepare_ = [](FakeCollector* collector) {
    collector->refuse_hello.emplace();
    collector->refuse_hello->set_reason(ingest::v1::REFUSAL_REASON_WRONG_STORE);
    collector->refuse_hello->set_detail("the store here is another");
  };
  Write("a/tfevents", 10);
  EXPECT_EQ(Run({"--once"}), kExitFailed);
  // What it has of the files is not known.
  EXPECT_THAT(TakeErr(), AllOf(HasSubstr("the store here is another\n"), Not(HasSubstr("left: "))));
  EXPECT_EQ(TakeOut(), "");
}

TEST_F(RunCommandTest, Once_GivesUpAfterTheConnectTimeout) {
  signals_.set_blocks(false);
  prepare_ = [](FakeCollector* collector) { collector->mute = true; };
  Write("a/tfevents", 10);
  EXPECT_EQ(Run({"--once", "--connect-timeout", "2s"}), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("gave up after 2s: "));
}

TEST_F(RunCommandTest, SigtermDrainsAndIsGood) {
  Write("a/tfevents", 10);
  signals_.Send({.number = SIGTERM, .from_process = true});
  EXPECT_EQ(Run({}), kExitGood);
  EXPECT_TRUE(log_.Contains("info agent ended files=1 file_bytes=10 durable_bytes=10"));
}

TEST_F(RunCommandTest, ASecondSigtermEndsTheDrainAndNamesWhatIsLeft) {
  prepare_ = [](FakeCollector* collector) { collector->acknowledge_durable = false; };
  Write("a/tfevents", 10);
  signals_.Send({.number = SIGTERM, .from_process = true});
  signals_.Send({.number = SIGTERM, .from_process = true});
  EXPECT_EQ(Run({}), kExitFailed);
  EXPECT_THAT(TakeErr(), AllOf(HasSubstr("draining for at most 25s; once more ends it at once\n"),
                               HasSubstr("left: a/tfevents: 0 of 10 bytes are durable")));
}

TEST_F(RunCommandTest, SignalsThatMeanNothingToTheAgentDoNotEndIt) {
  signals_.Send({.number = SIGUSR1, .from_process = true});
  signals_.Send({.number = SIGCHLD});
  signals_.Send({.number = SIGHUP, .from_process = true});
  EXPECT_EQ(Run({}), kExitGood);
}

TEST_F(RunCommandTest, Command_ItsExitCodeIsTheResultAndWhatItWroteIsDelivered) {
  FakeChild child;
  Write("a/tfevents", 10);
  child.exit_code = 7;
  signals_.Send({.number = SIGCHLD});
  EXPECT_EQ(Run({}, &child), 7);
  EXPECT_TRUE(log_.Contains("info agent ended files=1 file_bytes=10 durable_bytes=10"));
}

TEST_F(RunCommandTest, Command_ItsExitCodeIsTheResultThoughNothingCouldBeDelivered) {
  prepare_ = [](FakeCollector* collector) { collector->reachable = false; };
  FakeChild child;
  Write("a/tfevents", 10);
  child.exit_code = 0;
  signals_.Send({.number = SIGCHLD});
  signals_.Send({.number = SIGTERM, .from_process = true});
  signals_.Send({.number = SIGTERM, .from_process = true});
  EXPECT_EQ(Run({}, &child), 0);
  EXPECT_THAT(TakeErr(), HasSubstr("left: a/tfevents"));
}

// A mount that hangs must not hold the job.
TEST_F(RunCommandTest, Fault_AReadThatNeverReturnsHoldsUpNoExit) {
  Latch reading;
  Latch mount_is_back;
  files_.SetInterceptor([&](FakeFileSystem::Call call, const std::string&) {
    if (call == FakeFileSystem::Call::kRead) {
      reading.Set();
      mount_is_back.Wait();
    }
    return absl::OkStatus();
  });
  Write("a/tfevents", 10);
  world_.patience = absl::Milliseconds(20);
  // Nothing else lets the time of this test pass.
  std::atomic<bool> ended = false;
  std::thread time([&] {
    while (!ended) clock_.Advance(absl::Milliseconds(1));
  });
  int exit_code = -1;
  world_.exit_now = [&](int code) {
    exit_code = code;
    mount_is_back.Set();
  };
  std::thread user([&] {
    reading.Wait();
    for (int i = 0; i < 2; ++i) signals_.Send({.number = SIGTERM, .from_process = true});
  });
  EXPECT_EQ(Run({}), kExitFailed);
  ended = true;
  time.join();
  user.join();
  EXPECT_EQ(exit_code, kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("a file system has not answered for"));
}

TEST_F(RunCommandTest, Command_NoRefusalStopsIt) {
  prepare_ = [this](FakeCollector* collector) {
    collector->refuse_hello.emplace();
    collector->refuse_hello->set_reason(ingest::v1::REFUSAL_REASON_NODE_TAKEN);
    collector->refuse_hello->set_detail("give --node");
    signals_.Wake();
  };
  FakeChild child;
  child.on_signal = [&](int) { child.exit_code = 5; };
  signals_.Send({.number = SIGUSR2, .from_process = true});
  EXPECT_EQ(Run({}, &child), 5);
  EXPECT_THAT(child.sent, ElementsAre(SIGUSR2));
}

TEST_F(RunCommandTest, Command_NamesThatCannotBeMadeDoNotStopIt) {
  FakeChild child;
  child.on_signal = [&](int) { child.exit_code = 128 + SIGTERM; };
  Write("a/tfevents", 10);
  signals_.Send({.number = SIGTERM, .from_process = true});
  variables_["TRIBUTARY_NODE"] = "a";
  world_.host_name = "";
  EXPECT_EQ(Run({"--drain-timeout", "0", "--namespace", "{job}"}, &child), 128 + SIGTERM);
}

// The terminal sends INT to everyone in the foreground: passed on, it would come twice.
TEST_F(RunCommandTest, Command_SignalsOfTheTerminalAreNotRepeated) {
  FakeChild child;
  child.on_signal = [&](int) { child.exit_code = 3; };
  signals_.Send({.number = SIGINT, .from_process = false});
  signals_.Send({.number = SIGCHLD, .from_process = true});
  signals_.Send({.number = SIGINT, .from_process = true});
  EXPECT_EQ(Run({}, &child), 3);
  EXPECT_THAT(child.sent, ElementsAre(SIGINT));
}

TEST_F(RunCommandTest, AdminPage_ThatCannotBeOpenedFailsWithoutACommandAndNotWithOne) {
  world_.start_admin = [](const AgentConfig&, AdminBoard*) {
    return absl::StatusOr<std::unique_ptr<AdminServer>>(
        absl::AlreadyExistsError("port 9106 is taken by x (pid 1)"));
  };
  EXPECT_EQ(Run({"--admin-port", "9106"}), kExitFailed);
  EXPECT_EQ(TakeErr(), "tributary-agent: --admin-port: port 9106 is taken by x (pid 1)\n");
  FakeChild child;
  child.exit_code = 4;
  signals_.Send({.number = SIGCHLD});
  EXPECT_EQ(Run({"--admin-port", "9106"}, &child), 4);
  EXPECT_TRUE(log_.Contains("error no admin page"));
}

TEST_F(RunCommandTest, ARefusedGuestIsAWarning) {
  world_.become_guest = [] { return absl::PermissionDeniedError("idle I/O class"); };
  EXPECT_EQ(Run({"--once"}), kExitGood);
  EXPECT_TRUE(log_.Contains("warn"));
  world_.become_guest = [] {
    ADD_FAILURE() << "asked for though --guest is false";
    return absl::OkStatus();
  };
  EXPECT_EQ(Run({"--once", "--guest", "false"}), kExitGood);
}

}  // namespace
}  // namespace tributary::agent
