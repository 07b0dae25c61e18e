// Side files, from the messages of a session to the mirror.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/eventfile/crc32c.h"
#include "common/random.h"
#include "tests/collector/ingest/ingest_site.h"
#include "tests/support/fake_registry.h"

namespace tributary {
namespace {

using ingest::v1::CollectorMessage;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Message = ingest::v1::AgentMessage;

constexpr char kMirror[] = "/data/logdir/node07/exp/projector_config.pbtxt";
constexpr uint64_t kMiB = 1u << 20;

Ingest::Options SmallLimits() {
  Ingest::Options options;
  options.limits.asset_bytes_max = kMiB;
  return options;
}

class SessionAssetsTest : public ::testing::Test {
 protected:
  SessionAssetsTest() : site_(SmallLimits()) {
    Store::Options options;
    options.data_dir = "/data";
    options.data_free_min_bytes = 0;
    auto store = Store::Open(options, {&site_.files, &site_.clock, &random_, &registry_});
    CHECK(store.ok(), store.status().message());
    store_ = *std::move(store);
    site_.other_store = store_.get();
    site_.Start();
  }
  void TearDown() override { EXPECT_TRUE(site_.fatal.ok()); }

  static ingest::v1::Open AssetOf(uint32_t number, const std::string& path) {
    ingest::v1::Open open = ScriptedAgent::OpenOf(number, path);
    open.set_kind(ingest::v1::STREAM_KIND_ASSET);
    open.set_run("node07/exp");
    return open;
  }
  static Message PartOf(uint32_t number, const std::string& content, uint64_t offset,
                        const std::string& data, bool last, int64_t modified = 1) {
    Message message;
    ingest::v1::AssetPart* part = message.mutable_asset_part();
    part->set_stream(number);
    part->mutable_version()->set_size_bytes(content.size());
    part->mutable_version()->set_modified_unix_nanos(modified);
    if (last) part->mutable_version()->set_crc32c(Crc32c(content));
    part->set_offset(offset);
    part->set_data(data);
    part->set_last(last);
    return message;
  }
  static void SendWhole(ScriptedAgent* agent, uint32_t number, const std::string& content,
                        int64_t modified = 1) {
    agent->Say(PartOf(number, content, 0, content, true, modified));
  }
  std::optional<std::string> Mirror() {
    const auto content = site_.files.ReadFile(kMirror);
    return content.ok() ? std::optional(*content) : std::nullopt;
  }
  // What refused bytes cost is given back, at least.
  void ExpectCreditBack(const ScriptedAgent& agent, uint64_t refused) {
    site_.Pass(absl::Seconds(1));
    EXPECT_GE(agent.CreditGiven(), (8u << 10) + refused);
  }

  SeededRandom random_{1};
  FakeRegistry registry_;
  IngestSite site_;
  std::unique_ptr<Store> store_;
};

TEST_F(SessionAssetsTest, VersionIsDurableAndInItsPlaceWhenItIsAcknowledged) {
  ScriptedAgent agent(&site_);
  const ingest::v1::Offer offer = agent.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
  EXPECT_FALSE(offer.has_asset());
  EXPECT_EQ(offer.run(), "node07/exp");
  const std::string content = "embeddings {}";
  agent.Say(PartOf(1, content, 0, content.substr(0, 5), false));
  const auto* ack = agent.Last(&CollectorMessage::has_asset_ack);
  ASSERT_NE(ack, nullptr);
  EXPECT_EQ(ack->asset_ack().received_bytes(), 5u);
  EXPECT_FALSE(ack->asset_ack().durable());
  EXPECT_EQ(Mirror(), std::nullopt);
  agent.Say(PartOf(1, content, 5, content.substr(5), true));
  ack = agent.Last(&CollectorMessage::has_asset_ack);
  EXPECT_TRUE(ack->asset_ack().durable());
  EXPECT_EQ(ack->asset_ack().version().crc32c(), Crc32c(content));
  EXPECT_EQ(Mirror(), content);
  EXPECT_THAT(site_.index->Runs(), IsEmpty());
  site_.files.CrashLosingAll();
  EXPECT_EQ(Mirror(), content);
}

TEST_F(SessionAssetsTest, Resume_TheOfferHasTheVersionThatIsDurable) {
  ScriptedAgent first(&site_);
  first.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
  SendWhole(&first, 1, "one", 7);
  first.Drop();
  ScriptedAgent second(&site_);
  const ingest::v1::Offer offer = second.Welcomed()->Open(AssetOf(9, "exp/projector_config.pbtxt"));
  EXPECT_EQ(offer.asset().size_bytes(), 3u);
  EXPECT_EQ(offer.asset().modified_unix_nanos(), 7);
  EXPECT_EQ(offer.asset().crc32c(), Crc32c("one"));
  EXPECT_NE(offer.run_since_unix_nanos(), 0);
  SendWhole(&second, 9, "another", 8);
  EXPECT_EQ(Mirror(), "another");
}

TEST_F(SessionAssetsTest, AnEmptyFileIsAVersionToo) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
  SendWhole(&agent, 1, "");
  EXPECT_EQ(Mirror(), "");
}

TEST_F(SessionAssetsTest, Resume_AVersionThatChangedOnTheWayBeginsAnew) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
  agent.Say(PartOf(1, "longer than the other", 0, "longer", false, 1));
  SendWhole(&agent, 1, "new", 2);
  EXPECT_EQ(Mirror(), "new");
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_UNSPECIFIED);
}

