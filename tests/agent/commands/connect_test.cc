#include "agent/commands/connect.h"

#include <gmock/gmock.h>

#include <csignal>

#include "agent/connect/local_port.h"
#include "tests/agent/commands/command_harness.h"

namespace tributary::agent {
namespace {

using ::testing::HasSubstr;

class FakePort : public LocalPort {
 public:
  explicit FakePort(bool* open) : open_(open) { *open_ = true; }
  ~FakePort() override { *open_ = false; }
  uint16_t port() const override { return 7006; }
  const std::vector<std::string>& addresses() const override { return addresses_; }

 private:
  bool* const open_;
  const std::vector<std::string> addresses_ = {"127.0.0.1:7006", "[::1]:7006"};
};

class ConnectTest : public CommandHarness {
 protected:
  ConnectTest() {
    world_.open_local_port =
        [this](const AgentConfig& config) -> absl::StatusOr<std::unique_ptr<LocalPort>> {
      EXPECT_EQ(config.listen.first, "localhost");
      if (!port_error_.ok()) return port_error_;
      return std::make_unique<FakePort>(&open_);
    };
    world_.describe_collector =
        [this](const AgentConfig&, const ingest::v1::DescribeCollectorRequest&,
               absl::Duration) -> absl::StatusOr<ingest::v1::DescribeCollectorResponse> {
      if (!describe_error_.ok()) return describe_error_;
      ingest::v1::DescribeCollectorResponse response;
      response.set_store_id("store");
      return response;
    };
  }
  int Connect(std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), {"connect", "--collector", "head:6006", "--plaintext"});
    return ConnectCommand(Config(flags), world_);
  }

  bool open_ = false;
  absl::Status port_error_;
};

TEST_F(ConnectTest, ListensUntilASignalEndsIt) {
  signals_.Send({SIGUSR1, true});
  signals_.Send({SIGTERM, true});
  EXPECT_EQ(Connect({"--port-file", "/logs/port"}), kExitGood);
  EXPECT_EQ(TakeOut(),
            "listening on 127.0.0.1:7006 and [::1]:7006, leads to head:6006 (Press CTRL+C to "
            "quit)\n");
  EXPECT_EQ(*files_.ReadFile("/logs/port"), "7006\n");
  EXPECT_FALSE(open_);
}

TEST_F(ConnectTest, ATakenPortIsAFailure) {
  port_error_ = absl::AlreadyExistsError("port 6006 is taken by python3 (pid 5)");
  EXPECT_EQ(Connect(), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("taken by python3"));
}

TEST_F(ConnectTest, AnotherStoreIsAFailure) {
  EXPECT_EQ(Connect({"--store", "other"}), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("has the store store, not other"));
}

TEST_F(ConnectTest, ACollectorThatIsAwayIsNone) {
  describe_error_ = absl::UnavailableError("refused");
  signals_.Send({SIGINT, false});
  EXPECT_EQ(Connect({"--store", "store"}), kExitGood);
  EXPECT_THAT(TakeErr(), HasSubstr("--store was not compared: refused"));
}

TEST_F(ConnectTest, APortFileThatCannotBeWritten) {
  files_.Inject({.call = FakeFileSystem::Call::kWrite,
                 .status = absl::PermissionDeniedError("no"),
                 .times = FakeFileSystem::kForEver});
  EXPECT_EQ(Connect({"--port-file", "/logs/port"}), kExitFailed);
  EXPECT_THAT(TakeErr(), HasSubstr("--port-file"));
}

}  // namespace
}  // namespace tributary::agent
