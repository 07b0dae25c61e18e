#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collector/ingest/ingest_site.h"

namespace tributary {
namespace {

using ingest::v1::CollectorMessage;
using ::testing::HasSubstr;

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() { site_.Start(); }
  void TearDown() override { EXPECT_TRUE(site_.fatal.ok()); }
  IngestSite site_;
};

ScriptedAgent::Message HeartbeatMessage() {
  ScriptedAgent::Message message;
  message.mutable_heartbeat();
  return message;
}

TEST_F(SessionTest, Hello_IsWelcomedWithLimitsAndCredit) {
  ScriptedAgent agent(&site_);
  agent.SayHello();
  const CollectorMessage* message = agent.Last(&CollectorMessage::has_welcome);
  ASSERT_NE(message, nullptr);
  const ingest::v1::Welcome& welcome = message->welcome();
  EXPECT_EQ(welcome.protocol_version(), 1u);
  EXPECT_EQ(welcome.store_id(), site_.store.store_id());
  EXPECT_EQ(welcome.start_nonce(), "nonce");
  EXPECT_EQ(welcome.node(), "node07");
  EXPECT_EQ(welcome.credit_bytes(), 8u << 10);
  EXPECT_EQ(welcome.limits().chunk_bytes_max(), 1u << 20);
  EXPECT_EQ(welcome.limits().open_batch_max(), 1000u);
  EXPECT_EQ(welcome.limits().dead_after_nanos(), 20'000'000'000);
}

TEST_F(SessionTest, Malicious_AnyFirstMessageButHelloEndsIt) {
  ScriptedAgent agent(&site_);
  agent.Send(1, 0, "bytes");
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_PROTOCOL);
  EXPECT_TRUE(agent.ended());
}

TEST_F(SessionTest, Malicious_ASecondHelloEndsIt) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->SayHello();
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_PROTOCOL);
  EXPECT_TRUE(agent.ended());
}

TEST_F(SessionTest, Malicious_AMessageBeforeWelcomeEndsIt) {
  site_.commit_frozen = true;  // the node's name is not there yet
  ScriptedAgent agent(&site_);
  agent.SayHello();
  agent.Say(HeartbeatMessage());
  EXPECT_FALSE(agent.ended());
  agent.Send(1, 0, "bytes");
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_PROTOCOL);
  site_.commit_frozen = false;
  site_.Run();
  EXPECT_EQ(agent.Count(&CollectorMessage::has_welcome), 0u);
}

TEST_F(SessionTest, Fault47_AMessageOfALaterProtocolIsIgnored) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Say(ScriptedAgent::Message());
  EXPECT_FALSE(agent.ended());
}

TEST_F(SessionTest, Fault47_AnAgentOfALaterVersionIsServedWithOurs) {
  ScriptedAgent agent(&site_);
  agent.hello()->set_protocol_version(7);
  agent.hello()->GetReflection()->MutableUnknownFields(agent.hello())->AddVarint(900, 1);
  agent.Welcomed();
  EXPECT_EQ(agent.Last(&CollectorMessage::has_welcome)->welcome().protocol_version(), 1u);
}

TEST_F(SessionTest, Fault48_AnAgentThatExpectsAnotherStoreIsRefused) {
  ScriptedAgent agent(&site_);
  agent.hello()->set_store_id("the store before the restore");
  agent.SayHello();
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_WRONG_STORE);
  EXPECT_THAT(agent.RefusalDetail(), HasSubstr(site_.store.store_id()));
  EXPECT_TRUE(agent.ended());
}

TEST_F(SessionTest, Fault37_Malicious_MoreBytesThanCredit) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "run/events.out.tfevents.1.h");
  agent.Send(1, 0, std::string((8 << 10) + 1, 'x'));
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_PROTOCOL);
  EXPECT_THAT(agent.RefusalDetail(), HasSubstr("8193"));
  EXPECT_TRUE(agent.ended());
  EXPECT_EQ(site_.store.Find("node07", "run/events.out.tfevents.1.h")->received(), 0u);
}

TEST_F(SessionTest, Fault37_Malicious_AFillWhoseEndOverflows) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "run/events.out.tfevents.1.h");
  agent.Send(1, 0, "bytes");
  ScriptedAgent::Message fill;
  fill.mutable_fill()->set_stream(1);
  fill.mutable_fill()->set_offset(~uint64_t{0} - 1);
  fill.mutable_fill()->set_data("four");
  agent.Say(std::move(fill));
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_LIMIT);
  EXPECT_TRUE(agent.ended());
}

