#include "common/eventfile/event_scan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "common/eventfile/wire_reader.h"
#include "tensorboard/event.pb.h"

namespace tributary {
namespace {

using What = ScannedEvent::What;
using Kind = ScannedValue::Kind;

// Bytes with NULs in them.
template <size_t size>
std::string B(const char (&literal)[size]) {
  return std::string(literal, size - 1);
}

// A length-delimited field of fewer than 128 bytes, and of a number below 16.
std::string Field(int number, const std::string& bytes) {
  return std::string(1, static_cast<char>(number << 3 | 2)) + static_cast<char>(bytes.size()) +
         bytes;
}

ScanResult ResultOf(absl::string_view payload) {
  ScannedEvent event;
  return ScanEvent(payload, &event);
}

// What libprotobuf says to it.
bool Parses(const std::string& payload) { return tensorboard::Event().ParseFromString(payload); }

// The scan and libprotobuf both refuse it.
void ExpectMalformed(const std::string& payload) {
  EXPECT_EQ(ResultOf(payload), ScanResult::kMalformed);
  EXPECT_FALSE(Parses(payload));
}

TEST(ScanEventTest, Empty_IsAnEventOfDefaults) {
  ScannedEvent event;
  event.step = 7;
  EXPECT_EQ(ScanEvent("", &event), ScanResult::kOk);
  EXPECT_EQ(event.step, 0);
  EXPECT_EQ(event.wall_time, 0);
  EXPECT_EQ(event.what, What::kNone);
}

TEST(ScanEventTest, EachMember) {
  tensorboard::Event event;
  event.set_wall_time(1.5);
  event.set_step(-3);
  const auto expect = [&](What what, const std::string& bytes) {
    const std::string payload = event.SerializeAsString();
    ScannedEvent scanned;
    ASSERT_EQ(ScanEvent(payload, &scanned), ScanResult::kOk);
    EXPECT_EQ(scanned.wall_time, 1.5);
    EXPECT_EQ(scanned.step, -3);
    EXPECT_EQ(scanned.what, what);
    EXPECT_EQ(scanned.what_bytes, bytes);
  };
  expect(What::kNone, "");
  event.set_file_version("brain.Event:2");
  expect(What::kFileVersion, "brain.Event:2");
  event.set_graph_def("graph");
  expect(What::kGraphDef, "graph");
  event.mutable_summary()->add_value()->set_tag("loss");
  expect(What::kSummary, event.summary().SerializeAsString());
  event.mutable_log_message()->set_message("hello");
  expect(What::kLogMessage, event.log_message().SerializeAsString());
  event.mutable_session_log()->set_status(tensorboard::SessionLog::START);
  expect(What::kSessionLog, event.session_log().SerializeAsString());
  event.mutable_tagged_run_metadata()->set_tag("step 1");
  expect(What::kTaggedRunMetadata, event.tagged_run_metadata().SerializeAsString());
  event.set_meta_graph_def("meta");
  expect(What::kMetaGraphDef, "meta");
}

TEST(ScanEventTest, WallTimesAndSteps_AtTheirEnds) {
  for (const double wall : {std::numeric_limits<double>::infinity(), -1.0, 1e308, -0.0}) {
    for (const int64_t step :
         {std::numeric_limits<int64_t>::min(), int64_t{-1}, std::numeric_limits<int64_t>::max()}) {
      tensorboard::Event event;
      event.set_wall_time(wall);
      event.set_step(step);
      ScannedEvent scanned;
      ASSERT_EQ(ScanEvent(event.SerializeAsString(), &scanned), ScanResult::kOk);
      EXPECT_EQ(scanned.wall_time, wall);
      EXPECT_EQ(scanned.step, step);
    }
  }
  tensorboard::Event event;
  event.set_wall_time(std::nan(""));
  ScannedEvent scanned;
  ASSERT_EQ(ScanEvent(event.SerializeAsString(), &scanned), ScanResult::kOk);
  EXPECT_TRUE(std::isnan(scanned.wall_time));
}

TEST(ScanEventTest, Malformed_CutAtEveryByte_AsLibprotobuf) {
  tensorboard::Event event;
  event.set_wall_time(1.5);
  event.set_step(300);
  event.set_file_version(std::string(200, 'v'));
  const std::string payload = event.SerializeAsString();
  for (size_t size = 0; size <= payload.size(); ++size) {
    const std::string cut = payload.substr(0, size);
    EXPECT_EQ(ResultOf(cut) == ScanResult::kOk, Parses(cut)) << size;
  }
}

TEST(ScanEventTest, Malformed_Wire) {
  ExpectMalformed(B("\x00"));       // field 0
  ExpectMalformed(B("\x02\x01x"));  // field 0, with a wire type
  ExpectMalformed(B("\x0c"));       // the end of a group that did not begin
  ExpectMalformed(B("\x5e\x00"));   // wire type 6
  ExpectMalformed(B("\x5f\x00"));   // wire type 7
  ExpectMalformed(B("\x1a\x02v"));  // longer than what is there
  ExpectMalformed(B("\x10\x80"));   // a varint without its end
  ExpectMalformed(B("\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"));  // 11 bytes
  ExpectMalformed(B("\x90\x80\x80\x80\x80\x00\x01"));                      // a tag of 6 bytes
  ExpectMalformed(B("\x1a\xff\xff\xff\xff\x0f"));                          // a size of 2^32 - 1
  ExpectMalformed(B("\x1a\x80\x80\x80\x80\x80\x00"));                      // a size of 6 bytes
}

TEST(ScanEventTest, LongForms_AreTaken) {
  ScannedEvent event;
  // Tag, size and value with more bytes than they need.
  const std::string payload = B("\x90\x80\x00\x85\x80\x00\x9a\x00\x81\x00v");
  ASSERT_TRUE(Parses(payload));
  ASSERT_EQ(ScanEvent(payload, &event), ScanResult::kOk);
  EXPECT_EQ(event.step, 5);
  EXPECT_EQ(event.what_bytes, "v");
  // Bits past the 64th fall away.
  const std::string wide = B("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f");
  ASSERT_TRUE(Parses(wide));
  ASSERT_EQ(ScanEvent(wide, &event), ScanResult::kOk);
  EXPECT_EQ(event.step, -1);
}

TEST(ScanEventTest, UnknownFieldsAndWrongWireTypes_AreSkipped) {
  // step as fixed64, summary as varint, wall_time as bytes; fields 11, 12 and 100 000.
  const std::string payload =
      B("\x11qqqqqqqq\x28\x07\x0a\x02xx\x58\x01\x65zzzz\x82\xea\x30\x01y\x10\x09");
  ASSERT_TRUE(Parses(payload));
  ScannedEvent event;
  ASSERT_EQ(ScanEvent(payload, &event), ScanResult::kOk);
  EXPECT_EQ(event.step, 9);
  EXPECT_EQ(event.wall_time, 0);
  EXPECT_EQ(event.what, What::kNone);
}

TEST(ScanEventTest, Repeated_LastOneWins) {
  const std::string payload =
      B("\x10\x01\x10\x02") + Field(3, "v1") + Field(4, "g") + Field(3, "v2");
  ScannedEvent event;
  ASSERT_EQ(ScanEvent(payload, &event), ScanResult::kOk);
  EXPECT_EQ(event.step, 2);
  EXPECT_EQ(event.what, What::kFileVersion);
  EXPECT_EQ(event.what_bytes, "v2");
}

TEST(ScanEventTest, Rare_IsLeftToLibprotobuf) {
  EXPECT_EQ(ResultOf(Field(5, "") + Field(5, "")), ScanResult::kRare);   // merged
  EXPECT_EQ(ResultOf(Field(5, "") + Field(3, "v")), ScanResult::kRare);  // replaced
  EXPECT_EQ(ResultOf(B("\x5b\x5c")), ScanResult::kRare);                 // a group
  EXPECT_EQ(ResultOf(Field(3, "v") + Field(5, "")), ScanResult::kOk);
}

TEST(ScanEventTest, Malformed_FileVersionNotUtf8) {
  ExpectMalformed(Field(3, "\xff"));
  EXPECT_EQ(ResultOf(Field(4, "\xff")), ScanResult::kOk);  // bytes, not a string
}

TEST(IsUtf8Test, BordersOfEachLength) {
  for (const std::string& good :
       {B("\x00"), B("\x7f"), B("\xc2\x80"), B("\xdf\xbf"), B("\xe0\xa0\x80"), B("\xed\x9f\xbf"),
        B("\xee\x80\x80"), B("\xef\xbf\xbf"), B("\xf0\x90\x80\x80"), B("\xf4\x8f\xbf\xbf"),
        B("12345678\xc3\xa4"), B("")}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
    EXPECT_TRUE(Parses(Field(3, good))) << good;
  }
  for (const std::string& bad :
       {B("\x80"), B("\xc1\xbf"), B("\xc2"), B("\xc2\x41"), B("\xe0\x9f\xbf"), B("\xed\xa0\x80"),
        B("\xe1\x80"), B("\xe1\x80\xc0"), B("\xf0\x8f\xbf\xbf"), B("\xf4\x90\x80\x80"),
        B("\xf5\x80\x80\x80"), B("\xf1\x80\x80"), B("\xfe"), B("12345678\xff")}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
    EXPECT_FALSE(Parses(Field(3, bad))) << bad;
  }
}

// All values that come out, and how it ended.
std::vector<ScannedValue> Values(absl::string_view summary, ScanResult expected) {
  SummaryScanner scanner(summary);
  std::vector<ScannedValue> values;
  ScannedValue value;
  while (scanner.Next(&value)) values.push_back(value);
  EXPECT_FALSE(scanner.Next(&value));
  EXPECT_EQ(scanner.result(), expected);
  return values;
}

TEST(SummaryScannerTest, EachKind) {
  tensorboard::Summary summary;
  summary.add_value()->set_tag("none");
  summary.add_value()->set_simple_value(0.5);
  summary.add_value()->set_obsolete_old_style_histogram("old");
  summary.add_value()->mutable_image()->set_height(3);
  summary.add_value()->mutable_histo()->set_num(4);
  summary.add_value()->mutable_audio()->set_content_type("audio/wav");
  summary.add_value()->mutable_tensor()->set_dtype(tensorboard::DT_FLOAT);
  summary.add_value()->mutable_metadata()->set_display_name("name");
  summary.add_value()->set_node_name("node");
  const std::string bytes = summary.SerializeAsString();
  const std::vector<ScannedValue> values = Values(bytes, ScanResult::kOk);
  ASSERT_EQ(values.size(), 9u);
  EXPECT_EQ(values[0].tag, "none");
  EXPECT_EQ(values[0].kind, Kind::kNone);
  EXPECT_FALSE(values[0].has_metadata);
  EXPECT_EQ(values[1].kind, Kind::kSimpleValue);
  EXPECT_EQ(values[1].simple_value, 0.5f);
  EXPECT_EQ(values[1].tag, "");  // Nothing is left over from the value before.
  EXPECT_EQ(values[2].kind, Kind::kObsoleteHistogram);
  EXPECT_EQ(values[2].value_bytes, "old");
  EXPECT_EQ(values[3].kind, Kind::kImage);
  EXPECT_EQ(values[3].value_bytes, summary.value(3).image().SerializeAsString());
  EXPECT_EQ(values[4].kind, Kind::kHistogram);
  EXPECT_EQ(values[4].value_bytes, summary.value(4).histo().SerializeAsString());
  EXPECT_EQ(values[5].kind, Kind::kAudio);
  EXPECT_EQ(values[5].value_bytes, summary.value(5).audio().SerializeAsString());
  EXPECT_EQ(values[6].kind, Kind::kTensor);
  EXPECT_EQ(values[6].value_bytes, summary.value(6).tensor().SerializeAsString());
  EXPECT_TRUE(values[7].has_metadata);
  EXPECT_EQ(values[7].metadata, summary.value(7).metadata().SerializeAsString());
  EXPECT_EQ(values[8].node_name, "node");
}

TEST(SummaryScannerTest, Malformed_AfterGoodValues) {
  const std::string good = Field(1, Field(1, "loss"));
  EXPECT_EQ(Values(good + Field(1, Field(1, "\xff")) + good, ScanResult::kMalformed).size(), 1u);
  EXPECT_EQ(Values(good + B("\x0a\x05x"), ScanResult::kMalformed).size(), 1u);
  EXPECT_EQ(Values(good + B("\x0c"), ScanResult::kMalformed).size(), 1u);
  // A size that reaches past its value, though not past the summary.
  EXPECT_EQ(Values(Field(1, B("\x0a\x04xy")) + good, ScanResult::kMalformed).size(), 0u);
}

TEST(SummaryScannerTest, Rare_IsLeftToLibprotobuf) {
  const std::string good = Field(1, Field(1, "loss"));
  for (const std::string& rare : {Field(9, "") + Field(9, ""), Field(8, "") + Field(8, ""),
                                  Field(4, "") + B("\x15 0.5"), B("\x5b\x5c")}) {
    EXPECT_EQ(Values(good + Field(1, rare), ScanResult::kRare).size(), 1u);
  }
}

TEST(SummaryScannerTest, UnknownFields_AreSkipped) {
  const std::string summary =
      B("\x10\x05") + Field(1, Field(10, "new") + Field(1, "loss")) + Field(3, "new");
  const std::vector<ScannedValue> values = Values(summary, ScanResult::kOk);
  ASSERT_EQ(values.size(), 1u);
  EXPECT_EQ(values[0].tag, "loss");
}

}  // namespace
}  // namespace tributary
