// What is claimed for TensorBoards that come, go and are somebody else's already.
#include "agent/ports/found_tensorboards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "tests/agent/ports/fake_ports.h"
#include "tests/agent/ports/scripted_services.h"
#include "tests/support/capture_logger.h"
#include "tests/support/fake_clock.h"
#include "tests/support/manual_task_queue.h"
#include "tests/support/temporary_directory.h"

namespace tributary::agent {
namespace {

using cluster::v1::ServicesReply;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FoundTensorboardsTest : public ::testing::Test {
 protected:
  FoundTensorboardsTest() : queue_(&clock_) {
    client_ = std::make_unique<ServiceClient>(
        cluster::v1::ServicesHello(), Backoff::Options{},
        ServiceClient::Dependencies{
            .queue = &queue_,
            .transport = &transport_,
            .clock = &clock_,
            .random = &random_,
            .log = &log_,
            .on_event = [this](const ServiceClient::Event& event) { found_->OnEvent(event); },
            .on_tunnel =
                [this](const std::string&, const std::map<std::string, uint16_t>& ports) {
                  ports_told_ = ports;
                }});
    found_ = std::make_unique<FoundTensorboards>(
        FoundTensorboards::Options{.directory = directory_.path(), .found_max = 2},
        FoundTensorboards::Dependencies{
            .files = RealFileSystem(),
            .ports = &ports_,
            .client = client_.get(),
            .queue = &queue_,
            .clock = &clock_,
            .log = &log_,
            .user_name = [](uint32_t uid) { return absl::StrCat("user", uid); }});
  }
  void Start(int64_t pid, uint16_t port, const std::string& more = "") {
    std::ofstream(FileOf(pid)) << "{\"pid\": " << pid << ", \"port\": " << port << more << "}";
    ports_.listeners[port] = {pid, geteuid()};
  }
  std::string FileOf(int64_t pid) {
    return JoinPath(directory_.path(), absl::StrCat("pid-", pid, ".info"));
  }
  void Pass(absl::Duration time) {
    clock_.Advance(time);
    queue_.RunAll();
  }
  void Welcome() {
    transport_.events_->OnConnected();
    ServicesReply reply;
    reply.mutable_welcome()->set_node("one");
    transport_.events_->OnReply(reply);
  }
  void Grant(const cluster::v1::Claim& claim) {
    ServicesReply reply;
    reply.mutable_granted()->set_claim_id(claim.claim_id());
    reply.mutable_granted()->set_service(claim.service());
    reply.mutable_granted()->set_port(claim.listens_on());
    transport_.events_->OnReply(reply);
  }
  void Refuse(const cluster::v1::Claim& claim, cluster::v1::RefusedReason reason) {
    ServicesReply reply;
    reply.mutable_refused()->set_claim_id(claim.claim_id());
    reply.mutable_refused()->set_reason(reason);
    transport_.events_->OnReply(reply);
  }
  // Claims and releases since the last call.
  std::vector<cluster::v1::Claim> TakeClaims() {
    std::vector<cluster::v1::Claim> claims;
    released_.clear();
    for (const auto& request : transport_.sent) {
      if (request.has_claim()) claims.push_back(request.claim());
      if (request.has_release()) released_.push_back(request.release().claim_id());
    }
    transport_.sent.clear();
    return claims;
  }

  FakeClock clock_;
  SeededRandom random_{1};
  CaptureLogger log_;
  ManualTaskQueue queue_;
  ScriptedServices transport_;
  TemporaryDirectory directory_;
  FakePorts ports_;
  std::map<std::string, uint16_t> ports_told_;
  std::vector<uint32_t> released_;
  std::unique_ptr<ServiceClient> client_;
  std::unique_ptr<FoundTensorboards> found_;
};

TEST_F(FoundTensorboardsTest, NothingIsAskedOfTheCollectorWithoutOne) {
  found_->Look();
  Pass(absl::Minutes(1));
  EXPECT_EQ(transport_.connects, 0);
}

TEST_F(FoundTensorboardsTest, OneIsRegisteredForAsLongAsItRuns) {
  found_->Look();
  Start(11, 6007, R"(, "path_prefix": "/tb", "logdir": "/data")");
  Pass(absl::Seconds(5));
  Welcome();
  const auto claims = TakeClaims();
  ASSERT_THAT(claims, SizeIs(1));
  const cluster::v1::Claim& claim = claims[0];
  EXPECT_EQ(claim.service(), "tensorboard");
  EXPECT_EQ(claim.listens_on(), 6007u);
  EXPECT_TRUE(claim.found());
  EXPECT_EQ(claim.mode(), cluster::v1::SERVICE_MODE_STRIP);
  EXPECT_EQ(claim.base_path(), "/tb");
  EXPECT_EQ(claim.pid(), 11);
  EXPECT_EQ(claim.user(), absl::StrCat("user", geteuid()));
  EXPECT_EQ(claim.command(), "tensorboard --logdir /data");
  Grant(claim);
  EXPECT_THAT(ports_told_, ElementsAre(std::pair("tensorboard", 6007)));
  Pass(absl::Seconds(60));
  EXPECT_THAT(TakeClaims(), IsEmpty());

  // As kill -9 leaves it: the file stays.
  ports_.listeners.clear();
  Pass(absl::Seconds(5));
  EXPECT_THAT(TakeClaims(), IsEmpty());
  EXPECT_THAT(released_, ElementsAre(claim.claim_id()));
  EXPECT_THAT(ports_told_, IsEmpty());
}

TEST_F(FoundTensorboardsTest, OneThatStartsAnewOnItsPortIsAnother) {
  Start(11, 6006);
  found_->Look();
  Welcome();
  Grant(TakeClaims().at(0));
  Start(12, 6006);
  Pass(absl::Seconds(5));
  const auto claims = TakeClaims();
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(claims[0].pid(), 12);
  EXPECT_THAT(released_, ElementsAre(1u));
}

TEST_F(FoundTensorboardsTest, WhatSomebodyElseRegisteredIsOfferedAgainLater) {
  Start(11, 6006);
  found_->Look();
  Welcome();
  Refuse(TakeClaims().at(0), cluster::v1::REFUSED_REASON_REGISTERED);
  Pass(absl::Seconds(50));
  EXPECT_THAT(TakeClaims(), IsEmpty());
  Pass(absl::Seconds(15));
  const auto claims = TakeClaims();
  ASSERT_THAT(claims, SizeIs(1));
  Grant(claims[0]);
  EXPECT_THAT(ports_told_, ElementsAre(std::pair("tensorboard", 6006)));
  // Lost to one who comes later, as `exec` after its collector was away.
  Refuse(claims[0], cluster::v1::REFUSED_REASON_LOST);
  Refuse(TakeClaims().at(0), cluster::v1::REFUSED_REASON_REGISTERED);
  EXPECT_THAT(ports_told_, IsEmpty());
}

TEST_F(FoundTensorboardsTest, NoMoreThanSoMany) {
  for (int64_t n = 0; n < 4; ++n) Start(11 + n, static_cast<uint16_t>(6006 + n));
  found_->Look();
  Welcome();
  EXPECT_THAT(TakeClaims(), SizeIs(2));
  EXPECT_EQ(log_.Count("more TensorBoards run here than are registered"), 1u);
  Pass(absl::Seconds(30));
  EXPECT_EQ(log_.Count("more TensorBoards run here than are registered"), 1u);
}

}  // namespace
}  // namespace tributary::agent