TEST_F(SessionAssetsTest, Fault1_WhatASessionDidNotFinishIsGoneWithIt) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
  SendWhole(&agent, 1, "one");
  agent.Say(PartOf(1, "second", 0, "sec", false));
  EXPECT_EQ(site_.files.Files("/data/incoming").size(), 1u);
  agent.Drop();
  EXPECT_THAT(site_.files.Files("/data/incoming"), IsEmpty());
  EXPECT_EQ(Mirror(), "one");
}

TEST_F(SessionAssetsTest, OnlyTheSessionThatHoldsTheFileWritesIt) {
  ScriptedAgent old_one(&site_);
  old_one.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
  old_one.Say(PartOf(1, "of the old", 0, "of", false));
  ScriptedAgent new_one(&site_);
  // The same agent over a new connection.
  new_one.hello()->set_agent_nonce(old_one.hello()->agent_nonce());
  new_one.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
  new_one.Say(PartOf(1, "new", 0, "n", false));
  new_one.Say(PartOf(1, "new", 1, "ew", true));
  EXPECT_EQ(Mirror(), "new");
  EXPECT_TRUE(old_one.ended());
}

TEST_F(SessionAssetsTest, EventsGoOnWhileTheDiskStandsStillForASideFile) {
  site_.asset_frozen = true;
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
  agent.Open(2, "exp/x.tfevents");
  SendWhole(&agent, 1, std::string(4096, 'x'));
  agent.Send(2, 0, "bytes");
  site_.Pass(absl::Seconds(1));
  EXPECT_EQ(agent.Durable(2), 5u);
  EXPECT_EQ(agent.Count(&CollectorMessage::has_asset_ack), 0u);
  site_.asset_frozen = false;
  site_.Run();
  EXPECT_TRUE(agent.Last(&CollectorMessage::has_asset_ack)->asset_ack().durable());
}

TEST_F(SessionAssetsTest, DescribeNodeAndTheBoardTellThem) {
  ScriptedAgent agent(&site_);
  ingest::v1::Open open = AssetOf(1, "exp/projector_config.pbtxt");
  open.set_size_bytes(3);
  agent.Welcomed()->Open(open);
  SendWhole(&agent, 1, "one", 7);
  ingest::v1::DescribeNodeRequest request;
  request.mutable_node()->set_name("node07");
  const auto described = site_.Describe(request);
  ASSERT_TRUE(described.ok());
  ASSERT_EQ(described->streams_size(), 1);
  EXPECT_EQ(described->streams(0).kind(), ingest::v1::STREAM_KIND_ASSET);
  EXPECT_EQ(described->streams(0).durable(), 3u);
  EXPECT_EQ(described->streams(0).asset().modified_unix_nanos(), 7);
  site_.Pass(absl::Seconds(2));
  const StreamStatus& shown = site_.board.Get()->nodes.at(0).streams.at(0);
  EXPECT_EQ(shown.kind, "asset");
  EXPECT_EQ(shown.size_bytes, 3u);
  EXPECT_EQ(shown.durable_bytes, 3u);
  // A listing that does not name it.
  agent.Drop();
  ScriptedAgent next(&site_);
  Message complete;
  complete.mutable_listing_complete();
  next.Welcomed()->Say(complete);
  EXPECT_EQ(site_.Describe(request)->streams(0).state(), ingest::v1::SOURCE_STATE_GONE);
}

