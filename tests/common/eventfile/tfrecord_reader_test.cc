#include "common/eventfile/tfrecord_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "common/eventfile/crc32c.h"
#include "common/eventfile/tfrecord_writer.h"
#include "common/little_endian.h"
#include "tests/support/event_file_builder.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A record or damage, with its bytes copied.
struct Piece {
  uint64_t offset = 0;
  uint64_t length_bytes = 0;  // in the file
  std::string what;           // "record" or the cause of the damage
  std::string payload;
  friend bool operator==(const Piece&, const Piece&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Piece& piece) {
    return out << piece.what << " [" << piece.offset << ", +" << piece.length_bytes << ") "
               << piece.payload.size() << " bytes";
  }
};

Piece DamageAt(uint64_t offset, uint64_t length_bytes, DamageCause cause) {
  return {offset, length_bytes, std::string(DamageCauseName(cause)), ""};
}

Piece RecordAt(uint64_t offset, const std::string& payload) {
  return {offset, payload.size() + kRecordHeaderBytes + kRecordFooterBytes, "record", payload};
}

// Everything that comes out until more bytes are needed.
void Drain(TfRecordReader* reader, std::vector<Piece>* pieces) {
  while (const auto outcome = reader->Next()) {
    EXPECT_NE(outcome->record.has_value(), outcome->damage.has_value());
    if (outcome->record.has_value()) {
      const TfRecordReader::Record& record = *outcome->record;
      pieces->push_back({record.offset,
                         record.payload_bytes + kRecordHeaderBytes + kRecordFooterBytes, "record",
                         std::string(record.payload)});
    } else {
      pieces->push_back(
          DamageAt(outcome->damage->offset, outcome->damage->length_bytes, outcome->damage->cause));
    }
  }
}

// Feeds `bytes` in parts of `part_bytes`, each in a buffer of its own that is gone afterwards.
void FeedInParts(TfRecordReader* reader, absl::string_view bytes, size_t part_bytes,
                 std::vector<Piece>* pieces) {
  while (!bytes.empty()) {
    std::string part(bytes.substr(0, part_bytes));
    reader->Feed(part);
    Drain(reader, pieces);
    std::fill(part.begin(), part.end(), '#');
    bytes.remove_prefix(part.size());
  }
}

std::vector<Piece> ReadAll(absl::string_view bytes, const TfRecordReader::Options& options = {}) {
  TfRecordReader reader(options);
  std::vector<Piece> pieces;
  reader.Feed(bytes);
  Drain(&reader, &pieces);
  return pieces;
}

// A header that claims `length` and holds its CRC.
std::string Header(uint64_t length) {
  std::string header;
  AppendLittleEndian<uint64_t>(length, &header);
  AppendLittleEndian<uint32_t>(MaskCrc32c(Crc32c(header)), &header);
  return header;
}

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 % 251 + 1);
  return bytes;
}

// Three records, of 39, 0 and 20 bytes of payload: at 0, 55 and 71, ending at 107.
EventFileBuilder ThreeRecords() {
  return EventFileBuilder().Raw(Pattern(39)).Raw("").Raw(Pattern(20));
}
constexpr uint64_t kSecond = 55;
constexpr uint64_t kThird = 71;
constexpr uint64_t kEnd = 107;

TEST(TfRecordReaderTest, NothingFed_NothingComes) {
  TfRecordReader reader({});
  EXPECT_EQ(reader.Next(), std::nullopt);
  EXPECT_EQ(reader.boundary_offset(), 0u);
  EXPECT_EQ(reader.fed_offset(), 0u);
  EXPECT_FALSE(reader.at_zeros());
  EXPECT_TRUE(reader.framing_holds());
  EXPECT_EQ(reader.pending_damage(), std::nullopt);
}

