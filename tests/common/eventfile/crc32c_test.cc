#include "common/eventfile/crc32c.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/string_view.h"

namespace tributary {
namespace {

// Bytes that repeat nowhere within a test.
std::string SomeBytes(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 12345;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

// RFC 3720, appendix B.4.
TEST(Crc32cTest, KnownVectors_OfTheStandard) {
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending.push_back(static_cast<char>(i));
  const std::string descending(ascending.rbegin(), ascending.rend());
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c(ascending), 0x46dd794eu);
  EXPECT_EQ(Crc32c(descending), 0x113fdb5cu);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
}

TEST(Crc32cTest, KnownVectors_Masked) {
  EXPECT_EQ(MaskCrc32c(Crc32c("\x1a\x11"
                              "CRC test, one two")),
            0x5794d08au);
  EXPECT_EQ(MaskCrc32c(Crc32c(absl::string_view("\x18\0\0\0\0\0\0\0", 8))), 0x224b7fa3u);
  EXPECT_EQ(MaskCrc32c(Crc32c(absl::string_view("\x09\0\0\x80\x38\x99\xd6\xd7\x41\x1a\x0d"
                                                "brain.Event:2",
                                                24))),
            0xab364b12u);
}

TEST(Crc32cTest, EmptyIsZero) {
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(ExtendCrc32c(0x12345678, ""), 0x12345678u);
  EXPECT_EQ(internal::Crc32cByIsal(""), 0u);
}

TEST(Crc32cTest, AllWaysAgree_EveryLengthAndAlignment) {
  const std::string bytes = SomeBytes(608);
  for (size_t align = 0; align < 8; ++align) {
    for (size_t size = 0; size <= 600; ++size) {
      const absl::string_view part = absl::string_view(bytes).substr(align, size);
      const uint32_t expected = internal::Crc32cByTable(part);
      ASSERT_EQ(internal::Crc32cByInstruction(part), expected) << align << ' ' << size;
      ASSERT_EQ(internal::Crc32cByIsal(part), expected) << align << ' ' << size;
      ASSERT_EQ(Crc32c(part), expected) << align << ' ' << size;
    }
  }
}

TEST(Crc32cTest, LongBuffer_AsTheTable) {
  const std::string bytes = SomeBytes((1 << 20) + 3);
  EXPECT_EQ(Crc32c(bytes), internal::Crc32cByTable(bytes));
}

TEST(Crc32cTest, Extend_AtEveryCut) {
  const std::string bytes = SomeBytes(500);
  const uint32_t whole = Crc32c(bytes);
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    const absl::string_view view = bytes;
    ASSERT_EQ(ExtendCrc32c(Crc32c(view.substr(0, cut)), view.substr(cut)), whole) << cut;
  }
}

TEST(Crc32cTest, Concat_AtEveryCut) {
  const std::string bytes = SomeBytes(500);
  const uint32_t whole = Crc32c(bytes);
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    const absl::string_view view = bytes;
    ASSERT_EQ(
        ConcatCrc32c(Crc32c(view.substr(0, cut)), Crc32c(view.substr(cut)), bytes.size() - cut),
        whole)
        << cut;
  }
}

TEST(Crc32cTest, Concat_FarApart) {
  // 2^40 zero bytes after "a" are 2^20 times 2^20 zero bytes after it, whichever way they come.
  const std::string zeros(1 << 20, '\0');
  const uint32_t block = Crc32c(zeros);
  uint32_t all = block;
  uint64_t size = zeros.size();
  for (int i = 0; i < 20; ++i) {
    all = ConcatCrc32c(all, all, size);
    size *= 2;
  }
  const uint32_t first = Crc32c("a");
  uint32_t half_way = ConcatCrc32c(first, block, zeros.size());
  // The rest: 2^40 - 2^20 zeros, as 2^20 + 2^21 + ... + 2^39.
  uint32_t part = block;
  for (uint64_t bytes = zeros.size(); bytes < size; bytes *= 2) {
    half_way = ConcatCrc32c(half_way, part, bytes);
    part = ConcatCrc32c(part, part, bytes);
  }
  EXPECT_EQ(half_way, ConcatCrc32c(first, all, size));
}

}  // namespace
}  // namespace tributary