TEST_F(SessionAssetsTest, Fault10_WithoutRoomItIsRefusedAndNobodyElseWaits) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
  agent.Open(2, "exp/x.tfevents");
  site_.files.SetTotalSpace(site_.files.used_bytes() + 4096);
  SendWhole(&agent, 1, std::string(8000, 'x'));
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_STORE_FULL);
  ExpectCreditBack(agent, 8000);
  agent.Send(2, 0, "bytes");
  EXPECT_EQ(agent.Received(2), 5u);
  site_.files.SetTotalSpace(uint64_t{1} << 40);
  SendWhole(&agent, 1, std::string(8000, 'x'));
  EXPECT_TRUE(agent.Last(&CollectorMessage::has_asset_ack)->asset_ack().durable());
}

TEST_F(SessionAssetsTest, Fault9_AFailedSyncIsRefusedAndItIsTakenTheNextTime) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
  site_.files.Inject({.call = FakeFileSystem::Call::kSync, .status = absl::InternalError("EIO")});
  SendWhole(&agent, 1, "one");
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_STORE_FAILED);
  EXPECT_EQ(Mirror(), std::nullopt);
  SendWhole(&agent, 1, "one");
  EXPECT_EQ(Mirror(), "one");
}

// What a client can lie about.

TEST_F(SessionAssetsTest, Malicious_PartsThatDoNotFollowAreRefusedOnceAndDropped) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
  const std::string content = "0123456789";
  agent.Say(PartOf(1, content, 5, "56789", true));
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_GAP);
  agent.Say(PartOf(1, content, 5, "56789", true));
  EXPECT_EQ(agent.Count(&CollectorMessage::has_refusal), 1u);
  // A gap, bytes twice, and another version in the midst.
  agent.Say(PartOf(1, content, 0, "0123", false));
  agent.Say(PartOf(1, content, 5, "56789", true));
  EXPECT_EQ(agent.Count(&CollectorMessage::has_refusal), 2u);
  agent.Say(PartOf(1, content, 0, "0123", false));
  agent.Say(PartOf(1, content, 3, "3456789", true));
  EXPECT_EQ(agent.Count(&CollectorMessage::has_refusal), 3u);
  agent.Say(PartOf(1, content, 0, "0123", false, 1));
  agent.Say(PartOf(1, content, 4, "456789", true, 2));
  EXPECT_EQ(agent.Count(&CollectorMessage::has_refusal), 4u);
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_GAP);
  EXPECT_EQ(Mirror(), std::nullopt);
  EXPECT_THAT(site_.files.Files("/data/incoming"), IsEmpty());
  EXPECT_FALSE(agent.ended());
  ExpectCreditBack(agent, 28);
  SendWhole(&agent, 1, content);
  EXPECT_EQ(Mirror(), content);
}

TEST_F(SessionAssetsTest, Malicious_PartsPastTheSizeAreRefused) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
  agent.Say(PartOf(1, "four", 0, "fourteen", true));
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_LIMIT);
  agent.Say(PartOf(1, "four", 0, "fou", false));
  agent.Say(PartOf(1, "four", 3, "rteen", true));
  EXPECT_EQ(agent.Count(&CollectorMessage::has_refusal), 2u);
  EXPECT_EQ(Mirror(), std::nullopt);
  Message wraps = PartOf(1, "four", 0, "four", false);
  wraps.mutable_asset_part()->set_offset(~uint64_t{0});
  agent.Say(wraps);
  EXPECT_EQ(Mirror(), std::nullopt);
  EXPECT_FALSE(agent.ended());
}

TEST_F(SessionAssetsTest, Malicious_AWrongChecksumOrAnEarlyEndIsRefused) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
  SendWhole(&agent, 1, "former");
  Message wrong = PartOf(1, "content", 0, "content", true);
  wrong.mutable_asset_part()->mutable_version()->set_crc32c(1);
  agent.Say(wrong);
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_CONFLICT);
  EXPECT_THAT(agent.RefusalDetail(), HasSubstr("checksum"));
  agent.Say(PartOf(1, "content", 0, "cont", true));
  EXPECT_THAT(agent.RefusalDetail(), HasSubstr("after 4 of 7 bytes"));
  EXPECT_EQ(Mirror(), "former");
  EXPECT_THAT(site_.files.Files("/data/incoming"), IsEmpty());
}