TEST_F(SessionTest, Fault37_Malicious_MoreCreditReturnedThanHeld) {
  ScriptedAgent agent(&site_);
  agent.Welcomed();
  ScriptedAgent::Message message;
  message.mutable_credit_return()->set_bytes(8193);
  agent.Say(std::move(message));
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_PROTOCOL);
}

TEST_F(SessionTest, Malicious_SlicesWithoutBytes) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "run/events.out.tfevents.1.h");
  agent.Send(1, 0, "");
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_PROTOCOL);
  EXPECT_TRUE(agent.ended());
}

TEST_F(SessionTest, Malicious_TooManySlicesInFlight) {
  Ingest::Options options;
  options.limits.slices_in_flight_max = 4;
  IngestSite site(options);
  site.Start();
  ScriptedAgent agent(&site);
  agent.Welcomed()->Open(1, "run/events.out.tfevents.1.h");
  site.shards_frozen = true;
  for (uint64_t i = 0; i < 4; ++i) agent.Send(1, i, "x");
  EXPECT_FALSE(agent.ended());
  agent.Send(1, 4, "x");
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_LIMIT);
  EXPECT_TRUE(agent.ended());
  // What is in flight is put away all the same.
  site.shards_frozen = false;
  site.Run();
  EXPECT_EQ(site.store.Find("node07", "run/events.out.tfevents.1.h")->received(), 4u);
}

TEST_F(SessionTest, Malicious_TooManyFillsInFlight) {
  Ingest::Options options;
  options.limits.slices_in_flight_max = 4;
  IngestSite site(options);
  site.Start();
  ScriptedAgent agent(&site);
  agent.Welcomed()->Open(1, "run/events.out.tfevents.1.h");
  agent.Send(1, 0, std::string(100, '\0'));
  ScriptedAgent::Message fill;
  fill.mutable_fill()->set_stream(1);
  fill.mutable_fill()->set_data("x");
  // Those that were answered are not in flight any more.
  for (int i = 0; i < 10; ++i) agent.Say(fill);
  EXPECT_FALSE(agent.ended());
  site.shards_frozen = true;
  for (int i = 0; i < 4; ++i) agent.Say(fill);
  EXPECT_FALSE(agent.ended());
  agent.Say(fill);
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_LIMIT);
  EXPECT_TRUE(agent.ended());
}

TEST_F(SessionTest, Fault37_BytesForAStreamThatWasNeverOpened) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Send(9, 0, "bytes");
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_NOT_OPEN);
  EXPECT_FALSE(agent.ended());
  // The credit came back: all of it can be used again.
  agent.Open(1, "run/events.out.tfevents.1.h");
  agent.Send(1, 0, std::string(8 << 10, 'x'));
  EXPECT_FALSE(agent.ended());
}

TEST_F(SessionTest, BytesBeforeTheOfferAreRefused) {
  ScriptedAgent agent(&site_);
  agent.Welcomed();
  site_.commit_frozen = true;
  ScriptedAgent::Message open;
  *open.mutable_open_batch()->add_opens() = ScriptedAgent::OpenOf(1, "run/a.tfevents.1");
  agent.Say(std::move(open));
  agent.Send(1, 0, "bytes");
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_NOT_OPEN);
}

TEST_F(SessionTest, Malicious_ASecondOpenBatchBeforeTheOffers) {
  ScriptedAgent agent(&site_);
  agent.Welcomed();
  site_.commit_frozen = true;
  for (int i = 0; i < 2; ++i) {
    ScriptedAgent::Message open;
    *open.mutable_open_batch()->add_opens() = ScriptedAgent::OpenOf(1, "run/a.tfevents.1");
    agent.Say(std::move(open));
  }
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_PROTOCOL);
  EXPECT_TRUE(agent.ended());
  // The batch of the ended session is answered to nobody.
  site_.commit_frozen = false;
  site_.Run();
  EXPECT_EQ(agent.Count(&CollectorMessage::has_offer_batch), 0u);
}

