#include "agent/commands/drain.h"

#include <gmock/gmock.h>

#include "tests/agent/commands/command_harness.h"

namespace tributary::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class DrainTest : public CommandHarness {
 protected:
  int Drain(std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), {"drain", "--collector", "localhost:1", "--logdir", "/logs"});
    return DrainCommand(Config(flags), world_);
  }
};

TEST_F(DrainTest, AnUnreachableCollectorIsAFailure) {
  Write("a/tfevents", 10);
  describe_error_ = absl::UnavailableError("collector localhost:1 cannot be reached: refused");
  EXPECT_EQ(Drain(), kExitFailed);
  EXPECT_EQ(TakeErr(), "tributary-agent: collector localhost:1 cannot be reached: refused\n");
}

TEST_F(DrainTest, WithNothingThereAllIsDurable) {
  EXPECT_EQ(Drain(), kExitGood);
  EXPECT_EQ(TakeOut(), "durable: 0 files, 0 B\n");
}

TEST_F(DrainTest, WaitsForTheLastByte) {
  Write("a/tfevents", 10);
  Keep("a/tfevents", "host1/a", 9);
  int waits = 0;
  signals_.on_wait = [&] {
    if (++waits == 3) kept_.mutable_streams(0)->set_durable(10);
  };
  EXPECT_EQ(Drain(), kExitGood);
  EXPECT_EQ(waits, 3);
  EXPECT_EQ(TakeOut(), "durable: 1 file, 10 B\n");
}

TEST_F(DrainTest, WhatIsWrittenAfterItsStartIsNotWaitedFor) {
  Write("a/tfevents", 10);
  Keep("a/tfevents", "host1/a", 9);
  signals_.on_wait = [&] {
    Write("a/tfevents", 100);
    Write("b/tfevents", 100);
    kept_.mutable_streams(0)->set_durable(10);
  };
  EXPECT_EQ(Drain(), kExitGood);
}

TEST_F(DrainTest, ATimeoutNamesWhatIsLeft) {
  Write("a/tfevents", 10);
  Write("b/tfevents", 10);
  Keep("a/tfevents", "host1/a", 4);
  Keep("b/tfevents", "host1/b", 10);
  EXPECT_EQ(Drain({"--drain-timeout", "5s"}), kExitFailed);
  EXPECT_THAT(TakeErr(),
              AllOf(HasSubstr("left: a/tfevents: 4 of 10 bytes are durable\n"),
                    HasSubstr("1 file of 2 not durable; is an agent running on this node?\n")));
}

TEST_F(DrainTest, WithoutAnAgentItSaysOnceThatItWaits) {
  Write("a/tfevents", 10);
  EXPECT_EQ(Drain({"--drain-timeout", "5s"}), kExitFailed);
  const std::string told = "no agent of node 'host1' has delivered anything; waiting\n";
  const std::string err = TakeErr();
  EXPECT_THAT(err, HasSubstr(told));
  EXPECT_THAT(err.substr(err.find(told) + told.size()), Not(HasSubstr("waiting")));
}

TEST_F(DrainTest, AnAgentThatIsNotThereAnyMoreIsToldApart) {
  Write("a/tfevents", 10);
  Keep("a/tfevents", "host1/a", 4);
  EXPECT_EQ(Drain({"--drain-timeout", "5s"}), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("no agent of node 'host1' is connected; waiting\n"));
}

TEST_F(DrainTest, OfAnAgentThatRunsNothingIsSaid) {
  Write("a/tfevents", 10);
  Connect("/logs");
  EXPECT_EQ(Drain({"--drain-timeout", "5s"}), kExitFailed);
  EXPECT_THAT(TakeErr(), Not(HasSubstr("waiting")));
}

TEST_F(DrainTest, ASignalEndsIt) {
  Write("a/tfevents", 10);
  signals_.Send({.number = SIGCHLD});
  signals_.Send({.number = SIGTERM, .from_process = true});
  EXPECT_EQ(Drain(), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("left: a/tfevents: 0 of 10"));
}

TEST_F(DrainTest, ASideFileIsDurableInItsPresentVersionOrALaterOne) {
  Write("a/plugins/x", 10);
  const int64_t modified = absl::ToUnixNanos(files_.Stat("/logs/a/plugins/x")->modified);
  Keep("a/plugins/x", "host1/a/plugins", 10);
  ingest::v1::StreamDescription* stream = kept_.mutable_streams(0);
  stream->set_kind(ingest::v1::STREAM_KIND_ASSET);
  kept_.set_asset_bytes_max(1000);
  EXPECT_EQ(Drain({"--drain-timeout", "1s"}), kExitFailed);  // none yet
  stream->mutable_asset()->set_size_bytes(10);
  stream->mutable_asset()->set_modified_unix_nanos(modified - 1);
  EXPECT_EQ(Drain({"--drain-timeout", "1s"}), kExitFailed);
  TakeErr();
  stream->mutable_asset()->set_modified_unix_nanos(modified);
  EXPECT_EQ(Drain(), kExitGood);
  EXPECT_EQ(TakeOut(), "durable: 1 file, 10 B\n");
  stream->mutable_asset()->set_size_bytes(7);
  stream->mutable_asset()->set_modified_unix_nanos(modified + 1);
  EXPECT_EQ(Drain(), kExitGood);
  EXPECT_EQ(Drain({"--plugin-files", "false"}), kExitGood);
}

TEST_F(DrainTest, SideFilesThatTheCollectorDoesNotTakeAreNotWaitedFor) {
  Write("a/plugins/x", 10);
  kept_.set_asset_bytes_max(9);
  EXPECT_EQ(Drain(), kExitGood);
  EXPECT_THAT(TakeErr(), HasSubstr("left out: a/plugins/x: 10 bytes, a side file has at most 9"));
  kept_.set_asset_bytes_max(0);
  EXPECT_EQ(Drain(), kExitGood);
  EXPECT_THAT(TakeErr(), HasSubstr("1 side files, which this collector does not take"));
}

TEST_F(DrainTest, Json) {
  Write("a\"b/tfevents", 10);
  EXPECT_EQ(Drain({"--json", "--drain-timeout", "0"}), kExitFailed);
  EXPECT_EQ(TakeOut(),
            "{\"files\":1,\"bytes\":10,\"left\":[{\"file\":\"a\\\"b/"
            "tfevents\",\"logdir\":\"\",\"size\":10,\"durable\":0}]}\n");
  Keep("a\"b/tfevents", "r", 10);
  EXPECT_EQ(Drain({"--json"}), kExitGood);
  EXPECT_EQ(TakeOut(), "{\"files\":1,\"bytes\":10,\"left\":[]}\n");
}

TEST_F(DrainTest, AFileThatCannotBeSeenIsAFailureThoughTheRestIsDurable) {
  Write("a/tfevents", 10);
  Keep("a/tfevents", "host1/a", 10);
  files_.MakeDirectories("/logs/b").IgnoreError();
  files_.Inject({.call = FakeFileSystem::Call::kList,
                 .status = absl::PermissionDeniedError("Permission denied"),
                 .times = FakeFileSystem::kForEver,
                 .path_contains = "/logs/b"});
  EXPECT_EQ(Drain(), kExitFailed);
  EXPECT_THAT(TakeErr(),
              HasSubstr("cannot list /logs/b: Permission denied: what is in it is not known"));
}

}  // namespace
}  // namespace tributary::agent
