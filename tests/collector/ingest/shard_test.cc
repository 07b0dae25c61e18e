// The index behind the mirror: after a start, with holes, with files that are not indexed.
#include <gtest/gtest.h>

#include "common/eventfile/crc32c.h"
#include "tests/collector/ingest/ingest_site.h"
#include "tests/support/event_file_builder.h"

namespace tributary {
namespace {

using ingest::v1::CollectorMessage;

std::string ManyPoints(int points) {
  EventFileBuilder file;
  file.FileVersion();
  for (int i = 0; i < points; ++i) file.Scalar("loss", Step(i), static_cast<float>(i));
  return file.Build();
}

class ShardTest : public ::testing::Test {
 protected:
  explicit ShardTest() : site_(SmallParts()) {}
  static Ingest::Options SmallParts() {
    Ingest::Options options;
    options.shard.catch_up_part_bytes = 1000;
    return options;
  }
  // A stream as recovery leaves it.
  FakeStream* Recovered(const std::string& path, const std::string& bytes) {
    StreamRequest request;
    request.identity = {"node07", "", path};
    request.run = RunName("node07/run");
    FakeStream* const stream = site_.store.Add(request).get();
    stream->bytes_ = bytes;
    stream->durable_ = bytes.size();
    stream->Write();
    return stream;
  }
  size_t Points() {
    Index::ScalarQuery all;
    all.points_max = 0;
    const auto points = site_.index->ReadScalars(RunName("node07/run"), Tag("loss"), all);
    return points.ok() ? points->steps.size() : 0;
  }
  IngestSite site_;
};

TEST_F(ShardTest, Fault2_Start_IndexesWhatRecoveryKept) {
  Recovered("run/a.tfevents", ManyPoints(500));
  site_.Start();
  EXPECT_EQ(site_.ingest->streams_loading(), 1);
  site_.Run();
  EXPECT_EQ(site_.ingest->streams_loading(), 0);
  EXPECT_EQ(Points(), 500u);
}

TEST_F(ShardTest, Start_BytesThatArriveMeanwhileAreVisibleWhenTheIndexIsThere) {
  const std::string file = ManyPoints(500);
  const std::string kept = file.substr(0, file.size() / 2);
  Recovered("run/a.tfevents", kept);
  site_.Start();
  // The agent is quicker than the index.
  ScriptedAgent agent(&site_);
  site_.shards_frozen = true;
  agent.SayHello();
  ScriptedAgent::Message open;
  *open.mutable_open_batch()->add_opens() = ScriptedAgent::OpenOf(1, "run/a.tfevents");
  agent.Say(std::move(open));
  // One part of the index, then the offer.
  while (agent.Last(&CollectorMessage::has_offer_batch) == nullptr) {
    for (auto& queue : site_.shard_queues) queue->RunOne();
    site_.Run();
  }
  agent.Say(ScriptedAgent::ChunkOf(1, kept.size(), file.substr(kept.size(), 4000)));
  EXPECT_EQ(agent.Received(1), 0u);
  site_.shards_frozen = false;
  site_.Run();
  EXPECT_EQ(agent.Received(1), kept.size() + 4000);
  agent.Send(1, kept.size() + 4000, file.substr(kept.size() + 4000, 4000));
  agent.Send(1, kept.size() + 8000, file.substr(kept.size() + 8000));
  EXPECT_EQ(Points(), 500u);
}

TEST_F(ShardTest, Fault8_Start_AMirrorThatCannotBeReadIsTriedAgain) {
  Recovered("run/a.tfevents", ManyPoints(10));
  FakeFileSystem::Fault fault;
  fault.call = FakeFileSystem::Call::kOpen;
  fault.status = absl::InternalError("EIO");
  fault.times = 2;
  fault.path_contains = "/data/logdir/";
  site_.files.Inject(fault);
  site_.Start();
  site_.Run();
  EXPECT_EQ(Points(), 0u);
  EXPECT_EQ(site_.ingest->streams_loading(), 1);
  site_.Pass(absl::Seconds(3));
  EXPECT_EQ(Points(), 10u);
  EXPECT_EQ(site_.ingest->streams_loading(), 0);
}

TEST_F(ShardTest, ProfilerMarksAreMirroredAndNotIndexed) {
  site_.Start();
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "run/events.out.tfevents.1.h.profile-empty");
  agent.Send(1, 0, ManyPoints(3));
  EXPECT_GT(agent.Received(1), 0u);
  EXPECT_EQ(Points(), 0u);
  EXPECT_TRUE(site_.index->Runs().empty());
}

class QuietEvents : public ShardEvents {
 public:
  void OnDirty() override {}
  void OnProgress(StreamProgress) override {}
};

// All ranks write a graph at once: what is held of unfinished records does not add up.
TEST_F(ShardTest, Fault19_RecordsInPiecesHoldLittleMemory) {
  constexpr uint64_t kHeldMax = 1000;
  constexpr uint64_t kPiece = 700;
  QuietEvents events;
  ManualTaskQueue queue(&site_.clock);
  Shard shard({.catch_up_part_bytes = 4000, .held_bytes_max = kHeldMax},
              {&site_.store, site_.index.get(), &site_.files, &site_.clock, &queue, &events,
               &site_.metrics, &site_.log});
  EventFileBuilder builder;
  builder.FileVersion().Scalar("loss", Step(1), 1.0f);
  const uint64_t boundary = builder.size_bytes();
  const std::string file = builder.Text("graph", Step(1), std::string(20'000, 'x'))
                               .Scalar("loss", Step(2), 2.0f)
                               .Build();
  std::vector<std::shared_ptr<FakeStream>> streams;
  std::vector<std::shared_ptr<FileIndex>> indexes;
  for (int i = 0; i < 200; ++i) {
    StreamRequest request;
    request.identity = {absl::StrCat("node", i), "", "a.tfevents"};
    request.run = RunName(request.identity.node);
    streams.push_back(site_.store.Add(request));
    indexes.push_back(shard.Offer(streams.back(), std::nullopt).index);
  }
  for (uint64_t at = 0; at < file.size(); at += kPiece) {
    for (size_t i = 0; i < streams.size(); ++i) {
      ShardSlice slice;
      slice.stream = streams[i];
      slice.offset = at;
      slice.data = file.substr(at, kPiece);
      const AppendResult result = shard.Append({slice});
      queue.RunAll();
      EXPECT_TRUE(result.refusals.empty());
      EXPECT_LE(indexes[i]->indexed_bytes() - indexes[i]->boundary_offset(), kHeldMax);
      // Nothing that could be seen is missing.
      ASSERT_EQ(shard.Offer(streams[i], std::nullopt).progress.visible, streams[i]->received());
      if (at > boundary) {
        EXPECT_GE(indexes[i]->records(), 2u);
      }
    }
  }
  for (const auto& index : indexes) EXPECT_EQ(index->records(), 4u);
}

// The same for what recovery kept, and where the record never ends.
TEST_F(ShardTest, Start_AnUnfinishedRecordHoldsUpNothing) {
  EventFileBuilder file;
  file.FileVersion().Scalar("loss", Step(1), 1.0f);
  file.Text("graph", Step(1), std::string(200'000, 'x')).TruncatedBy(100);
  Recovered("run/a.tfevents", file.Build());
  site_.Start();
  site_.Run();
  EXPECT_EQ(site_.ingest->streams_loading(), 0);
  EXPECT_EQ(Points(), 1u);
}

// Zeros at the end of an unfinished record that is not held.
TEST_F(ShardTest, Fault26_Zeros_AtTheEndOfALongRecordAreNoted) {
  EventFileBuilder file;
  file.FileVersion();
  file.Text("graph", Step(1), std::string(200'000, 'x')).TruncatedBy(100);
  const uint64_t begin = 150'000;
  const uint64_t end = file.size_bytes();
  file.Hole(begin, end - begin).Hole(1000, 500);
  const std::string bytes = file.Build();
  site_.Start();
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "run/a.tfevents");
  for (size_t at = 0; at < bytes.size(); at += 8000) agent.Send(1, at, bytes.substr(at, 8000));
  ASSERT_EQ(agent.Received(1), bytes.size());
  for (int i = 0; i < 2; ++i) {
    agent.Beat();
    site_.Pass(absl::Seconds(5));
  }
  FakeStream* const stream = site_.store.Find("node07", "run/a.tfevents");
  ASSERT_EQ(stream->unfilled_.size(), 1u);
  EXPECT_EQ(stream->unfilled_[0].offset, begin);
  EXPECT_EQ(stream->unfilled_[0].length_bytes, end - begin);
}

// Bytes that are no good records: the mirror has them as they are, what is good is shown, and the
// hole is told with its place.
class ShardDamageTest : public ShardTest {
 protected:
  static constexpr char kPath[] = "run/a.tfevents";
  StreamStatus::Hole SendAndGetTheHole(const std::string& file) {
    site_.Start();
    ScriptedAgent agent(&site_);
    agent.Welcomed()->Open(1, kPath);
    agent.Send(1, 0, file);
    site_.Pass(absl::Seconds(1));
    EXPECT_EQ(site_.store.Find("node07", kPath)->bytes_, file);
    EXPECT_EQ(agent.Durable(1), file.size());
    const StreamStatus status = site_.board.Get()->nodes[0].streams[0];
    EXPECT_EQ(status.holes.size(), 1u);
    return status.holes.empty() ? StreamStatus::Hole() : status.holes[0];
  }
};

TEST_F(ShardDamageTest, Fault29_ARecordWithABadDataCrcIsTheOnlyOneSkipped) {
  EventFileBuilder file;
  file.FileVersion().Scalar("loss", Step(1), 1.0f).Scalar("loss", Step(2), 2.0f);
  file.Scalar("loss", Step(3), 3.0f);
  const uint64_t begin = file.record_offsets()[2];
  const uint64_t length = file.record_offsets()[3] - begin;
  const StreamStatus::Hole hole = SendAndGetTheHole(file.FlipByte(begin + 14).Build());
  EXPECT_EQ(hole.cause, "data_crc");
  EXPECT_EQ(hole.offset, begin);
  EXPECT_EQ(hole.length_bytes, length);
  EXPECT_EQ(Points(), 2u);
}

TEST_F(ShardDamageTest, Fault30_ABadLengthCostsItsRecordAndNoOther) {
  EventFileBuilder file;
  file.FileVersion().Scalar("loss", Step(1), 1.0f).Scalar("loss", Step(2), 2.0f);
  file.Scalar("loss", Step(3), 3.0f);
  const uint64_t begin = file.record_offsets()[2];
  const uint64_t length = file.record_offsets()[3] - begin;
  const StreamStatus::Hole hole = SendAndGetTheHole(file.FlipByte(begin + 1).Build());
  EXPECT_EQ(hole.cause, "length_crc");
  EXPECT_EQ(hole.offset, begin);
  EXPECT_EQ(hole.length_bytes, length);
  EXPECT_EQ(Points(), 2u);
}

TEST_F(ShardDamageTest, Fault33_ARecordThatIsNoEventIsSkipped) {
  EventFileBuilder file;
  file.FileVersion().Raw(std::string(40, '\xff')).Scalar("loss", Step(3), 3.0f);
  const StreamStatus::Hole hole = SendAndGetTheHole(file.Build());
  EXPECT_EQ(hole.cause, "undecodable");
  EXPECT_EQ(Points(), 1u);
}

// 2^63 bytes are claimed by a header whose CRC holds: nothing is allocated for the claim, the bytes
// are kept, and the stream goes on.
TEST_F(ShardTest, Fault31_AHugeLengthWithAGoodCrcIsWaitedForWithoutMemory) {
  site_.Start();
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "run/a.tfevents");
  EventFileBuilder file;
  file.FileVersion().Scalar("loss", Step(1), 1.0f);
  std::string header("\0\0\0\0\0\0\0\x80", 8);
  const uint32_t crc = MaskCrc32c(Crc32c(header));
  for (int shift = 0; shift < 32; shift += 8) header.push_back(static_cast<char>(crc >> shift));
  const std::string bytes = file.Bytes(header).Bytes(std::string(3000, 'x')).Build();
  agent.Send(1, 0, bytes);
  site_.Pass(absl::Seconds(10));
  EXPECT_EQ(agent.Durable(1), bytes.size());
  EXPECT_EQ(Points(), 1u);
  EXPECT_EQ(site_.store.Find("node07", "run/a.tfevents")->bytes_, bytes);
}

// The agent has waited for zeros to be filled before it sent them, so nothing behind them waits
// again, however often the writer flushes.
TEST_F(ShardTest, Fault26_Zeros_ALiveWriterBehindAHoleIsSeen) {
  site_.Start();
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "run/a.tfevents");
  EventFileBuilder file;
  file.FileVersion().Scalar("loss", Step(0), 0.0f);
  const uint64_t hole = file.size_bytes();
  file.Zeros(4096);
  const uint64_t hole_end = file.size_bytes();
  file.Scalar("loss", Step(1), 1.0f);
  agent.Send(1, 0, file.Build());
  for (int64_t step = 2; step < 60; ++step) {
    const uint64_t offset = file.size_bytes();
    agent.Send(1, offset, file.Scalar("loss", Step(step), 1.0f).Build().substr(offset));
    ASSERT_EQ(Points(), static_cast<size_t>(step) + 1);
    agent.Beat();
    site_.Pass(absl::Seconds(1));
  }
  FakeStream* const stream = site_.store.Find("node07", "run/a.tfevents");
  ASSERT_EQ(stream->unfilled_.size(), 1u);
  EXPECT_EQ(stream->unfilled_[0].offset, hole);
  EXPECT_EQ(stream->unfilled_[0].length_bytes, hole_end - hole);
}

// Its tail may be of a former start: an agent that had read on would take it for bytes of its own.
TEST_F(ShardTest, Fault10_AStreamThatAwaitsTheDiskIsNotOffered) {
  QuietEvents events;
  ManualTaskQueue queue(&site_.clock);
  Shard shard({}, {&site_.store, site_.index.get(), &site_.files, &site_.clock, &queue, &events,
                   &site_.metrics, &site_.log});
  StreamRequest request;
  request.identity = {"node", "", "a.tfevents"};
  request.run = RunName("node");
  const std::shared_ptr<FakeStream> stream = site_.store.Add(request);
  stream->awaits_disk_ = true;
  EXPECT_TRUE(absl::IsResourceExhausted(shard.Offer(stream, std::nullopt).status));
  stream->awaits_disk_ = false;
  EXPECT_EQ(shard.Offer(stream, std::nullopt).status, absl::OkStatus());
}

TEST_F(ShardTest, Fault26_Start_WhatLiesBehindAHoleIsReadInParts) {
  EventFileBuilder file;
  file.FileVersion().Scalar("loss", Step(0), 0.0f).Zeros(4096);
  for (int64_t step = 1; step < 2000; ++step) file.Scalar("loss", Step(step), 1.0f);
  Recovered("run/a.tfevents", file.Build());
  site_.Start();
  // Points appear while the rest is still unread: nothing is gathered first.
  bool some = false;
  while (site_.shard_queues[0]->RunOne() || site_.shard_queues[1]->RunOne()) {
    some = some || (Points() > 100 && Points() < 1900);
  }
  EXPECT_TRUE(some);
  EXPECT_EQ(Points(), 2000u);
}

// A legal value may end in zeros wherever the connection was cut. Its rest is still welcome.
TEST_F(ShardTest, Fault13_ZerosInsideAValueAreNoHoleHoweverLateTheRestComes) {
  site_.Start();
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "run/a.tfevents");
  EventFileBuilder file;
  file.FileVersion().Text("zeros", Step(1), std::string(3000, '\0')).Scalar("loss", Step(1), 1.0f);
  const std::string bytes = file.Build();
  agent.Send(1, 0, bytes.substr(0, 2000));  // ends in zeros
  for (int i = 0; i < 6; ++i) {
    agent.Beat();
    site_.Pass(absl::Seconds(5));
  }
  agent.Send(1, 2000, bytes.substr(2000));
  EXPECT_EQ(Points(), 1u);
  EXPECT_TRUE(site_.index->ReadReferences(RunName("node07/run"), Tag("zeros"), 0).ok());
  EXPECT_TRUE(site_.board.Get()->nodes[0].streams[0].holes.empty());
}

TEST_F(ShardTest, Fault26_Zeros_ThatComeInPiecesAreNotedToTheirEnd) {
  EventFileBuilder file;
  file.FileVersion().Scalar("loss", Step(0), 0.0f);
  const uint64_t hole = file.size_bytes();
  file.Zeros(3000);
  const uint64_t hole_end = file.size_bytes();
  const std::string bytes = file.Scalar("loss", Step(1), 1.0f).Build();
  site_.Start();
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "run/a.tfevents");
  for (size_t at = 0; at < bytes.size(); at += 700) agent.Send(1, at, bytes.substr(at, 700));
  EXPECT_EQ(Points(), 2u);
  uint64_t noted_to = hole;
  for (const ByteRange& range : site_.store.Find("node07", "run/a.tfevents")->unfilled_) {
    EXPECT_EQ(range.offset, noted_to);
    noted_to += range.length_bytes;
  }
  EXPECT_EQ(noted_to, hole_end);
}

// Both sides take the noted ranges for zeros when they compare: nothing else may be in them.
TEST_F(ShardTest, Fault26_Zeros_OnlyZerosAreNotedAsUnfilled) {
  EventFileBuilder file;
  file.FileVersion();
  for (int i = 0; i < 4; ++i) file.Text("text", Step(i), std::string(1000, 'x'));
  file.Scalar("loss", Step(4), 1.0f);
  const uint64_t begin = file.record_offsets()[2] + 300;
  const uint64_t end = file.record_offsets()[3] + 500;
  file.Hole(begin, end - begin);
  site_.Start();
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "run/a.tfevents");
  agent.Send(1, 0, file.Build());
  EXPECT_EQ(Points(), 1u);
  FakeStream* const stream = site_.store.Find("node07", "run/a.tfevents");
  ASSERT_EQ(stream->unfilled_.size(), 1u);
  EXPECT_EQ(stream->unfilled_[0].offset, begin);
  EXPECT_EQ(stream->unfilled_[0].length_bytes, end - begin);
}

// A hole is filled in many pieces. Meanwhile viewers see what they saw before, and nobody reads the
// file again for each of them.
TEST_F(ShardTest, Fault26_Fill_NoPointVanishesMeanwhile) {
  const std::string whole = ManyPoints(500);
  const uint64_t begin = whole.size() / 2;
  std::string holed = whole;
  holed.replace(begin, 2000, 2000, '\0');
  FakeStream* const stream = Recovered("run/a.tfevents", holed);
  site_.Start();
  site_.Run();
  const size_t before = Points();
  ASSERT_GT(before, 400u);
  ScriptedAgent agent(&site_);
  agent.Welcomed()->Open(1, "run/a.tfevents");
  site_.Pass(absl::Seconds(1));
  site_.shards_frozen = true;
  ScriptedAgent::Message fill;
  fill.mutable_fill()->set_stream(1);
  for (uint64_t piece = begin; piece < begin + 2000; piece += 100) {
    fill.mutable_fill()->set_offset(piece);
    fill.mutable_fill()->set_data(whole.substr(piece, 100));
    agent.Say(fill);
  }
  size_t reads = 0;
  site_.files.SetInterceptor([&](FakeFileSystem::Call call, const std::string&) {
    reads += call == FakeFileSystem::Call::kRead ? 1 : 0;
    return absl::OkStatus();
  });
  bool more = true;
  while (more) {
    more = false;
    for (auto& queue : site_.shard_queues) more = queue->RunOne() || more;
    EXPECT_GE(Points(), before);
    site_.Run();
  }
  EXPECT_EQ(stream->bytes_, whole);
  site_.shards_frozen = false;
  site_.Pass(absl::Seconds(1));
  EXPECT_EQ(Points(), 500u);
  EXPECT_TRUE(site_.board.Get()->nodes[0].streams[0].holes.empty());
  site_.files.SetInterceptor(nullptr);
  // Once or twice as a whole, in parts of 1000 bytes.
  EXPECT_LE(reads, 3 * whole.size() / 1000);
}

TEST_F(ShardTest, Fault26_Start_KnownHolesAreNotWaitedForAgain) {
  EventFileBuilder file;
  file.FileVersion().Scalar("loss", Step(1), 1.0f).Scalar("loss", Step(2), 2.0f);
  const uint64_t begin = file.record_offsets()[1];
  const uint64_t length = file.record_offsets()[2] - begin;
  FakeStream* const stream = Recovered("run/a.tfevents", file.Hole(begin, length).Build());
  stream->unfilled_.push_back({begin, length});
  site_.Start();
  site_.Run();
  EXPECT_EQ(Points(), 1u);
  EXPECT_EQ(stream->unfilled_.size(), 1u);
}

TEST_F(ShardTest, Zeros_TwoHolesInOneReadAreBothGivenUp) {
  EventFileBuilder file;
  file.FileVersion();
  for (int i = 0; i < 6; ++i) file.Scalar("loss", Step(i), static_cast<float>(i));
  const std::vector<uint64_t> begin = file.record_offsets();
  file.Hole(begin[2], begin[3] - begin[2]).Hole(begin[4], begin[5] - begin[4]);
  FakeStream* const stream = Recovered("run/a.tfevents", file.Build());
  // One of them is known.
  stream->unfilled_.push_back({begin[2], begin[3] - begin[2]});
  site_.Start();
  site_.Run();
  EXPECT_EQ(Points(), 4u);
  EXPECT_EQ(stream->unfilled_.size(), 2u);
}

}  // namespace
}  // namespace tributary