TEST_F(SessionTest, Malicious_OneNumberTwiceInABatch) {
  ScriptedAgent agent(&site_);
  agent.Welcomed();
  ScriptedAgent::Message open;
  *open.mutable_open_batch()->add_opens() = ScriptedAgent::OpenOf(1, "run/a.tfevents.1");
  *open.mutable_open_batch()->add_opens() = ScriptedAgent::OpenOf(1, "run/b.tfevents.1");
  agent.Say(std::move(open));
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_PROTOCOL);
  EXPECT_EQ(site_.store.transactions, 0);
}

TEST_F(SessionTest, Malicious_ABatchOverTheLimit) {
  ScriptedAgent agent(&site_);
  agent.Welcomed();
  ScriptedAgent::Message open;
  for (uint32_t i = 0; i < 1001; ++i) {
    *open.mutable_open_batch()->add_opens() =
        ScriptedAgent::OpenOf(i, absl::StrCat("run/a.tfevents.", i));
  }
  agent.Say(std::move(open));
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_LIMIT);
  EXPECT_TRUE(agent.ended());
}

TEST_F(SessionTest, ABatchIsOneTransactionAndItsOffersKeepTheOrder) {
  ScriptedAgent agent(&site_);
  agent.Welcomed();
  ScriptedAgent::Message open;
  for (uint32_t i = 0; i < 10; ++i) {
    *open.mutable_open_batch()->add_opens() =
        ScriptedAgent::OpenOf(100 - i, i == 4 ? "../up" : absl::StrCat("run/a.tfevents.", i));
  }
  agent.Say(std::move(open));
  EXPECT_EQ(site_.store.transactions, 1);
  const auto& offers = agent.Last(&CollectorMessage::has_offer_batch)->offer_batch().offers();
  ASSERT_EQ(offers.size(), 10);
  for (uint32_t i = 0; i < 10; ++i) {
    EXPECT_EQ(offers[static_cast<int>(i)].stream(), 100 - i);
    EXPECT_EQ(offers[static_cast<int>(i)].refused(),
              i == 4 ? ingest::v1::REFUSAL_REASON_PATH : ingest::v1::REFUSAL_REASON_UNSPECIFIED);
  }
}

TEST_F(SessionTest, StreamsOverTheLimitAreRefusedOneByOne) {
  Ingest::Options options;
  options.limits.streams_max = 2;
  IngestSite site(options);
  site.Start();
  ScriptedAgent agent(&site);
  agent.Welcomed();
  EXPECT_EQ(agent.Open(1, "a.tfevents").refused(), ingest::v1::REFUSAL_REASON_UNSPECIFIED);
  EXPECT_EQ(agent.Open(2, "b.tfevents").refused(), ingest::v1::REFUSAL_REASON_UNSPECIFIED);
  EXPECT_EQ(agent.Open(3, "c.tfevents").refused(), ingest::v1::REFUSAL_REASON_LIMIT);
  // Again under a number that is open: no more streams than before.
  EXPECT_EQ(agent.Open(2, "c.tfevents").refused(), ingest::v1::REFUSAL_REASON_UNSPECIFIED);
  ScriptedAgent::Message close;
  close.mutable_close_streams()->add_streams(1);
  agent.Say(std::move(close));
  EXPECT_EQ(agent.Open(3, "d.tfevents").refused(), ingest::v1::REFUSAL_REASON_UNSPECIFIED);
}

TEST_F(SessionTest, ALogdirThatHelloDidNotName) {
  ScriptedAgent agent(&site_);
  agent.Welcomed();
  ingest::v1::Open open = ScriptedAgent::OpenOf(1, "a.tfevents");
  open.set_logdir_name("other");
  EXPECT_EQ(agent.Open(open).refused(), ingest::v1::REFUSAL_REASON_PATH);
  ScriptedAgent::Message listing;
  listing.mutable_listing_complete()->set_logdir_name("other");
  agent.Say(std::move(listing));
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_PROTOCOL);
}

TEST_F(SessionTest, Malicious_PartsForNoSideFileAreRefusedAndTheirCreditComesBack) {
  ScriptedAgent agent(&site_);
  agent.Welcomed();
  for (int i = 0; i < 3; ++i) {
    ScriptedAgent::Message part;
    part.mutable_asset_part()->set_stream(5);
    part.mutable_asset_part()->set_data(std::string(8 << 10, 'x'));
    agent.Say(std::move(part));
    EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_NOT_OPEN);
    ASSERT_FALSE(agent.ended()) << agent.RefusalDetail();
  }
}

