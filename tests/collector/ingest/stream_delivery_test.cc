// Bytes of streams on their way: what is taken, what is refused by which reason, what is
// acknowledged when.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collector/ingest/ingest_site.h"
#include "tests/support/event_file_builder.h"

namespace tributary {
namespace {

using ingest::v1::CollectorMessage;
using ::testing::HasSubstr;

constexpr char kPath[] = "run/events.out.tfevents.1700000000.h.1.0";

class StreamDeliveryTest : public ::testing::Test {
 protected:
  StreamDeliveryTest() { site_.Start(); }
  FakeStream* Stream() { return site_.store.Find("node07", kPath); }
  std::string Bytes() { return Stream()->bytes_; }
  size_t Points(const std::string& tag) {
    Index::ScalarQuery all;
    all.points_max = 0;
    const auto points = site_.index->ReadScalars(RunName("node07/run"), Tag(tag), all);
    return points.ok() ? points->steps.size() : 0;
  }
  ScriptedAgent::Message NewGeneration(uint32_t number, uint64_t differs) {
    ScriptedAgent::Message message;
    message.mutable_new_generation()->set_stream(number);
    message.mutable_new_generation()->set_differs_from_generation(differs);
    message.mutable_new_generation()->set_cause("first bytes");
    return message;
  }
  IngestSite site_;
};

TEST_F(StreamDeliveryTest, BytesAreStoredIndexedAndAcknowledged) {
  ScriptedAgent agent(&site_);
  const ingest::v1::Offer offer = agent.Welcomed()->Open(1, kPath);
  EXPECT_EQ(offer.offset(), 0u);
  EXPECT_EQ(offer.run(), "node07/run");
  EXPECT_EQ(offer.run_since_unix_nanos(), 0);
  const std::string file = EventFileBuilder()
                               .FileVersion()
                               .Scalar("loss", Step(1), 0.5f)
                               .Scalar("loss", Step(2), 0.25f)
                               .Build();
  agent.Send(1, 0, file.substr(0, 33));
  agent.Send(1, 33, file.substr(33));
  EXPECT_EQ(Bytes(), file);
  EXPECT_EQ(agent.Received(1), file.size());
  EXPECT_EQ(Points("loss"), 2u);
  EXPECT_EQ(Stream()->boundary_, file.size());
  site_.Pass(absl::Seconds(1));
  EXPECT_EQ(agent.Durable(1), file.size());
}

TEST_F(StreamDeliveryTest, Fault1_Resume_OffersWhatIsThereAndTheKeptName) {
  {
    ScriptedAgent agent(&site_);
    agent.Welcomed()->Open(1, kPath);
    agent.Send(1, 0, "0123456789");
    site_.Pass(absl::Seconds(1));
    agent.Drop();
  }
  ScriptedAgent agent(&site_);
  ingest::v1::Open open = ScriptedAgent::OpenOf(7, kPath);
  open.set_run("another/name");
  const ingest::v1::Offer offer = agent.Welcomed()->Open(open);
  EXPECT_EQ(offer.stream(), 7u);
  EXPECT_EQ(offer.offset(), 10u);
  EXPECT_EQ(offer.received(), 10u);
  EXPECT_EQ(offer.durable(), 10u);
  EXPECT_EQ(offer.run(), "node07/run");
  EXPECT_GT(offer.run_since_unix_nanos(), 0);
}

TEST_F(StreamDeliveryTest, Fault5_Resume_AskOffsetAnswersThereAndTellsReceived) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, "0123456789");
  ingest::v1::Open open = ScriptedAgent::OpenOf(1, kPath);
  open.set_ask_offset(4);
  ingest::v1::Offer offer = agent.Open(open);
  EXPECT_EQ(offer.offset(), 4u);
  EXPECT_EQ(offer.tail_crc32c(), 29u);  // the fake's fingerprint at 4
  EXPECT_EQ(offer.received(), 10u);
  open.set_ask_offset(4000);
  offer = agent.Open(open);
  EXPECT_EQ(offer.offset(), 10u);
}

