// The process's side of the leases, against a collector whose every answer is written by the test.
#include "agent/ports/service_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agent/ports/scripted_services.h"
#include "tests/support/capture_logger.h"
#include "tests/support/fake_clock.h"
#include "tests/support/manual_task_queue.h"

namespace tributary::agent {
namespace {

using cluster::v1::ServicesReply;
using cluster::v1::ServicesRequest;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class ServiceClientTest : public ::testing::Test {
 protected:
  ServiceClientTest() : queue_(&clock_) {
    client_ = std::make_unique<ServiceClient>(
        cluster::v1::ServicesHello(), Backoff::Options{},
        ServiceClient::Dependencies{
            .queue = &queue_,
            .transport = &transport_,
            .clock = &clock_,
            .random = &random_,
            .log = &log_,
            .on_event = [this](const ServiceClient::Event& event) { events_.push_back(event); },
            .on_tunnel =
                [this](const std::string& token, const std::map<std::string, uint16_t>& ports) {
                  token_ = token;
                  ports_ = ports;
                }});
  }
  void ClaimOne() {
    cluster::v1::Claim claim;
    claim.set_claim_id(1);
    claim.set_service("tensorboard");
    claim.set_wish(6006);
    client_->Claim(claim);
  }
  void Welcome() {
    transport_.events_->OnConnected();
    ServicesReply reply;
    reply.mutable_welcome()->set_tunnel_token("token");
    reply.mutable_welcome()->set_renew_nanos(20'000'000'000);
    transport_.events_->OnReply(reply);
  }
  void Grant(uint32_t port, const std::string& service = "tensorboard") {
    ServicesReply reply;
    reply.mutable_granted()->set_claim_id(1);
    reply.mutable_granted()->set_service(service);
    reply.mutable_granted()->set_port(port);
    transport_.events_->OnReply(reply);
  }
  void Refuse(cluster::v1::RefusedReason reason, bool of_claim) {
    ServicesReply reply;
    reply.mutable_refused()->set_reason(reason);
    if (of_claim) reply.mutable_refused()->set_claim_id(1);
    transport_.events_->OnReply(reply);
  }
  void Pass(absl::Duration time) {
    for (; time > absl::ZeroDuration(); time -= absl::Milliseconds(500)) {
      clock_.Advance(absl::Milliseconds(500));
      queue_.RunAll();
    }
  }
  const ServicesRequest& Last() { return transport_.sent.back(); }

  FakeClock clock_;
  SeededRandom random_{1};
  CaptureLogger log_;
  ManualTaskQueue queue_;
  ScriptedServices transport_;
  std::vector<ServiceClient::Event> events_;
  std::string token_;
  std::map<std::string, uint16_t> ports_;
  std::unique_ptr<ServiceClient> client_;
};

TEST_F(ServiceClientTest, FromClaimToTunnel) {
  ClaimOne();
  EXPECT_EQ(transport_.connects, 1);
  Welcome();
  ASSERT_THAT(transport_.sent, SizeIs(2));
  EXPECT_FALSE(transport_.sent[0].hello().process_nonce().empty());
  EXPECT_EQ(transport_.sent[1].claim().wish(), 6006u);
  Grant(6007);
  ASSERT_THAT(events_, SizeIs(1));
  EXPECT_EQ(events_[0].granted->port(), 6007u);
  EXPECT_THAT(ports_, IsEmpty());
  client_->Settle(1, 6007);
  client_->Listening(1, 6007);
  EXPECT_EQ(Last().listening().port(), 6007u);
  EXPECT_EQ(token_, "token");
  EXPECT_THAT(ports_, ElementsAre(Pair("tensorboard", 6007)));
}

TEST_F(ServiceClientTest, RenewsAndAnswersAProbe) {
  ClaimOne();
  Welcome();
  Grant(6006);
  Pass(absl::Seconds(61));
  EXPECT_EQ(Last().renew().number(), 3u);
  ServicesReply probe;
  probe.mutable_probe();
  transport_.events_->OnReply(probe);
  EXPECT_EQ(Last().renew().number(), 4u);
}

TEST_F(ServiceClientTest, AfterABreakTheSameIsClaimedAsAFact) {
  ClaimOne();
  Welcome();
  Grant(6007);
  client_->Settle(1, 6007);
  client_->Listening(1, 6007);
  transport_.events_->OnClosed(absl::UnavailableError("cut"));
  EXPECT_EQ(token_, "");
  Pass(absl::Seconds(20));
  EXPECT_EQ(transport_.connects, 2);
  Welcome();
  EXPECT_EQ(Last().claim().listens_on(), 6007u);
  EXPECT_EQ(Last().claim().held_service(), "tensorboard");
  EXPECT_EQ(Last().claim().wish(), 6006u);
  Grant(6007);
  EXPECT_EQ(Last().listening().port(), 6007u);
  EXPECT_THAT(ports_, ElementsAre(Pair("tensorboard", 6007)));
}

TEST_F(ServiceClientTest, ACommandThatWasStartedBeforeTheAnswerCame) {
  ClaimOne();
  Welcome();
  client_->Settle(1, 6010);
  Grant(6006);
  EXPECT_EQ(Last().claim().listens_on(), 6010u);
  EXPECT_THAT(events_, IsEmpty());
  Grant(6010);
  EXPECT_THAT(events_, SizeIs(1));
}

TEST_F(ServiceClientTest, ACommandThatListensElsewhereIsClaimedThereBeforeItIsLive) {
  ClaimOne();
  Welcome();
  Grant(6007);
  client_->Settle(1, 6007);
  client_->Listening(1, 8889);
  EXPECT_EQ(Last().claim().listens_on(), 8889u);
  EXPECT_EQ(Last().claim().held_service(), "tensorboard");
  Grant(8889);
  EXPECT_EQ(Last().listening().port(), 8889u);
  EXPECT_THAT(ports_, ElementsAre(Pair("tensorboard", 8889)));
}

TEST_F(ServiceClientTest, ANumberThatWasLeftToTheProcessIsToldByListening) {
  ClaimOne();
  Welcome();
  Grant(0);
  client_->Settle(1, 40'000);
  client_->Listening(1, 40'000);
  EXPECT_EQ(Last().listening().port(), 40'000u);
  // And is the given one then.
  client_->Listening(1, 8889);
  EXPECT_EQ(Last().claim().listens_on(), 8889u);
}

TEST_F(ServiceClientTest, ALostLeaseIsClaimedAgainABusyOneLaterAndOthersAreTold) {
  ClaimOne();
  Welcome();
  Grant(6006);
  Refuse(cluster::v1::REFUSED_REASON_LOST, true);
  EXPECT_TRUE(Last().has_claim());
  const size_t sent = transport_.sent.size();
  Refuse(cluster::v1::REFUSED_REASON_BUSY, true);
  EXPECT_THAT(transport_.sent, SizeIs(sent));
  Pass(absl::Seconds(1));
  EXPECT_THAT(transport_.sent, SizeIs(sent + 1));
  Refuse(cluster::v1::REFUSED_REASON_PORT_TAKEN, true);
  EXPECT_TRUE(events_.back().refused.has_value());
  EXPECT_EQ(events_.back().claim_id, 1u);
}

TEST_F(ServiceClientTest, ARefusedSessionIsToldAndTriedAgain) {
  ClaimOne();
  transport_.events_->OnConnected();
  Refuse(cluster::v1::REFUSED_REASON_NO_STORE, false);
  EXPECT_EQ(events_.back().claim_id, 0u);
  transport_.events_->OnClosed(absl::UnavailableError("ended"));
  Pass(absl::Seconds(20));
  EXPECT_EQ(transport_.connects, 2);
}

TEST_F(ServiceClientTest, StopReleasesAndWaitsUntilItIsHeard) {
  ClaimOne();
  Welcome();
  Grant(6006);
  bool done = false;
  client_->Stop([&done] { done = true; });
  EXPECT_EQ(Last().release().claim_id(), 1u);
  EXPECT_TRUE(transport_.finished);
  EXPECT_FALSE(done);
  transport_.events_->OnClosed(absl::UnavailableError("ended"));
  EXPECT_TRUE(done);
  Pass(absl::Seconds(30));
  EXPECT_EQ(transport_.connects, 1);
}

TEST_F(ServiceClientTest, StopDoesNotWaitForACollectorThatIsAway) {
  ClaimOne();
  bool done = false;
  client_->Stop([&done] { done = true; });
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace tributary::agent
