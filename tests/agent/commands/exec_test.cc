// A command gets a number, and nothing of ours harms it.
#include "agent/commands/exec.h"

#include <gmock/gmock.h>

#include <atomic>
#include <csignal>

#include "tests/agent/commands/services_harness.h"

namespace tributary::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Ends with its exit code after it was looked at some times, and not as long as `runs_on`.
class Child : public ChildProcess {
 public:
  Child(int code, const std::atomic<bool>* runs_on) : code_(code), runs_on_(runs_on) {}
  std::optional<int> Poll() override {
    return polls_++ < 2 || *runs_on_ ? std::nullopt : std::optional<int>(code_);
  }
  void Send(int) override {}
  int64_t pid() const override { return 4711; }

 private:
  const int code_;
  const std::atomic<bool>* const runs_on_;
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
      if (runs_on_) {
        signals_.set_blocks(false);  // time passes from now on
      } else {
        for (int i = 0; i < 3; ++i) signals_.Send({SIGCHLD, false});  // it comes and goes
      }
      return std::make_unique<Child>(exit_code_, &runs_on_);
    };
  }
  void RunUntilItIsSaid(const std::string& text) {
    runs_on_ = true;
    signals_.on_wait = [this, text] {
      if (err_.str().find(text) != std::string::npos) runs_on_ = false;
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
  std::atomic<bool> runs_on_ = false;
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
  const std::string said = TakeErr();
  EXPECT_THAT(said, HasSubstr("opens at http://head:6006/node/host1/board/"));
  EXPECT_THAT(said, Not(HasSubstr("--mode strip")));
}

TEST_F(ExecCommandTest, WithoutAPrefixItHasAnOriginOfItsOwn) {
  Answer([](const auto& claim, size_t) { return Granted(claim, 6010); });
  command_ = {"board"};
  ports_.of_command = {6010};
  Exec({});
  EXPECT_EQ(script_.claims[0].mode(), cluster::v1::SERVICE_MODE_HOST);
  EXPECT_THAT(TakeErr(), HasSubstr("start it again with --mode strip"));
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
  EXPECT_THAT(TakeErr(), HasSubstr("no port of 7000-7001 is left in the cluster; the command gets "
                                   "40000, which is free here"));
}

TEST_F(ExecCommandTest, OnlyAFixedNumberThatIsTakenKeepsACommandFromItsStart) {
  Answer([](const auto& claim, size_t) {
    return RefusedClaim(claim, cluster::v1::REFUSED_REASON_PORT_TAKEN, "n2/board has it");
  });
  EXPECT_EQ(Exec({"--port", "6006", "--fixed"}), kExitFailed);
  EXPECT_THAT(started_, IsEmpty());
  EXPECT_THAT(TakeErr(), HasSubstr("n2/board has it\n"));
  ports_.holders[6006] = "python (pid 5)";
  EXPECT_EQ(Exec({"--port", "6006", "--fixed"}), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("n2/board has it, on this node by python (pid 5)\n"));
}

TEST_F(ExecCommandTest, AnyOtherRefusalStartsItAllTheSame) {
  Answer([](const auto& claim, size_t) {
    return RefusedClaim(claim, cluster::v1::REFUSED_REASON_LIMIT, "64 services are enough");
  });
  EXPECT_EQ(Exec({"--port", "6100"}), 7);
  EXPECT_THAT(started_[0], Contains("--port=6100"));
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
  ports_.taken = {6100};
  EXPECT_EQ(Exec({"--port", "6100", "--fixed"}), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("port 6100 is held by another program of this node"));
  ports_.holders[6100] = "python (pid 5)";
  EXPECT_EQ(Exec({"--port", "6100", "--fixed"}), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("port 6100 is held by python (pid 5)"));
  EXPECT_THAT(started_, IsEmpty());
}

TEST_F(ExecCommandTest, TheNumberOfACollectorThatIsAwayIsLeftToIt) {
  EXPECT_EQ(Exec({"--port", "6006"}), 7);
  EXPECT_THAT(started_, ElementsAre(Contains("--port=6007")));
  EXPECT_EQ(Exec({"--port", "6006", "--fixed"}), kExitFailed);
  EXPECT_THAT(started_, SizeIs(1));
  EXPECT_THAT(TakeErr(), HasSubstr("port 6006 is held by the collector"));
}

TEST_F(ExecCommandTest, WithoutANumberInTheRangeOneThatIsFreeHereIsTakenAndSaid) {
  ports_.taken = {7000, 7001};
  EXPECT_EQ(Exec({"--range", "7000-7001"}), 7);
  EXPECT_THAT(started_, ElementsAre(Contains("--port=40000")));
  EXPECT_THAT(TakeErr(), HasSubstr("no port of 7000-7001 is left on this node"));
}

TEST_F(ExecCommandTest, ASignalThatComesEarlierKeepsACommandFromItsStart) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    signals_.Send({SIGUSR1, true});
    signals_.Send({number, true});
    EXPECT_EQ(Exec({}), 128 + number);
  }
  EXPECT_THAT(started_, IsEmpty());
}