TEST_F(SessionAssetsTest, Malicious_WithoutALastPartNothingIsEverSeen) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
  agent.Say(PartOf(1, "whole", 0, "whole", false));
  site_.Pass(absl::Seconds(5));
  EXPECT_EQ(Mirror(), std::nullopt);
  agent.Say(PartOf(1, "whole", 5, "more", true));
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_LIMIT);
}

TEST_F(SessionAssetsTest, Malicious_TooLargeAVersionIsRefusedBeforeItIsBegun) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
  agent.Say(PartOf(1, std::string(kMiB + 1, 'x'), 0, "x", false));
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_LIMIT);
  EXPECT_THAT(agent.RefusalDetail(), HasSubstr("at most 1048576"));
  EXPECT_THAT(site_.files.Files("/data/incoming"), IsEmpty());
  EXPECT_FALSE(agent.ended());
}

TEST_F(SessionAssetsTest, Malicious_MoreThanTheCreditEndsIt) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
  SendWhole(&agent, 1, std::string((8u << 10) + 1, 'x'));
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_PROTOCOL);
  EXPECT_TRUE(agent.ended());
}

TEST_F(SessionAssetsTest, Malicious_PartsWithoutBytesOrOfTooManyEndIt) {
  for (const std::string& data : {std::string(), std::string(kMiB + 1, 'x')}) {
    ScriptedAgent agent(&site_);
    agent.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
    agent.Say(PartOf(1, std::string(10, 'x'), 0, data, false));
    EXPECT_TRUE(agent.ended()) << data.size();
  }
}

TEST_F(SessionAssetsTest, Malicious_PartsForWhatIsNoSideFileAreRefused) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(2, "exp/x.tfevents");
  SendWhole(&agent, 2, "bytes");
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_NOT_OPEN);
  SendWhole(&agent, 77, "bytes");
  EXPECT_EQ(agent.Count(&CollectorMessage::has_refusal), 2u);
  // And the reverse.
  agent.Open(AssetOf(1, "exp/projector_config.pbtxt"));
  agent.Send(1, 0, "bytes");
  Message fill;
  fill.mutable_fill()->set_stream(1);
  fill.mutable_fill()->set_data("x");
  agent.Say(fill);
  Message generation;
  generation.mutable_new_generation()->set_stream(1);
  agent.Say(generation);
  EXPECT_EQ(agent.Count(&CollectorMessage::has_refusal), 5u);
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_NOT_OPEN);
  EXPECT_FALSE(agent.ended());
  ExpectCreditBack(agent, 16);
}

TEST_F(SessionAssetsTest, Malicious_APathKeepsItsKind) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(2, "exp/x.tfevents");
  EXPECT_EQ(agent.Open(AssetOf(3, "exp/x.tfevents")).refused(), ingest::v1::REFUSAL_REASON_PATH);
  agent.Open(AssetOf(1, "exp/projector_config.pbtxt"));
  EXPECT_EQ(agent.Open(4, "exp/projector_config.pbtxt").refused(), ingest::v1::REFUSAL_REASON_PATH);
}

TEST_F(SessionAssetsTest, Fault47_AStoreWithoutSideFilesSaysSo) {
  IngestSite plain;
  plain.Start();
  ScriptedAgent agent(&plain);
  agent.Welcomed();
  EXPECT_EQ(agent.Last(&CollectorMessage::has_welcome)->welcome().limits().asset_bytes_max(), 0u);
  EXPECT_EQ(agent.Open(AssetOf(1, "exp/projector_config.pbtxt")).refused(),
            ingest::v1::REFUSAL_REASON_UNSUPPORTED);
}

TEST_F(SessionAssetsTest, BytesBalance) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(AssetOf(1, "exp/projector_config.pbtxt"));
  SendWhole(&agent, 1, "taken");
  agent.Say(PartOf(1, "refused", 3, "used", true));
  const std::string text = site_.registry.Text();
  EXPECT_THAT(text, HasSubstr("tributary_collector_accepted_bytes_total 9"));
  EXPECT_THAT(text, HasSubstr("tributary_collector_asset_bytes_total 5"));
  EXPECT_THAT(text, HasSubstr("tributary_collector_refused_bytes_total 4"));
  EXPECT_THAT(text, HasSubstr("tributary_collector_assets_installed_total 1"));
}

}  // namespace
}  // namespace tributary
