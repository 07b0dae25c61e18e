#include "common/http/gzip.h"

#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace tributary::http {
namespace {

std::string SomeText(size_t size) {
  std::string text;
  uint32_t state = 1;
  while (text.size() < size) {
    state = state * 1664525u + 1013904223u;
    text.push_back(static_cast<char>('a' + (state >> 28)));
  }
  return text;
}

TEST(GzipTest, DataLoss_CutAtEveryByteIsFound) {
  const std::string compressed = Gzip(SomeText(300));
  for (size_t length = 0; length < compressed.size(); ++length) {
    EXPECT_TRUE(absl::IsDataLoss(Gunzip(compressed.substr(0, length), 1000).status())) << length;
  }
}

TEST(GzipTest, DataLoss_DamagedContentIsFound) {
  std::string compressed = Gzip(SomeText(300));
  compressed[compressed.size() / 2] = static_cast<char>(~compressed[compressed.size() / 2]);
  EXPECT_FALSE(Gunzip(compressed, 1000).ok());
}

TEST(GzipTest, Malicious_BombStopsAtTheLimit) {
  const std::string bomb = Gzip(std::string(50u << 20, 'x'));
  EXPECT_TRUE(absl::IsResourceExhausted(Gunzip(bomb, 1u << 20).status()));
}

TEST(GzipTest, ContentComesBackWhole) {
  for (const size_t size : {0u, 1u, 100u, 5000u, 3'000'000u}) {
    const std::string text = SomeText(size);
    const std::string compressed = Gzip(text);
    const absl::StatusOr<std::string> back = Gunzip(compressed, 10'000'000);
    ASSERT_TRUE(back.ok()) << back.status() << " at " << size;
    EXPECT_EQ(*back, text);
  }
}

TEST(AcceptsGzipTest, QualitiesAreHonoured) {
  EXPECT_TRUE(AcceptsGzip("gzip, deflate, br"));
  EXPECT_TRUE(AcceptsGzip("deflate , X-GZIP"));
  EXPECT_TRUE(AcceptsGzip("*"));
  EXPECT_TRUE(AcceptsGzip("gzip;q=0.5"));
  EXPECT_TRUE(AcceptsGzip("*;q=0, gzip; q=1"));
  EXPECT_FALSE(AcceptsGzip(""));
  EXPECT_FALSE(AcceptsGzip("identity"));
  EXPECT_FALSE(AcceptsGzip("gzip;q=0"));
  EXPECT_FALSE(AcceptsGzip("gzip; q=0.000, *"));
  EXPECT_FALSE(AcceptsGzip("*;q=0"));
  EXPECT_FALSE(AcceptsGzip("gzip;q=much"));
  EXPECT_FALSE(AcceptsGzip("gzipped"));
}

}  // namespace
}  // namespace tributary::http
