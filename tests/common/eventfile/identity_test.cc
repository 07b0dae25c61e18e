#include "common/eventfile/identity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "common/eventfile/crc32c.h"

namespace tributary {
namespace {

// A file of given bytes, or one whose every read fails.
class BytesFile : public ReadableFile {
 public:
  explicit BytesFile(std::string bytes) : bytes_(std::move(bytes)) {}
  explicit BytesFile(absl::Status error) : error_(std::move(error)) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> out) override {
    if (!error_.ok()) return error_;
    if (offset >= bytes_.size()) return 0;
    const size_t size = std::min<size_t>(out.size(), bytes_.size() - offset);
    std::copy_n(bytes_.data() + offset, size, out.data());
    return size;
  }
  absl::StatusOr<FileStat> Stat() override { return FileStat(); }
  void DropCache(uint64_t, uint64_t) override {}

 private:
  std::string bytes_;
  absl::Status error_;
};

std::string SomeBytes(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 37 % 253 + 1);
  return bytes;
}

Fingerprint Of(const std::string& bytes, uint64_t offset, const std::vector<ByteRange>& unfilled) {
  BytesFile file(bytes);
  const absl::StatusOr<Fingerprint> fingerprint = FingerprintAt(&file, offset, unfilled);
  EXPECT_TRUE(fingerprint.ok()) << fingerprint.status();
  return fingerprint.value_or(Fingerprint());
}

TEST(IdentityTest, AtZero_OfAnyFile) {
  EXPECT_EQ(Of("", 0, {}), Fingerprint());
  EXPECT_EQ(Of("abc", 0, {}), Fingerprint());
}

TEST(IdentityTest, RangesAtTheirBorders) {
  const std::string bytes = SomeBytes(10'000);
  for (const uint64_t offset :
       std::initializer_list<uint64_t>{1, 1023, 1024, 1025, 4095, 4096, 4097, 9999, 10'000}) {
    const uint64_t tail = offset > 4096 ? offset - 4096 : 0;
    EXPECT_EQ(Of(bytes, offset, {}),
              (Fingerprint{offset, Crc32c(bytes.substr(tail, offset - tail)),
                           Crc32c(bytes.substr(0, std::min<uint64_t>(offset, 1024)))}))
        << offset;
  }
}

TEST(IdentityTest, FileEndsBefore_OutOfRange) {
  BytesFile file("abc");
  EXPECT_EQ(FingerprintAt(&file, 4, {}).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(FingerprintAt(&file, uint64_t{1} << 63, {}).status().code(),
            absl::StatusCode::kOutOfRange);
  EXPECT_EQ(FingerprintAt(&file, ~uint64_t{0}, {}).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(IdentityTest, FileError_IsPassedOn) {
  BytesFile file(absl::AbortedError("stale"));
  EXPECT_EQ(FingerprintAt(&file, 3, {}).status().code(), absl::StatusCode::kAborted);
}

TEST(IdentityTest, Unfilled_IsTakenAsZerosWhereverItReaches) {
  const std::string bytes = SomeBytes(6000);
  const std::vector<ByteRange> cases = {
      {0, 1},
      {0, 6000},
      {100, 2000},
      {1903, 2},
      {1904, 1},
      {5999, 1},
      {5999, 100},
      {6000, 100},
      {3000, 0},
      {1000, ~uint64_t{0}},
      {~uint64_t{0}, 1},
      {5000, ~uint64_t{0} - 4999},
  };
  for (const ByteRange& range : cases) {
    std::string zeroed = bytes;
    for (uint64_t i = range.offset; i < zeroed.size() && i - range.offset < range.length_bytes;
         ++i) {
      zeroed[i] = '\0';
    }
    EXPECT_EQ(Of(bytes, 6000, {range}), Of(zeroed, 6000, {}))
        << range.offset << " +" << range.length_bytes;
  }
}

TEST(IdentityTest, OneByteOfTheCheckedRanges_Tells) {
  const std::string bytes = SomeBytes(6000);
  for (const size_t changed : std::initializer_list<size_t>{0, 1023, 6000 - 4096, 5999}) {
    std::string other = bytes;
    other[changed] ^= 1;
    EXPECT_NE(Of(bytes, 6000, {}), Of(other, 6000, {})) << changed;
  }
}

}  // namespace
}  // namespace tributary