TEST(TfRecordReaderTest, WholeFeed_PayloadsAreNotCopied) {
  const std::string file = ThreeRecords().Build();
  TfRecordReader reader({});
  reader.Feed(file);
  const auto first = reader.Next();
  ASSERT_TRUE(first.has_value() && first->record.has_value());
  EXPECT_EQ(first->record->payload.data(), file.data() + kRecordHeaderBytes);
  std::vector<Piece> pieces;
  Drain(&reader, &pieces);
  EXPECT_THAT(pieces, ElementsAre(RecordAt(kSecond, ""), RecordAt(kThird, Pattern(20))));
  EXPECT_EQ(reader.boundary_offset(), kEnd);
}

TEST(TfRecordReaderTest, StartOffset_CountsFromThere) {
  TfRecordReader::Options options;
  options.start_offset = uint64_t{1} << 40;
  EXPECT_THAT(
      ReadAll(EventFileBuilder().Raw("a").Raw("b").Build(), options),
      ElementsAre(RecordAt((uint64_t{1} << 40), "a"), RecordAt((uint64_t{1} << 40) + 17, "b")));
}

TEST(TfRecordReaderTest, SplitAtEveryByte_SameRecords) {
  const std::string file = ThreeRecords().Build();
  const std::vector<Piece> expected = ReadAll(file);
  ASSERT_EQ(expected.size(), 3u);
  for (size_t cut = 0; cut <= file.size(); ++cut) {
    TfRecordReader reader({});
    std::vector<Piece> pieces;
    FeedInParts(&reader, file.substr(0, cut), file.size(), &pieces);
    EXPECT_EQ(reader.fed_offset(), cut);
    const uint64_t boundary = cut < kSecond  ? 0
                              : cut < kThird ? kSecond
                              : cut < kEnd   ? kThird
                                             : kEnd;
    EXPECT_EQ(reader.boundary_offset(), boundary) << cut;
    FeedInParts(&reader, file.substr(cut), file.size(), &pieces);
    EXPECT_EQ(pieces, expected) << cut;
  }
  for (size_t part = 1; part < 60; ++part) {
    TfRecordReader reader({});
    std::vector<Piece> pieces;
    FeedInParts(&reader, file, part, &pieces);
    EXPECT_EQ(pieces, expected) << part;
  }
}

// A reader that is made at boundary_offset goes on as the old one would.
TEST(TfRecordReaderTest, Resume_AtTheBoundary) {
  const std::string file = ThreeRecords().Build();
  for (size_t cut = 0; cut <= file.size(); ++cut) {
    TfRecordReader first({});
    std::vector<Piece> pieces;
    FeedInParts(&first, file.substr(0, cut), file.size(), &pieces);
    TfRecordReader::Options options;
    options.start_offset = first.boundary_offset();
    TfRecordReader second(options);
    FeedInParts(&second, file.substr(first.boundary_offset()), 7, &pieces);
    EXPECT_EQ(pieces, ReadAll(file)) << cut;
  }
}

// What must come out of ThreeRecords with the byte at `flipped` inverted.
std::vector<Piece> ExpectedWithFlip(uint64_t flipped) {
  const std::vector<Piece> records = {RecordAt(0, Pattern(39)), RecordAt(kSecond, ""),
                                      RecordAt(kThird, Pattern(20))};
  std::vector<Piece> expected;
  for (const Piece& record : records) {
    const uint64_t end = record.offset + record.length_bytes;
    if (flipped < record.offset || flipped >= end) {
      expected.push_back(record);
    } else if (flipped >= record.offset + kRecordHeaderBytes) {
      expected.push_back(DamageAt(record.offset, record.length_bytes, DamageCause::kDataCrc));
    } else if (end < kEnd) {  // Of the last record's header the hole has no end yet.
      expected.push_back(DamageAt(record.offset, record.length_bytes, DamageCause::kLengthCrc));
    }
  }
  return expected;
}

