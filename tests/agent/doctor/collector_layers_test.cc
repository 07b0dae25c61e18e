#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/doctor/layer.h"
#include "tests/agent/doctor/fakes.h"
#include "tests/support/fake_clock.h"

namespace tributary::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class CollectorLayersTest : public ::testing::Test {
 protected:
  CollectorLayersTest() {
    target_.host = "head";
    target_.port = 6006;
    target_.own_version = "1.2.3";
    target_.delivers = true;
    senses_.clock = &clock_;
    senses_.describe_collector = [this] { return Answer(); };
    senses_.describe_nobody = [this] { return nobody_; };
    collector_.set_collector_version("1.2.9");
    collector_.set_store_id("store");
    collector_.set_clock_unix_nanos(absl::ToUnixNanos(clock_.Wall()));
    collector_.set_host_name("head");
  }
  Finding Run(LayerCheck check) { return check(target_, senses_, &evidence_); }
  // After the call that it builds on.
  Finding RunAfterGrpc(LayerCheck check) {
    EXPECT_EQ(Run(CheckGrpc).state, LayerState::kOk);
    return Run(check);
  }

  Target target_;
  FakeClock clock_;
  Senses senses_;
  Evidence evidence_;
  ingest::v1::DescribeCollectorResponse collector_;
  absl::Status error_;
  absl::Status nobody_ = absl::NotFoundError("no such node");
  absl::Duration round_trip_;

 private:
  absl::StatusOr<ingest::v1::DescribeCollectorResponse> Answer() {
    clock_.Advance(round_trip_ / 2);
    auto answer = collector_;
    clock_.Advance(round_trip_ / 2);
    if (!error_.ok()) return error_;
    return answer;
  }
};

TEST_F(CollectorLayersTest, AllIsWell) {
  for (const LayerCheck check : {CheckGrpc, CheckStore, CheckVersion, CheckClock, CheckReady}) {
    EXPECT_EQ(Run(check).state, LayerState::kOk);
  }
  EXPECT_EQ(Run(CheckToken).state, LayerState::kNotConfigured);
}

TEST_F(CollectorLayersTest, Grpc_OfAnotherProgram) {
  error_ = absl::UnimplementedError("unknown service");
  nobody_ = absl::UnimplementedError("unknown service");
  EXPECT_THAT(Run(CheckGrpc).found, HasSubstr("is no collector"));
}

TEST_F(CollectorLayersTest, Grpc_ACollectorThatIsTooOld) {
  error_ = absl::UnimplementedError("unknown method");
  const Finding finding = Run(CheckGrpc);
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.fix, HasSubstr("update the collector"));
}

TEST_F(CollectorLayersTest, Grpc_HttpTwoDoesNotPass) {
  error_ = absl::UnavailableError("collector head:6006 cannot be reached: connection closed");
  const Finding finding = Run(CheckGrpc);
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.found, AllOf(HasSubstr("HTTP/2 does not"), HasSubstr("closed")));
  EXPECT_THAT(finding.fix, HasSubstr("grpc_pass"));
}

TEST_F(CollectorLayersTest, Grpc_ItsOwnResolver) {
  error_ = absl::UnavailableError(
      "collector head:6006 cannot be reached: the name cannot be "
      "resolved: Domain name not found");
  evidence_.addresses = {"10.0.0.5"};
  EXPECT_THAT(Run(CheckGrpc).fix, AllOf(HasSubstr("10.0.0.5"), HasSubstr("GRPC_DNS_RESOLVER")));
}

TEST_F(CollectorLayersTest, Store_AnotherOne) {
  target_.store = "other";
  const Finding finding = RunAfterGrpc(CheckStore);
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.found, AllOf(HasSubstr("store"), HasSubstr("not other")));
  EXPECT_THAT(finding.fix, HasSubstr("--store store"));
}

TEST_F(CollectorLayersTest, Store_None) {
  collector_.clear_store_id();
  EXPECT_THAT(RunAfterGrpc(CheckStore).fix, HasSubstr("--data"));
  EXPECT_EQ(Run(CheckDisk).state, LayerState::kNotTried);
  // Who only looks needs none.
  target_.delivers = false;
  EXPECT_EQ(Run(CheckStore).state, LayerState::kOk);
}

