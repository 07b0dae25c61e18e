#include "collector/gateway/body_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tributary::gateway {
namespace {

BodyDecoder Chunked() { return BodyDecoder({BodyFraming::Kind::kChunked, 0}); }

TEST(BodyDecoderTest, ALengthTakesThatMuchAndNoMore) {
  BodyDecoder decoder({BodyFraming::Kind::kLength, 5});
  std::string payload;
  EXPECT_EQ(*decoder.Decode("abc", &payload), 3u);
  EXPECT_FALSE(decoder.done());
  EXPECT_FALSE(decoder.End().ok());
  EXPECT_EQ(*decoder.Decode("deGET /", &payload), 2u);
  EXPECT_TRUE(decoder.done());
  EXPECT_EQ(payload, "abcde");
}

TEST(BodyDecoderTest, NoBodyIsDoneAtOnce) {
  EXPECT_TRUE(BodyDecoder({BodyFraming::Kind::kNone, 0}).done());
  EXPECT_TRUE(BodyDecoder({BodyFraming::Kind::kLength, 0}).done());
}

TEST(BodyDecoderTest, UntilCloseEndsWithTheSender) {
  BodyDecoder decoder({BodyFraming::Kind::kUntilClose, 0});
  std::string payload;
  EXPECT_EQ(*decoder.Decode("anything\r\n0\r\n\r\n", &payload), 15u);
  EXPECT_FALSE(decoder.done());
  EXPECT_TRUE(decoder.End().ok());
  EXPECT_EQ(payload, "anything\r\n0\r\n\r\n");
}

TEST(BodyDecoderTest, ChunksSplitAtEveryByte) {
  const std::string body =
      "4;name=value\r\nwiki\r\n5\r\npedia\r\nA\r\n in\r\n\r\nch.\r\n0\r\nTrailer: x\r\n\r\n";
  for (size_t split = 0; split <= body.size(); ++split) {
    BodyDecoder decoder = Chunked();
    std::string payload;
    EXPECT_EQ(*decoder.Decode(body.substr(0, split), &payload), split);
    EXPECT_EQ(*decoder.Decode(body.substr(split) + "NEXT", &payload), body.size() - split);
    EXPECT_TRUE(decoder.done());
    EXPECT_EQ(payload, "wikipedia in\r\n\r\nch.");
  }
}

TEST(BodyDecoderTest, DataLoss_ACutBodyIsNotWhole) {
  BodyDecoder decoder = Chunked();
  std::string payload;
  EXPECT_TRUE(decoder.Decode("4\r\nwiki\r\n", &payload).ok());
  EXPECT_EQ(decoder.End().code(), absl::StatusCode::kDataLoss);
}

TEST(BodyDecoderTest, Malicious_FramingIsStrict) {
  for (const std::string& body : std::vector<std::string>{
           "x\r\n", "\r\n", " 4\r\nwiki\r\n", "4 \r\nwiki\r\n", "0x4\r\nwiki", "4\nwiki\n",
           "4\r\nwikiX", "4\r\nwiki\rX", "-1\r\n", "1000000000000000\r\n", "4;a\nb\r\nwiki\r\n",
           "0\r\n\n", "0\r\nA: b\n\r\n", "0\r\n\rX"}) {
    BodyDecoder decoder = Chunked();
    std::string payload;
    EXPECT_FALSE(decoder.Decode(body, &payload).ok()) << body;
    EXPECT_FALSE(decoder.Decode("0\r\n\r\n", &payload).ok()) << "after " << body;
    EXPECT_FALSE(decoder.done());
  }
}

TEST(BodyDecoderTest, Malicious_ExtensionsAndTrailersAreLimited) {
  for (const std::string& start : std::vector<std::string>{"1;", "0\r\nA: "}) {
    BodyDecoder decoder = Chunked();
    std::string payload;
    EXPECT_FALSE(decoder.Decode(start + std::string(70'000, 'x'), &payload).ok());
  }
}

TEST(EncodeChunkTest, DecodesToTheSame) {
  std::string payload;
  BodyDecoder decoder = Chunked();
  const std::string large(70'000, 'x');
  ASSERT_TRUE(
      decoder.Decode(EncodeChunk(large) + EncodeChunk("y") + EncodeChunk(""), &payload).ok());
  EXPECT_TRUE(decoder.done());
  EXPECT_EQ(payload, large + "y");
}

}  // namespace
}  // namespace tributary::gateway