TEST_F(StreamDeliveryTest, Fault1_RepeatedBytesChangeNothing) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, "0123456789");
  agent.Send(1, 0, "0123456789");
  agent.Send(1, 5, "56789abc");
  EXPECT_EQ(Bytes(), "0123456789abc");
  EXPECT_EQ(agent.Count(&CollectorMessage::has_refusal), 0u);
  EXPECT_EQ(agent.Received(1), 13u);
}

TEST_F(StreamDeliveryTest,
       Fault37_AGapIsRefusedWithTheWantedOffsetOnceUntilTheStreamIsOpenedAgain) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, "01234");
  agent.Send(1, 6, "678");
  ASSERT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_GAP);
  EXPECT_EQ(agent.Last(&CollectorMessage::has_refusal)->refusal().wanted_offset(), 5u);
  EXPECT_EQ(agent.Last(&CollectorMessage::has_refusal)->refusal().stream(), 1u);
  agent.Send(1, 9, "9");   // was on its way behind it
  agent.Send(1, 5, "56");  // even what would fit: the agent is to compare first
  EXPECT_EQ(agent.Count(&CollectorMessage::has_refusal), 1u);
  EXPECT_EQ(Bytes(), "01234");
  EXPECT_EQ(agent.Open(1, kPath).offset(), 5u);
  agent.Send(1, 5, "56");
  EXPECT_EQ(Bytes(), "0123456");
}

TEST_F(StreamDeliveryTest, Fault37_OtherBytesInTheOverlapAreAConflictAndChangeNothing) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, "01234");
  agent.Send(1, 3, "X4567");
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_CONFLICT);
  EXPECT_EQ(Bytes(), "01234");
  EXPECT_FALSE(agent.ended());
  EXPECT_TRUE(site_.log.Contains("REFUSAL_REASON_CONFLICT"));
}

TEST_F(StreamDeliveryTest, Fault37_Malicious_ReplayOfAnOldGeneration) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, "old");
  agent.Say(NewGeneration(1, 0));
  agent.Send(1, 0, "old", 0);
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_GENERATION);
  agent.Open(1, kPath);
  agent.Send(1, 0, "future", 5);
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_GENERATION);
  EXPECT_EQ(Bytes(), "");
}

TEST_F(StreamDeliveryTest, Fault22_NewGeneration_IsOfferedFromTheStartAndIndexedAnew) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  const std::string first = EventFileBuilder()
                                .FileVersion()
                                .Scalar("loss", Step(1), 1.0f)
                                .Scalar("loss", Step(2), 1.0f)
                                .Build();
  agent.Send(1, 0, first);
  site_.Pass(absl::Seconds(1));
  ASSERT_EQ(Points("loss"), 2u);
  agent.Say(NewGeneration(1, 0));
  const ingest::v1::Offer& offer =
      agent.Last(&CollectorMessage::has_offer_batch)->offer_batch().offers(0);
  EXPECT_EQ(offer.stream(), 1u);
  EXPECT_EQ(offer.generation(), 1u);
  EXPECT_EQ(offer.offset(), 0u);
  EXPECT_EQ(offer.received(), 0u);
  EXPECT_EQ(offer.durable(), 0u);
  const std::string second = EventFileBuilder().FileVersion().Scalar("loss", Step(1), 3.0f).Build();
  agent.peer()->messages.clear();  // acks of the first generation
  agent.Send(1, 0, second, 1);
  EXPECT_EQ(Bytes(), second);
  EXPECT_EQ(Points("loss"), 1u);
  site_.Pass(absl::Seconds(1));
  EXPECT_EQ(agent.Received(1), second.size());
  EXPECT_EQ(agent.Durable(1), second.size());
  for (const CollectorMessage& message : agent.peer()->messages) {
    for (const auto& mark : message.acks().durable()) EXPECT_EQ(mark.generation(), 1u);
  }
}

TEST_F(StreamDeliveryTest, NewGeneration_OfOneThatIsNotPresentGetsThePresentOffer) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, "bytes");
  agent.Say(NewGeneration(1, 9));
  const ingest::v1::Offer& offer =
      agent.Last(&CollectorMessage::has_offer_batch)->offer_batch().offers(0);
  EXPECT_EQ(offer.generation(), 0u);
  EXPECT_EQ(offer.received(), 5u);
  EXPECT_EQ(Bytes(), "bytes");
}