TEST(TfRecordReaderTest, DataLoss_EachByteFlipped_OnlyThatRecordIsLost) {
  for (uint64_t flipped = 0; flipped < kEnd; ++flipped) {
    const std::string file = ThreeRecords().FlipByte(flipped).Build();
    for (size_t part : {size_t{1}, size_t{13}, file.size()}) {
      TfRecordReader reader({});
      std::vector<Piece> pieces;
      FeedInParts(&reader, file, part, &pieces);
      EXPECT_EQ(pieces, ExpectedWithFlip(flipped)) << flipped << ' ' << part;
      const bool last_header = flipped >= kThird && flipped < kThird + kRecordHeaderBytes;
      EXPECT_EQ(reader.framing_holds(), !last_header) << flipped;
      EXPECT_EQ(reader.pending_damage().has_value(), last_header);
      EXPECT_EQ(reader.fed_offset(), kEnd);
    }
  }
}

TEST(TfRecordReaderTest, DataLoss_LengthOfTheLastRecord_PendingUntilALaterRecord) {
  const std::string file = ThreeRecords().FlipByte(kThird).Build();
  TfRecordReader reader({});
  std::vector<Piece> pieces;
  FeedInParts(&reader, file, file.size(), &pieces);
  EXPECT_EQ(pieces.size(), 2u);
  const std::optional<Damage> pending = reader.pending_damage();
  ASSERT_TRUE(pending.has_value());
  EXPECT_EQ(pending->offset, kThird);
  EXPECT_EQ(pending->length_bytes, kEnd - kThird);
  EXPECT_EQ(pending->cause, DamageCause::kLengthCrc);
  EXPECT_EQ(reader.boundary_offset(), kThird);

  std::string later;
  AppendTfRecord("later", &later);
  pieces.clear();
  FeedInParts(&reader, later, 1, &pieces);
  EXPECT_THAT(pieces, ElementsAre(DamageAt(kThird, kEnd - kThird, DamageCause::kLengthCrc),
                                  RecordAt(kEnd, "later")));
  EXPECT_TRUE(reader.framing_holds());
  EXPECT_EQ(reader.pending_damage(), std::nullopt);
}

TEST(TfRecordReaderTest, DataLoss_GarbageBetweenRecords_OneHole) {
  const std::string file = EventFileBuilder().Raw("a").Bytes(Pattern(5000)).Raw("b").Build();
  for (size_t part : {size_t{1}, size_t{100}, file.size()}) {
    TfRecordReader reader({});
    std::vector<Piece> pieces;
    FeedInParts(&reader, file, part, &pieces);
    EXPECT_THAT(pieces, ElementsAre(RecordAt(0, "a"), DamageAt(17, 5000, DamageCause::kLengthCrc),
                                    RecordAt(5017, "b")));
  }
}

// The candidate's payload has a length that holds its CRC, and covers records that are real.
TEST(TfRecordReaderTest, DataLoss_FalseCandidate_SwallowsNothing) {
  const std::string file = EventFileBuilder()
                               .Bytes("?" + Header(50))  // framing is lost at "?"
                               .Raw("real")
                               .Raw(Pattern(100))
                               .Build();
  for (size_t part : {size_t{1}, file.size()}) {
    TfRecordReader reader({});
    std::vector<Piece> pieces;
    FeedInParts(&reader, file, part, &pieces);
    EXPECT_THAT(pieces, ElementsAre(DamageAt(0, 13, DamageCause::kLengthCrc), RecordAt(13, "real"),
                                    RecordAt(33, Pattern(100))));
  }
}

TEST(TfRecordReaderTest, DataLoss_FalseCandidateLongerThanBelieved_IsNotWaitedFor) {
  TfRecordReader::Options options;
  options.resync_record_bytes_max = 1000;
  const std::string file = EventFileBuilder().Bytes("?" + Header(1001)).Raw("real").Build();
  EXPECT_THAT(ReadAll(file, options),
              ElementsAre(DamageAt(0, 13, DamageCause::kLengthCrc), RecordAt(13, "real")));
}

