// A command gets a number, and nothing of ours harms it.
#include "agent/commands/exec.h"

#include <gmock/gmock.h>

#include <csignal>

#include "tests/agent/commands/services_harness.h"

namespace tributary::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Ends with its exit code after it was looked at some times.
class Child : public ChildProcess {
 public:
  explicit Child(int code) : code_(code) {}
  std::optional<int> Poll() override {
    return polls_++ < 2 ? std::nullopt : std::optional<int>(code_);
  }
  void Send(int) override {}
  int64_t pid() const override { return 4711; }

 private:
  const int code_;
  int polls_ = 0;
};

class ExecCommandTest : public ServicesHarness {
 protected:
  ExecCommandTest() {
    world_.start_command = [this](const std::vector<std::string>& words,
                                  const std::vector<std::string>& environment)
        -> absl::StatusOr<std::unique_ptr<ChildProcess>> {
      started_.push_back(words);
      environments_.push_back(environment);
      if (!start_error_.ok()) return start_error_;
      // It comes and goes.
      for (int i = 0; i < 3; ++i) signals_.Send({SIGCHLD, false});
      return std::make_unique<Child>(exit_code_);
    };
  }
  int Exec(std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"exec", "--collector", "localhost:6006", "--service", "board"});
    const AgentConfig config = Config(flags);
    return ExecCommand(config, world_, command_).Run();
  }

  std::vector<std::string> command_ = {"board", "--port={port}", "{prefix}"};
  int exit_code_ = 7;
  absl::Status start_error_;
  std::vector<std::vector<std::string>> started_;
  std::vector<std::vector<std::string>> environments_;
};

TEST_F(ExecCommandTest, TheGrantedNumberAndPrefixReachTheCommandAndItsExitCodeIsOurs) {
  Answer([](const auto& claim, size_t) { return Granted(claim, 6010); });
  ports_.of_command = {6010};
  EXPECT_EQ(Exec({"--port", "6006"}), 7);
  EXPECT_THAT(started_, ElementsAre(ElementsAre("board", "--port=6010", "/node/host1/board")));
  EXPECT_THAT(environments_[0], ElementsAre("PORT=6010", "TRIBUTARY_PREFIX=/node/host1/board"));
  ASSERT_THAT(script_.claims, SizeIs(1));
  EXPECT_EQ(script_.claims[0].wish(), 6006u);
  EXPECT_EQ(script_.claims[0].user(), "u1000");
  EXPECT_EQ(script_.claims[0].command(), "board --port={port} {prefix}");
  EXPECT_EQ(script_.claims[0].mode(), cluster::v1::SERVICE_MODE_KEEP);
  EXPECT_THAT(script_.listening, ElementsAre(6010));
  EXPECT_THAT(script_.released, ElementsAre(1));
  EXPECT_THAT(TakeErr(), HasSubstr("opens at http://head:6006/node/host1/board/"));
}

TEST_F(ExecCommandTest, WithoutAPrefixItHasAnOriginOfItsOwn) {
  Answer([](const auto& claim, size_t) { return Granted(claim, 6010); });
  command_ = {"board"};
  Exec({});
  EXPECT_EQ(script_.claims[0].mode(), cluster::v1::SERVICE_MODE_HOST);
}

TEST_F(ExecCommandTest, AConflictIsSaid) {
  Answer([](const auto& claim, size_t) {
    return Granted(claim, 6010, "/node/host1/board", "port 6006 is held by n2/board");
  });
  Exec({"--port", "6006"});
  EXPECT_THAT(TakeErr(), HasSubstr("port 6006 is held by n2/board"));
}

TEST_F(ExecCommandTest, NumbersThatAreTakenHereAreToldAndAnotherIsAskedFor) {
  ports_.taken = {22, 6006};
  ports_.hidden = {6007};
  Answer(
      [](const auto& claim, size_t before) { return Granted(claim, before == 0 ? 6007 : 6008); });
  EXPECT_EQ(Exec({}), 7);
  ASSERT_THAT(script_.claims, SizeIs(2));
  EXPECT_THAT(script_.claims[0].taken(), ElementsAre(6006));
  EXPECT_THAT(script_.claims[1].taken(), ElementsAre(6006, 6007));
  EXPECT_THAT(started_[0], Contains("--port=6008"));
}