TEST_F(StreamDeliveryTest, NewGeneration_TooOftenIsFrozen) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  site_.store.generation_error = absl::ResourceExhaustedError("a fourth within 10 minutes");
  Stream()->overwritten_ = true;
  agent.Say(NewGeneration(1, 0));
  const ingest::v1::Offer& offer =
      agent.Last(&CollectorMessage::has_offer_batch)->offer_batch().offers(0);
  EXPECT_TRUE(offer.overwritten());
  EXPECT_EQ(offer.refused(), ingest::v1::REFUSAL_REASON_UNSPECIFIED);
}

TEST_F(StreamDeliveryTest, NewGeneration_NoAppendRunsBesideIt) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, "old");
  site_.commit_frozen = true;
  agent.Say(NewGeneration(1, 0));
  agent.Send(1, 3, "more");
  EXPECT_EQ(Bytes(), "old");
  site_.commit_frozen = false;
  site_.Run();
  EXPECT_EQ(Stream()->generation(), Generation(1));
  agent.Send(1, 0, "new", 1);
  EXPECT_EQ(Bytes(), "new");
}

TEST_F(StreamDeliveryTest, Malicious_ASecondNewGenerationBeforeTheOffer) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  site_.commit_frozen = true;
  agent.Say(NewGeneration(1, 0));
  agent.Say(NewGeneration(1, 0));
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_PROTOCOL);
  EXPECT_TRUE(agent.ended());
  site_.commit_frozen = false;
  site_.Run();
  // The one that was taken happened; the stream works for the next session.
  ScriptedAgent next(&site_);
  EXPECT_EQ(next.Welcomed()->Open(1, kPath).generation(), 1u);
  next.Send(1, 0, "bytes", 1);
  EXPECT_EQ(Bytes(), "bytes");
}

TEST_F(StreamDeliveryTest, Fault14_OnlyTheSessionThatHoldsAStreamWritesIt) {
  ScriptedAgent older(&site_);
  older.Welcomed()->Open(1, kPath);
  older.Send(1, 0, "0123");
  // A newer agent of the node gets in, because the older one is silent; the older still writes.
  site_.Pass(absl::Seconds(2));
  ScriptedAgent newer(&site_);
  newer.SayHello();
  site_.Pass(absl::Seconds(6));
  ASSERT_NE(newer.Last(&CollectorMessage::has_welcome), nullptr);
  EXPECT_TRUE(older.ended());
  older.Send(1, 4, "4567");
  EXPECT_EQ(Bytes(), "0123");
  EXPECT_EQ(newer.Open(1, kPath).offset(), 4u);
  newer.Send(1, 4, "abcd");
  EXPECT_EQ(Bytes(), "0123abcd");
}

TEST_F(StreamDeliveryTest, OnePathUnderTwoNumbersBelongsToTheLater) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Open(2, kPath);
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_NOT_OPEN);
  EXPECT_EQ(agent.Last(&CollectorMessage::has_refusal)->refusal().stream(), 1u);
  agent.Send(1, 0, "one");
  EXPECT_EQ(Bytes(), "");
  agent.Send(2, 0, "two");
  EXPECT_EQ(Bytes(), "two");
  EXPECT_EQ(agent.Received(2), 3u);
}

TEST_F(StreamDeliveryTest, Fault10_AFullStoreIsWaitedForAndCreditComesWhenThereIsSpace) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, "0123");
  Stream()->append_error_ = absl::ResourceExhaustedError("no space");
  site_.store.is_full = true;
  agent.Send(1, 4, "4567");
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_STORE_FULL);
  EXPECT_EQ(agent.Last(&CollectorMessage::has_refusal)->refusal().wanted_offset(), 4u);
  const uint64_t credit = agent.CreditGiven();
  for (int i = 0; i < 5; ++i) {
    site_.Pass(absl::Seconds(3));
    agent.Beat();
  }
  EXPECT_EQ(agent.CreditGiven(), credit);
  site_.store.is_full = false;
  Stream()->append_error_ = absl::OkStatus();
  site_.Pass(absl::Seconds(3));
  EXPECT_GT(agent.CreditGiven(), credit);
  agent.Send(1, 4, "4567");  // without opening again
  EXPECT_EQ(Bytes(), "01234567");
}