TEST_F(SessionTest, StoreErrorsOfOpen) {
  ScriptedAgent agent(&site_);
  agent.Welcomed();
  site_.store.open_error = absl::InternalError("the registry is broken");
  EXPECT_EQ(agent.Open(1, "a.tfevents").refused(), ingest::v1::REFUSAL_REASON_STORE_FAILED);
  site_.store.open_error = absl::ResourceExhaustedError("no space");
  EXPECT_EQ(agent.Open(1, "a.tfevents").refused(), ingest::v1::REFUSAL_REASON_STORE_FULL);
  site_.store.open_error = absl::OkStatus();
  EXPECT_EQ(agent.Open(1, "a.tfevents").refused(), ingest::v1::REFUSAL_REASON_UNSPECIFIED);
}

TEST_F(SessionTest, GoodbyeEndsItAndFreesItsStreams) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "a.tfevents");
  ScriptedAgent::Message goodbye;
  goodbye.mutable_goodbye()->set_detail("done");
  agent.Say(std::move(goodbye));
  EXPECT_TRUE(agent.ended());
  EXPECT_EQ(agent.Count(&CollectorMessage::has_refusal), 0u);
  ScriptedAgent next(&site_);
  next.Welcomed();
  EXPECT_EQ(next.Open(1, "a.tfevents").refused(), ingest::v1::REFUSAL_REASON_UNSPECIFIED);
}

TEST_F(SessionTest, Fault14_ALivePeerGetsHeartbeatsAndASilentOneIsEndedWithin20Seconds) {
  ScriptedAgent agent(&site_);
  agent.Welcomed();
  for (int second = 0; second < 60; ++second) {
    site_.Pass(absl::Seconds(1));
    if (second % 3 == 0) agent.Beat();
  }
  EXPECT_FALSE(agent.ended());
  EXPECT_GE(agent.Count(&CollectorMessage::has_heartbeat), 15u);
  agent.Beat();  // its last
  site_.Pass(absl::Seconds(19));
  EXPECT_FALSE(agent.ended());
  site_.Pass(absl::Seconds(1));
  EXPECT_TRUE(agent.ended());
}

TEST_F(SessionTest, Fault14_AConnectionThatSaysNothingIsEnded) {
  ScriptedAgent agent(&site_);
  site_.Pass(absl::Seconds(22));
  EXPECT_TRUE(agent.ended());
}

TEST_F(SessionTest, Fault15_APeerThatDoesNotReadIsEnded) {
  ScriptedAgent agent(&site_);
  agent.Welcomed();
  agent.peer()->queued = 5000;
  site_.Pass(absl::Seconds(2));
  EXPECT_TRUE(agent.ended());
}

TEST_F(SessionTest, Fault17_AcksWaitForASlowReaderAndComeMerged) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "a.tfevents");
  agent.peer()->queued = 100;
  for (uint64_t i = 0; i < 10; ++i) agent.Send(1, i, "x");
  site_.Pass(absl::Seconds(1));
  EXPECT_EQ(agent.Count(&CollectorMessage::has_acks), 0u);
  agent.peer()->queued = 0;
  site_.Pass(absl::Seconds(1));
  EXPECT_EQ(agent.Count(&CollectorMessage::has_acks), 1u);
  EXPECT_EQ(agent.Received(1), 10u);
  EXPECT_EQ(agent.Durable(1), 10u);
}

TEST_F(SessionTest, StopSaysGoodbyeToAllAfterWhatTheySentIsDurable) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "a.tfevents");
  agent.Send(1, 0, "bytes");
  bool done = false;
  site_.ingest->Stop("the collector stops", [&done] { done = true; });
  site_.Run();
  EXPECT_TRUE(done);
  EXPECT_TRUE(agent.ended());
  EXPECT_NE(agent.Last(&CollectorMessage::has_goodbye), nullptr);
  EXPECT_EQ(site_.store.Find("node07", "a.tfevents")->durable(), 5u);
  ScriptedAgent late(&site_);
  EXPECT_TRUE(late.ended());
}

}  // namespace
}  // namespace tributary