TEST_F(ExecCommandTest, ARangeWithoutANumberLeftGivesOneThatIsFreeHere) {
  Answer([](const auto& claim, size_t) {
    auto reply = Granted(claim, 0);
    reply.mutable_granted()->set_out_of_range(true);
    return reply;
  });
  EXPECT_EQ(Exec({"--range", "7000-7001"}), 7);
  EXPECT_EQ(script_.claims[0].range_first(), 7000u);
  EXPECT_THAT(started_[0], Contains("--port=40000"));
}

TEST_F(ExecCommandTest, OnlyAFixedNumberThatIsTakenKeepsACommandFromItsStart) {
  Answer([](const auto& claim, size_t) {
    return RefusedClaim(claim, cluster::v1::REFUSED_REASON_PORT_TAKEN, "n2/board has it");
  });
  EXPECT_EQ(Exec({"--port", "6006", "--fixed"}), kExitFailed);
  EXPECT_THAT(started_, IsEmpty());
  EXPECT_THAT(TakeErr(), HasSubstr("n2/board has it"));
}

TEST_F(ExecCommandTest, AnyOtherRefusalStartsItAllTheSame) {
  Answer([](const auto& claim, size_t) {
    return RefusedClaim(claim, cluster::v1::REFUSED_REASON_LIMIT, "64 services are enough");
  });
  EXPECT_EQ(Exec({"--port", "6006"}), 7);
  EXPECT_THAT(started_[0], Contains("--port=6006"));
  EXPECT_THAT(TakeErr(), HasSubstr("64 services are enough"));
}

TEST_F(ExecCommandTest, ARefusedSessionIsNotWaitedFor) {
  script_.refuse.emplace();
  script_.refuse->set_reason(cluster::v1::REFUSED_REASON_NO_STORE);
  script_.refuse->set_detail("it has no --data");
  signals_.set_blocks(true);
  EXPECT_EQ(Exec({}), 7);
  EXPECT_THAT(TakeErr(), HasSubstr("it has no --data; the command is started"));
}

TEST_F(ExecCommandTest, ACollectorThatIsAwayIsWaitedForFiveSeconds) {
  ports_.taken = {6006};
  const absl::Duration before = clock_.Monotonic();
  EXPECT_EQ(Exec({}), 7);
  EXPECT_THAT(started_[0], ElementsAre("board", "--port=6007", "/node/host1/board"));
  EXPECT_LT(clock_.Monotonic() - before, absl::Seconds(6));
  EXPECT_THAT(TakeErr(), HasSubstr("collector localhost:6006 does not answer"));
}

TEST_F(ExecCommandTest, WithoutACollectorAFixedNumberMustBeFreeHere) {
  ports_.taken = {6006};
  EXPECT_EQ(Exec({"--port", "6006", "--fixed"}), kExitFailed);
  EXPECT_THAT(started_, IsEmpty());
}

TEST_F(ExecCommandTest, WhoLosesItsNumberToAnotherProgramIsStartedOnTheNextFiveTimes) {
  exit_code_ = 1;
  Answer([](const auto& claim, size_t before) {
    const auto port = static_cast<uint16_t>(6010 + before);
    return Granted(claim, port);
  });
  const auto start = world_.start_command;
  world_.start_command = [this, start](const auto& words, const auto& environment) {
    // Just now.
    ports_.taken.insert(static_cast<uint16_t>(6010 + started_.size()));
    return start(words, environment);
  };
  EXPECT_EQ(Exec({}), 1);
  EXPECT_THAT(started_, SizeIs(5));
  EXPECT_THAT(started_[4], Contains("--port=6014"));
}

TEST_F(ExecCommandTest, AProgramThatCannotBeStartedEndsAsInAShell) {
  Answer([](const auto& claim, size_t) { return Granted(claim, 6010); });
  start_error_ = absl::NotFoundError("board: no such program");
  EXPECT_EQ(Exec({}), 127);
  start_error_ = absl::PermissionDeniedError("board: not executable");
  EXPECT_EQ(Exec({}), 126);
}

}  // namespace
}  // namespace tributary::agent