TEST_F(StreamDeliveryTest, Fault10_AStoreTooFullToOpenStreamsTellsWhenToGoOn) {
  ScriptedAgent agent(&site_);
  agent.Welcomed();
  site_.store.open_error = absl::ResourceExhaustedError("no space");
  site_.store.is_full = true;
  EXPECT_EQ(agent.Open(1, kPath).refused(), ingest::v1::REFUSAL_REASON_STORE_FULL);
  const uint64_t credit = agent.CreditGiven();
  site_.Pass(absl::Seconds(5));
  EXPECT_EQ(agent.CreditGiven(), credit);
  site_.store.is_full = false;
  site_.store.open_error = absl::OkStatus();
  site_.Pass(absl::Seconds(3));
  EXPECT_GT(agent.CreditGiven(), credit);
  EXPECT_EQ(agent.Open(1, kPath).refused(), ingest::v1::REFUSAL_REASON_UNSPECIFIED);
}

TEST_F(StreamDeliveryTest, AStoppedStreamIsRefusedAndOthersGoOn) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Open(2, "run/b.tfevents.2");
  Stream()->append_error_ = absl::FailedPreconditionError("the mirror stopped");
  Stream()->health_ = absl::InternalError("EIO");
  agent.Send(1, 0, "x");
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_STORE_FAILED);
  agent.Send(2, 0, "y");
  EXPECT_EQ(agent.Received(2), 1u);
}

TEST_F(StreamDeliveryTest, Fault26_Fill_IsTakenIndexedAndAcknowledgedTwice) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  EventFileBuilder whole;
  whole.FileVersion().Scalar("loss", Step(1), 1.0f).Scalar("loss", Step(2), 2.0f);
  const std::string file = whole.Build();
  const uint64_t begin = whole.record_offsets()[1];
  const uint64_t length = whole.record_offsets()[2] - begin;
  std::string holed = file;
  holed.replace(begin, length, std::string(length, '\0'));
  agent.Send(1, 0, holed);
  EXPECT_EQ(Points("loss"), 1u);
  ASSERT_EQ(Stream()->unfilled_.size(), 1u);
  EXPECT_EQ(Stream()->unfilled_[0].offset, begin);
  EXPECT_EQ(Stream()->unfilled_[0].length_bytes, length);

  ScriptedAgent::Message fill;
  fill.mutable_fill()->set_stream(1);
  fill.mutable_fill()->set_offset(begin);
  fill.mutable_fill()->set_data(file.substr(begin, length));
  agent.Say(std::move(fill));
  ASSERT_NE(agent.Last(&CollectorMessage::has_fill_ack), nullptr);
  EXPECT_EQ(Bytes(), file);
  site_.Pass(absl::Seconds(1));
  EXPECT_EQ(Points("loss"), 2u);
  const auto& ack = agent.Last(&CollectorMessage::has_fill_ack)->fill_ack();
  EXPECT_TRUE(ack.durable());
  EXPECT_EQ(ack.range().offset(), begin);
  EXPECT_EQ(ack.range().length(), length);
  EXPECT_EQ(agent.Count(&CollectorMessage::has_fill_ack), 2u);
}

TEST_F(StreamDeliveryTest, Fault9_AFillThatTheDiskRefusesSealsTheStreamAndIsTakenTheNextTime) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, std::string(100, '\0'));
  site_.Pass(absl::Seconds(1));
  Stream()->fill_error_ = absl::InternalError("EIO");
  ScriptedAgent::Message fill;
  fill.mutable_fill()->set_stream(1);
  fill.mutable_fill()->set_data("bytes");
  agent.Say(fill);
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_STORE_LOST);
  // Nobody else writes anything.
  site_.Pass(absl::Seconds(1));
  EXPECT_EQ(Stream()->rewinds_, 1u);
  EXPECT_EQ(agent.Open(1, kPath).offset(), 100u);
  agent.Say(fill);
  site_.Pass(absl::Seconds(1));
  EXPECT_TRUE(agent.Last(&CollectorMessage::has_fill_ack)->fill_ack().durable());
}