TEST_F(CollectorLayersTest, Version_AnAgentMayBeOneBehind) {
  const std::tuple<std::string, std::string, LayerState, std::string> kCases[] = {
      {"1.2.0", "1.2.9", LayerState::kOk, ""},
      {"1.3.0", "1.2.9", LayerState::kOk, ""},
      {"1.4.0", "1.2.9", LayerState::kWarns, "update the agent"},
      {"2.0.0", "1.2.9", LayerState::kWarns, "update the agent"},
      {"1.1.0", "1.2.9", LayerState::kWarns, "update the collector"},
      {"odd", "1.2.9", LayerState::kOk, ""}};
  for (const auto& [theirs, ours, state, fix] : kCases) {
    collector_.set_collector_version(theirs);
    target_.own_version = ours;
    const Finding finding = RunAfterGrpc(CheckVersion);
    EXPECT_EQ(finding.state, state) << theirs;
    EXPECT_THAT(finding.fix, HasSubstr(fix));
  }
}

TEST_F(CollectorLayersTest, Clock_OffByMinutes) {
  collector_.set_clock_unix_nanos(absl::ToUnixNanos(clock_.Wall() - absl::Minutes(3)));
  const Finding finding = RunAfterGrpc(CheckClock);
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.found, HasSubstr("is 3m before the collector's"));
  EXPECT_THAT(finding.fix, HasSubstr("time server"));
  collector_.set_clock_unix_nanos(absl::ToUnixNanos(clock_.Wall() + absl::Seconds(3)));
  EXPECT_THAT(RunAfterGrpc(CheckClock).found, HasSubstr("3s behind"));
}

TEST_F(CollectorLayersTest, Clock_ASlowAnswerIsNoOffset) {
  round_trip_ = absl::Seconds(14);
  EXPECT_EQ(RunAfterGrpc(CheckClock).state, LayerState::kOk);
}

TEST_F(CollectorLayersTest, Ready_StillLoading) {
  collector_.set_not_ready("loading: 3 streams of the store");
  const Finding finding = RunAfterGrpc(CheckReady);
  EXPECT_EQ(finding.state, LayerState::kWarns);
  EXPECT_THAT(finding.found, HasSubstr("3 streams"));
}

TEST_F(CollectorLayersTest, Ready_ItsOwnLogdirsAreWrong) {
  collector_.add_logdir_problems("logdir nowhere does not exist yet, waiting for it");
  collector_.add_logdir_problems("logdir empty has no event file");
  const Finding finding = RunAfterGrpc(CheckReady);
  EXPECT_EQ(finding.state, LayerState::kWarns);
  EXPECT_THAT(finding.found,
              AllOf(HasSubstr("nowhere does not exist"), HasSubstr("; logdir empty")));
  EXPECT_THAT(finding.fix, HasSubstr("--logdir of the collector"));
}

TEST_F(CollectorLayersTest, Disk_Full) {
  collector_.mutable_space()->set_free_bytes(900u << 20);
  collector_.mutable_space()->set_free_min_bytes(1u << 30);
  const Finding finding = RunAfterGrpc(CheckDisk);
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.found, AllOf(HasSubstr("900 MiB free"), HasSubstr("limit 1.0 GiB")));
  EXPECT_THAT(finding.fix, AllOf(HasSubstr("on head"), HasSubstr("--data-free-min")));
  collector_.mutable_space()->set_free_bytes(2u << 30);
  EXPECT_EQ(RunAfterGrpc(CheckDisk).state, LayerState::kOk);
  collector_.clear_space();
  EXPECT_EQ(RunAfterGrpc(CheckDisk).state, LayerState::kNotTried);
}

TEST_F(CollectorLayersTest, Page) {
  FakeNetwork network;
  senses_.network = &network;
  EXPECT_EQ(RunAfterGrpc(CheckPage).state, LayerState::kNotTried);
  evidence_.endpoint = Endpoint{"10.0.0.5", 6006};
  EXPECT_THAT(Run(CheckPage).found, HasSubstr("refused"));
  const auto answers = [&](const std::string& bytes) {
    network.ends.insert_or_assign("10.0.0.5", std::deque<std::string>{bytes});
    return Run(CheckPage);
  };
  evidence_.collector->set_path_prefix("/tb");
  EXPECT_EQ(answers("HTTP/1.1 200 OK\r\n\r\n").found, "/tb/ opens");
  EXPECT_THAT(answers("HTTP/1.1 500 Oh\r\n\r\n").found, HasSubstr("answered by 500"));
  EXPECT_THAT(answers("nonsense").found, HasSubstr("not answered"));
  EXPECT_FALSE(evidence_.name_refused);
  const Finding finding = answers("HTTP/1.1 421 Unknown\r\n\r\n");
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.fix, HasSubstr("--allowed_hosts head"));
  EXPECT_TRUE(evidence_.name_refused);
}

}  // namespace
}  // namespace tributary::agent