TEST_F(ExecCommandTest, ASignalThatComesEarlierReleasesTheNumber) {
  Answer([this](const auto& claim, size_t) {
    signals_.Send({SIGINT, false});
    return Granted(claim, 6010);
  });
  EXPECT_EQ(Exec({}), 128 + SIGINT);
  EXPECT_THAT(started_, IsEmpty());
  EXPECT_THAT(script_.released, ElementsAre(1));
}

TEST_F(ExecCommandTest, WhoListensNowhereIsSpokenOfOnce) {
  Answer([](const auto& claim, size_t) { return Granted(claim, 6010); });
  runs_on_ = true;
  const absl::Duration end = clock_.Monotonic() + absl::Minutes(5);
  signals_.on_wait = [this, end] { runs_on_ = clock_.Monotonic() < end; };
  EXPECT_EQ(Exec({}), 7);
  const std::string said = TakeErr();
  EXPECT_THAT(said, HasSubstr("nobody listens yet on port 6010"));
  EXPECT_EQ(said.find("nobody listens"), said.rfind("nobody listens"));
  EXPECT_THAT(said, Not(HasSubstr("opens at")));
  EXPECT_THAT(script_.listening, IsEmpty());
}

TEST_F(ExecCommandTest, ACommandThatListensOnAnotherNumberOpensThere) {
  Answer([](const auto& claim, size_t) {
    return Granted(claim, claim.listens_on() != 0 ? claim.listens_on() : 6010);
  });
  ports_.of_command = {8889};
  runs_on_ = true;
  script_.on_listening = [this](uint32_t) { runs_on_ = false; };
  EXPECT_EQ(Exec({}), 7);
  EXPECT_EQ(script_.claims.back().listens_on(), 8889u);
  EXPECT_THAT(script_.listening, ElementsAre(8889));
  const std::string said = TakeErr();
  EXPECT_THAT(said, HasSubstr("the command listens on 8889: that opens instead"));
  EXPECT_THAT(said, HasSubstr("board of host1 listens on port 8889 and opens at http://head:6006"));
}

// As one that is started after the command.
TEST_F(ExecCommandTest, WhatALateAnswerBringsIsSaid) {
  Answer([](const auto& claim, size_t) {
    return claim.listens_on() == 0
               ? RefusedClaim(claim, cluster::v1::REFUSED_REASON_BUSY, "later")
               : Granted(claim, claim.listens_on(), "/tb/node/host1/board", "n2/board has 6007");
  });
  signals_.set_blocks(false);
  ports_.of_command = {6007};
  RunUntilItIsSaid("opens at http://head");
  EXPECT_EQ(Exec({"--port", "6007"}), 7);
  EXPECT_THAT(started_, ElementsAre(ElementsAre("board", "--port=6007", "/node/host1/board")));
  const std::string said = TakeErr();
  EXPECT_THAT(said, HasSubstr("n2/board has 6007\n"));
  EXPECT_THAT(said, HasSubstr("the command was started with {prefix} /node/host1/board, but it "
                              "opens at /tb/node/host1/board: start it again"));
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

TEST_F(ExecCommandTest, WhoIsToldToEndIsNotStartedAgain) {
  exit_code_ = 1;
  Answer([](const auto& claim, size_t) { return Granted(claim, 6010); });
  const auto start = world_.start_command;
  world_.start_command = [this, start](const auto& words, const auto& environment) {
    ports_.taken = {6010};
    signals_.Send({SIGTERM, true});
    return start(words, environment);
  };
  EXPECT_EQ(Exec({}), 1);
  EXPECT_THAT(started_, SizeIs(1));
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