TEST(TfRecordReaderTest, DataLoss_BadDataOfAPayloadThatHoldsRecords_StaysFramed) {
  std::string inner;
  AppendTfRecord("inner", &inner);
  const std::string file =
      EventFileBuilder().Raw(inner + "tail").FlipByte(inner.size() + 13).Raw("next").Build();
  EXPECT_THAT(ReadAll(file), ElementsAre(DamageAt(0, inner.size() + 20, DamageCause::kDataCrc),
                                         RecordAt(inner.size() + 20, "next")));
}

// Valid headers at every 12th byte, each with a long claim: all of them false. Would be
// quadratic, 2 MiB of CRC for each, and 90 000 of them, if each payload were summed up anew.
TEST(TfRecordReaderTest, Malicious_ManyCandidates_AreLinearWork) {
  std::string crowd = "?";
  const std::string header = Header(1 << 20);
  while (crowd.size() < (1 << 20)) crowd += header;
  const std::string file =
      EventFileBuilder().Bytes(crowd).Bytes(Pattern(1 << 20)).Raw("real").Bytes("x").Build();
  TfRecordReader reader({});
  std::vector<Piece> pieces;
  FeedInParts(&reader, file, 100'000, &pieces);
  EXPECT_THAT(pieces, ElementsAre(DamageAt(0, crowd.size() + (1 << 20), DamageCause::kLengthCrc),
                                  RecordAt(crowd.size() + (1 << 20), "real")));
}

// The record found is long enough to be summed up from marks, after candidates that failed.
TEST(TfRecordReaderTest, DataLoss_LongRecordAmongFalseCandidates_IsFound) {
  for (size_t shift = 0; shift < 1200; shift += 97) {
    const std::string file = EventFileBuilder()
                                 .Bytes("?" + Header(5000) + std::string(shift, 'x'))
                                 .Bytes(Header(3000) + Header(2049) + Header(7000))
                                 .Raw(Pattern(9000))
                                 .Raw("next")
                                 .Build();
    const uint64_t at = 1 + 4 * kRecordHeaderBytes + shift;
    for (size_t part : {size_t{511}, file.size()}) {
      TfRecordReader reader({});
      std::vector<Piece> pieces;
      FeedInParts(&reader, file, part, &pieces);
      EXPECT_THAT(pieces, ElementsAre(DamageAt(0, at, DamageCause::kLengthCrc),
                                      RecordAt(at, Pattern(9000)), RecordAt(at + 9016, "next")))
          << shift;
    }
  }
}

TEST(TfRecordReaderTest, Malicious_HugeLengthWithAValidCrc_NeverCompletesNorAllocates) {
  for (const uint64_t length : {uint64_t{1} << 40, uint64_t{1} << 63, ~uint64_t{0},
                                ~uint64_t{0} - 15, ~uint64_t{0} - 16, uint64_t{8} << 30}) {
    const std::string file = EventFileBuilder().Raw("a").Bytes(Header(length)).Build();
    TfRecordReader reader({});
    std::vector<Piece> pieces;
    FeedInParts(&reader, file, 5, &pieces);
    const std::string more = Pattern(100'000);
    for (int i = 0; i < 20; ++i) FeedInParts(&reader, more, more.size(), &pieces);
    EXPECT_THAT(pieces, ElementsAre(RecordAt(0, "a")));
    EXPECT_EQ(reader.boundary_offset(), 17u);
    EXPECT_EQ(reader.fed_offset(), 29u + 2'000'000u);
    EXPECT_LE(reader.held_bytes(), 2 * TfRecordReader::Options().record_head_bytes);
    EXPECT_TRUE(reader.framing_holds());
  }
}

TEST(TfRecordReaderTest, LongRecord_HeadOnly_CrcStillChecked) {
  TfRecordReader::Options options;
  options.record_bytes_max = 100;
  options.record_head_bytes = 10;
  const std::string payload = Pattern(1000);
  const EventFileBuilder whole = EventFileBuilder().Raw("a").Raw(payload).Raw("b");
  EventFileBuilder damaged = whole;
  damaged.FlipByte(17 + 12 + 999);
  Piece head = RecordAt(17, payload);
  head.payload = payload.substr(0, 10);
  for (size_t part : {size_t{1}, size_t{7}, size_t{500}, size_t{5000}}) {
    TfRecordReader reader(options);
    std::vector<Piece> pieces;
    FeedInParts(&reader, whole.Build(), part, &pieces);
    EXPECT_THAT(pieces, ElementsAre(RecordAt(0, "a"), head, RecordAt(1033, "b"))) << part;

    TfRecordReader damaged_reader(options);
    pieces.clear();
    FeedInParts(&damaged_reader, damaged.Build(), part, &pieces);
    EXPECT_THAT(pieces, ElementsAre(RecordAt(0, "a"), DamageAt(17, 1016, DamageCause::kDataCrc),
                                    RecordAt(1033, "b")))
        << part;
  }
}

TEST(TfRecordReaderTest, LongRecord_StreamedInParts_HoldsOnlyTheHead) {
  TfRecordReader::Options options;
  options.record_bytes_max = 1 << 16;
  options.record_head_bytes = 1 << 12;
  const std::string file = EventFileBuilder().Raw(Pattern(4 << 20)).Raw("b").Build();
  TfRecordReader reader(options);
  std::vector<Piece> pieces;
  for (size_t at = 0; at < file.size(); at += 10'000) {
    FeedInParts(&reader, absl::string_view(file).substr(at, 10'000), 10'000, &pieces);
    ASSERT_LE(reader.held_bytes(), 2 * options.record_head_bytes);
  }
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_EQ(pieces[0].length_bytes, (4u << 20) + 16);
  EXPECT_EQ(pieces[0].payload, Pattern(1 << 12));
}

TEST(TfRecordReaderTest, HeldBytes_ComeBackAfterTheRecord) {
  const std::string file = EventFileBuilder().Raw(Pattern(1 << 20)).Raw("b").Build();
  TfRecordReader reader({});
  std::vector<Piece> pieces;
  FeedInParts(&reader, file.substr(0, 1 << 20), 1 << 16, &pieces);
  EXPECT_GE(reader.held_bytes(), 1u << 20);
  FeedInParts(&reader, file.substr(1 << 20), 1 << 16, &pieces);
  EXPECT_EQ(pieces.size(), 2u);
  EXPECT_LE(reader.held_bytes(), 4096u);
}

TEST(TfRecordReaderTest, AwaitedEnd_OfWhatIsHeldOnly) {
  const std::string first = EventFileBuilder().Raw("a").Build();
  const std::string file = EventFileBuilder().Raw("a").Raw(Pattern(100)).Build();
  for (size_t size = 0; size <= file.size(); ++size) {
    TfRecordReader reader({});
    std::vector<Piece> pieces;
    FeedInParts(&reader, file.substr(0, size), 1, &pieces);
    uint64_t end = 0;
    if (size >= kRecordHeaderBytes) end = first.size();
    if (size >= first.size()) end = 0;
    if (size >= first.size() + kRecordHeaderBytes && size < file.size()) end = file.size();
    EXPECT_EQ(reader.awaited_end(), end) << size;
  }
  TfRecordReader::Options options;
  options.record_bytes_max = 10;
  TfRecordReader reader(options);
  std::vector<Piece> pieces;
  FeedInParts(&reader, file.substr(0, 60), 60, &pieces);
  EXPECT_EQ(reader.awaited_end(), 0u);  // too long to be held
}

// Garbage without an end: the search keeps no more than a header's beginning.
TEST(TfRecordReaderTest, HeldBytes_BoundedWhileFramingIsLost) {
  TfRecordReader reader({});
  std::vector<Piece> pieces;
  for (int i = 0; i < 200; ++i) {
    FeedInParts(&reader, Pattern(10'000), 10'000, &pieces);
    ASSERT_LE(reader.held_bytes(), 3u * 10'000) << i;
  }
  EXPECT_EQ(reader.pending_damage()->length_bytes, 2'000'000u);
}

TEST(TfRecordReaderTest, LongRecord_AtExactlyTheBound_IsWhole) {
  TfRecordReader::Options options;
  options.record_bytes_max = 100;
  options.record_head_bytes = 10;
  const std::string file = EventFileBuilder().Raw(Pattern(100)).Raw(Pattern(101)).Build();
  TfRecordReader reader(options);
  std::vector<Piece> pieces;
  FeedInParts(&reader, file, 9, &pieces);
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_EQ(pieces[0].payload.size(), 100u);
  EXPECT_EQ(pieces[1].payload.size(), 10u);
}

// ----- zeros

TEST(TfRecordReaderTest, Zeros_Header_WaitsThenIsDamage) {
  for (const uint64_t zeros : {12u, 13u, 4096u}) {
    const std::string before = EventFileBuilder().Raw("a").Zeros(zeros).Build();
    TfRecordReader reader({});
    std::vector<Piece> pieces;
    FeedInParts(&reader, before, 5, &pieces);
    EXPECT_THAT(pieces, ElementsAre(RecordAt(0, "a")));
    EXPECT_TRUE(reader.at_zeros());
    EXPECT_TRUE(reader.framing_holds());
    EXPECT_EQ(reader.boundary_offset(), 17u);

    // What follows changes nothing: the range before it may still be filled in.
    std::string next;
    AppendTfRecord("b", &next);
    pieces.clear();
    FeedInParts(&reader, next, 3, &pieces);
    EXPECT_THAT(pieces, IsEmpty());
    EXPECT_TRUE(reader.at_zeros());

    reader.TakeZerosAsDamage();
    Drain(&reader, &pieces);
    EXPECT_THAT(pieces,
                ElementsAre(DamageAt(17, zeros, DamageCause::kZeros), RecordAt(17 + zeros, "b")));
    EXPECT_FALSE(reader.at_zeros());
  }
}

TEST(TfRecordReaderTest, Zeros_FewerThanAHeader_AreATornTail) {
  TfRecordReader reader({});
  std::vector<Piece> pieces;
  FeedInParts(&reader, EventFileBuilder().Raw("a").Zeros(11).Build(), 100, &pieces);
  EXPECT_FALSE(reader.at_zeros());
  EXPECT_TRUE(reader.framing_holds());
}

TEST(TfRecordReaderTest, Zeros_Header_NoRecordFollowsYet_PendingDamage) {
  TfRecordReader reader({});
  std::vector<Piece> pieces;
  FeedInParts(&reader, std::string(100, '\0'), 100, &pieces);
  ASSERT_TRUE(reader.at_zeros());
  reader.TakeZerosAsDamage();
  Drain(&reader, &pieces);
  EXPECT_FALSE(reader.framing_holds());
  const std::optional<Damage> pending = reader.pending_damage();
  ASSERT_TRUE(pending.has_value());
  EXPECT_EQ(pending->cause, DamageCause::kZeros);
  EXPECT_EQ(pending->length_bytes, 100u);
  // A record whose length has zero bytes in front begins within the zeros' last bytes.
  std::string next;
  AppendTfRecord(Pattern(256), &next);
  FeedInParts(&reader, next, 1, &pieces);
  EXPECT_THAT(pieces,
              ElementsAre(DamageAt(0, 100, DamageCause::kZeros), RecordAt(100, Pattern(256))));
}

TEST(TfRecordReaderTest, Zeros_RestOfABody_WaitsThenIsDamage) {
  // The hole begins in the payload, and the file ends in it.
  for (const uint64_t written : {12u, 13u, 60u, 95u}) {
    EventFileBuilder builder = EventFileBuilder().Raw(Pattern(100)).TruncatedBy(4);
    builder.Hole(written, builder.size_bytes() - written);
    TfRecordReader reader({});
    std::vector<Piece> pieces;
    FeedInParts(&reader, builder.Build(), 31, &pieces);
    EXPECT_THAT(pieces, IsEmpty());
    EXPECT_TRUE(reader.at_zeros()) << written;
    reader.TakeZerosAsDamage();
    Drain(&reader, &pieces);
    EXPECT_FALSE(reader.framing_holds());
    std::string next;
    AppendTfRecord("b", &next);
    FeedInParts(&reader, next, 1, &pieces);
    EXPECT_THAT(pieces, ElementsAre(DamageAt(0, 112, DamageCause::kZeros), RecordAt(112, "b")));
  }
}

TEST(TfRecordReaderTest, Zeros_BodyWithFifteen_IsNotSuspected) {
  EventFileBuilder builder = EventFileBuilder().Raw(Pattern(100)).TruncatedBy(4);
  builder.Hole(builder.size_bytes() - 15, 15);
  TfRecordReader reader({});
  std::vector<Piece> pieces;
  FeedInParts(&reader, builder.Build(), 31, &pieces);
  EXPECT_FALSE(reader.at_zeros());
  reader.TakeZerosAsDamage();  // Does nothing then.
  EXPECT_TRUE(reader.framing_holds());
}

// A legal payload may be all zeros; only the end of the file makes it suspicious.
TEST(TfRecordReaderTest, Zeros_LegalPayload_GoesOnWhenItIsWhole) {
  const std::string payload(5000, '\0');
  const std::string file = EventFileBuilder().Raw(payload).Raw("b").Build();
  TfRecordReader reader({});
  std::vector<Piece> pieces;
  FeedInParts(&reader, file.substr(0, 3000), 1000, &pieces);
  EXPECT_TRUE(reader.at_zeros());
  FeedInParts(&reader, file.substr(3000), 1000, &pieces);
  EXPECT_THAT(pieces, ElementsAre(RecordAt(0, payload), RecordAt(5016, "b")));
}

TEST(TfRecordReaderTest, Zeros_LongRecord_WaitsThenIsDamage) {
  TfRecordReader::Options options;
  options.record_bytes_max = 100;
  options.record_head_bytes = 10;
  EventFileBuilder builder = EventFileBuilder().Raw("a").Raw(Pattern(1000));
  builder.Hole(500, builder.size_bytes() - 500);
  const std::string file = builder.Build();
  // With the file ending in the payload, in the footer, and at the end of the record.
  for (const uint64_t cut : {100u, 5u, 4u, 3u, 2u, 1u, 0u}) {
    TfRecordReader reader(options);
    std::vector<Piece> pieces;
    FeedInParts(&reader, file.substr(0, file.size() - cut), 64, &pieces);
    EXPECT_THAT(pieces, ElementsAre(RecordAt(0, "a")));
    EXPECT_TRUE(reader.at_zeros()) << cut;
    EXPECT_EQ(reader.boundary_offset(), 17u);
    reader.TakeZerosAsDamage();
    EXPECT_EQ(reader.fed_offset(), file.size() - cut);
    pieces.clear();
    Drain(&reader, &pieces);
    std::string next;
    AppendTfRecord(Pattern(99), &next);
    FeedInParts(&reader, next, 10, &pieces);
    EXPECT_THAT(pieces, ElementsAre(DamageAt(17, 1016 - cut, DamageCause::kZeros),
                                    RecordAt(1033 - cut, Pattern(99))));
  }
}

// Holes begin at page borders, so in the midst of a small record, and span many.
TEST(TfRecordReaderTest, Zeros_HoleFromAnywhereInARecord_Waits) {
  for (uint64_t begin = kSecond; begin < kEnd; ++begin) {
    EventFileBuilder builder = ThreeRecords().Raw(Pattern(70)).Raw("after");
    builder.Hole(begin, kEnd + 60 - begin);
    const std::string file = builder.Build();
    for (size_t part : {size_t{1}, file.size()}) {
      TfRecordReader reader({});
      std::vector<Piece> pieces;
      FeedInParts(&reader, file, part, &pieces);
      EXPECT_TRUE(reader.at_zeros()) << begin;
      EXPECT_LE(reader.boundary_offset(), begin);
      reader.TakeZerosAsDamage();
      Drain(&reader, &pieces);
      ASSERT_GE(pieces.size(), 3u);
      EXPECT_EQ(pieces.back(), RecordAt(kEnd + 86, "after")) << begin;
      const Piece& hole = pieces[pieces.size() - 2];
      EXPECT_EQ(hole.what, "zeros") << begin;
      EXPECT_LE(hole.offset, begin);
      EXPECT_EQ(hole.offset + hole.length_bytes, kEnd + 86);
    }
  }
}

// The last record is damaged and happens to end in a zero byte: whether a hole begins there shows
// with the next bytes, or when somebody waited long enough.
TEST(TfRecordReaderTest, Zeros_DamageEndsInAZero_IsToldByWhatFollows) {
  EventFileBuilder builder = EventFileBuilder().Raw(Pattern(30)).FlipByte(15);
  builder.Hole(45, 1);
  std::string next;
  AppendTfRecord("b", &next);
  const Piece damage = DamageAt(0, 46, DamageCause::kDataCrc);

  TfRecordReader reader({});
  std::vector<Piece> pieces;
  FeedInParts(&reader, builder.Build(), 100, &pieces);
  EXPECT_THAT(pieces, IsEmpty());
  EXPECT_TRUE(reader.at_zeros());
  FeedInParts(&reader, next, 1, &pieces);
  EXPECT_THAT(pieces, ElementsAre(damage, RecordAt(46, "b")));

  TfRecordReader waited({});
  pieces.clear();
  FeedInParts(&waited, builder.Build(), 100, &pieces);
  waited.TakeZerosAsDamage();
  Drain(&waited, &pieces);
  EXPECT_THAT(pieces, ElementsAre(damage));
  EXPECT_TRUE(waited.framing_holds());
}

TEST(TfRecordReaderTest, Zeros_Final_AreDamageAtOnce) {
  TfRecordReader::Options options;
  options.zeros_are_final = true;
  EventFileBuilder builder = EventFileBuilder().Raw("a").Raw(Pattern(100));
  builder.Hole(50, builder.size_bytes() - 50).Zeros(500).Raw("b");
  TfRecordReader reader(options);
  std::vector<Piece> pieces;
  FeedInParts(&reader, builder.Build(), 40, &pieces);
  EXPECT_THAT(pieces, ElementsAre(RecordAt(0, "a"), DamageAt(17, 116, DamageCause::kDataCrc),
                                  DamageAt(133, 500, DamageCause::kZeros), RecordAt(633, "b")));
  FeedInParts(&reader, std::string(50, '\0'), 40, &pieces);
  EXPECT_FALSE(reader.at_zeros());
}

TEST(DamageCauseTest, NamesAreThoseOfTheMetrics) {
  EXPECT_EQ(DamageCauseName(DamageCause::kLengthCrc), "length_crc");
  EXPECT_EQ(DamageCauseName(DamageCause::kDataCrc), "data_crc");
  EXPECT_EQ(DamageCauseName(DamageCause::kZeros), "zeros");
  EXPECT_EQ(DamageCauseName(DamageCause::kUndecodable), "undecodable");
}

}  // namespace
}  // namespace tributary