// Data directories and names of logdirs may be any bytes; fields of text may not.
TEST_F(StreamDeliveryTest, Fault39_RefusalsAreTextWhateverBytesTheyQuote) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, "bytes");
  Stream()->append_error_ = absl::InternalError("writing /data\xff/logdir/a");
  agent.Send(1, 5, "more");
  EXPECT_EQ(agent.RefusalDetail(), "writing /data\xef\xbf\xbd/logdir/a");
  Stream()->fingerprint_error_ = absl::InternalError("reading /data\xff/logdir/a");
  EXPECT_EQ(agent.Open(2, kPath).refused_detail(), "reading /data\xef\xbf\xbd/logdir/a");
  std::string name = "x";
  while (name.size() < 600) name += "\u00fc";  // cut in its midst after 500 bytes
  ScriptedAgent::Message listing;
  listing.mutable_listing_complete()->set_logdir_name(name);
  agent.Say(std::move(listing));
  EXPECT_THAT(agent.RefusalDetail(), HasSubstr("\u00fc', which is not among"));
}

TEST_F(StreamDeliveryTest, Fault37_Malicious_AFillOverOtherBytes) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, "bytes");
  ScriptedAgent::Message fill;
  fill.mutable_fill()->set_stream(1);
  fill.mutable_fill()->set_offset(1);
  fill.mutable_fill()->set_data("EVIL");
  agent.Say(fill);
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_CONFLICT);
  fill.mutable_fill()->set_offset(100);
  agent.Say(fill);
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_GAP);
  fill.mutable_fill()->set_generation(3);
  agent.Say(fill);
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_GENERATION);
  fill.mutable_fill()->set_stream(8);
  agent.Say(fill);
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_NOT_OPEN);
  EXPECT_EQ(Bytes(), "bytes");
}

TEST_F(StreamDeliveryTest, Fault23_ListingComplete_MarksWhatWasNotNamedAsGone) {
  {
    ScriptedAgent agent(&site_);
    agent.Welcomed()->Open(1, "run/a.tfevents");
    agent.Open(2, "run/b.tfevents");
    agent.Drop();
  }
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "run/b.tfevents");
  ScriptedAgent::Message listing;
  listing.mutable_listing_complete();
  agent.Say(std::move(listing));
  site_.Pass(absl::Seconds(1));
  const auto snapshot = site_.board.Get();
  ASSERT_EQ(snapshot->nodes.size(), 1u);
  ASSERT_EQ(snapshot->nodes[0].streams.size(), 2u);
  EXPECT_EQ(snapshot->nodes[0].streams[0].state, "source_gone");
  EXPECT_EQ(snapshot->nodes[0].streams[1].state, "live");
}

TEST_F(StreamDeliveryTest, ListingComplete_BeforeTheOffersCountsTheNamed) {
  {
    ScriptedAgent agent(&site_);
    agent.Welcomed()->Open(1, "run/a.tfevents");
    agent.Drop();
  }
  ScriptedAgent agent(&site_);
  agent.Welcomed();
  site_.commit_frozen = true;
  ScriptedAgent::Message open;
  *open.mutable_open_batch()->add_opens() = ScriptedAgent::OpenOf(1, "run/a.tfevents");
  agent.Say(std::move(open));
  ScriptedAgent::Message listing;
  listing.mutable_listing_complete();
  agent.Say(std::move(listing));
  site_.commit_frozen = false;
  site_.Pass(absl::Seconds(1));
  EXPECT_EQ(site_.board.Get()->nodes[0].streams[0].state, "live");
}

TEST_F(StreamDeliveryTest, Fault5_StreamReport_IsShown) {
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, "0123456789");
  ScriptedAgent::Message report;
  report.mutable_stream_report()->set_stream(1);
  report.mutable_stream_report()->set_state(ingest::v1::SOURCE_STATE_SHORTER);
  report.mutable_stream_report()->set_size_bytes(4);
  agent.Say(report);
  site_.Pass(absl::Seconds(1));
  const StreamStatus status = site_.board.Get()->nodes[0].streams[0];
  EXPECT_EQ(status.state, "source_shorter");
  EXPECT_EQ(status.size_bytes, 4u);
  EXPECT_EQ(status.received_bytes, 10u);
  report.mutable_stream_report()->set_stream(9);
  agent.Say(report);
  EXPECT_EQ(agent.Refused(), ingest::v1::REFUSAL_REASON_NOT_OPEN);
}

}  // namespace
}  // namespace tributary
