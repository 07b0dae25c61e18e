// Walks the fields of one protobuf message, accepting exactly the encodings that libprotobuf does.
//
// Beyond the wire format's text, that is: a tag has at most 5 bytes, and bits past the 32nd fall
// away; a varint has at most 10 bytes, and bits past the 64th fall away; a size is below 2^31 - 16
// and has at most 5 bytes; no shortest form is required anywhere.
#ifndef TRIBUTARY_COMMON_EVENTFILE_WIRE_READER_H_
#define TRIBUTARY_COMMON_EVENTFILE_WIRE_READER_H_

#include <cstdint>
#include <limits>

#include "absl/strings/string_view.h"
#include "common/eventfile/event_scan.h"
#include "common/little_endian.h"

namespace tributary {

enum class WireType : uint32_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,
  kGroupStart = 3,
  kGroupEnd = 4,
  kFixed32 = 5
};

constexpr uint32_t WireTag(uint32_t field, WireType type) {
  return (field << 3) | static_cast<uint32_t>(type);
}

// Whether proto3 takes `bytes` for a string: UTF-8 without surrogates and overlong forms.
bool IsUtf8(absl::string_view bytes);

// Not thread-safe. A value on the stack; `bytes` must outlive it and what it returns.
//
//   for (WireReader reader(bytes); reader.NextField();) {
//     switch (reader.tag()) {
//       case WireTag(2, WireType::kVarint): step = reader.Varint(); break;
//       default: reader.Skip();
//     }
//   }
//
// After NextField the value must be read by the one call that fits the tag, or skipped. After a
// failure every value is 0 or empty, and NextField false.
class WireReader {
 public:
  explicit WireReader(absl::string_view bytes)
      : at_(bytes.data()),
        end_(bytes.data() + bytes.size()),
        result_(bytes.size() > kBytesMax ? ScanResult::kMalformed : ScanResult::kOk) {}

  // Goes to the next field. False at the end and after a failure: see result().
  bool NextField() {
    if (at_ == end_ || result_ != ScanResult::kOk) return false;
    const auto first = static_cast<uint8_t>(*at_);
    if (first < 0x80) {
      ++at_;
      tag_ = first;
    } else {
      tag_ = LongTag();
    }
    if (tag_ >> 3 == 0) Fail(ScanResult::kMalformed);
    return result_ == ScanResult::kOk;
  }
  // Field number and wire type, as WireTag makes it.
  uint32_t tag() const { return tag_; }

  uint64_t Varint() {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) return static_cast<uint8_t>(*at_++);
    return LongVarint();
  }
  uint32_t Fixed32() { return Fixed<uint32_t>(); }
  uint64_t Fixed64() { return Fixed<uint64_t>(); }
  absl::string_view Bytes() {
    uint64_t size;
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) {
      size = static_cast<uint8_t>(*at_++);
    } else {
      size = LongSize();
    }
    if (size > static_cast<uint64_t>(end_ - at_)) {
      Fail(ScanResult::kMalformed);
      return {};
    }
    const absl::string_view bytes(at_, size);
    at_ += size;
    return bytes;
  }
  // As Bytes; fails unless they are UTF-8.
  absl::string_view String() {
    const absl::string_view bytes = Bytes();
    if (IsUtf8(bytes)) return bytes;
    Fail(ScanResult::kMalformed);
    return {};
  }

  // Skips the value of an unknown field. A group is left to libprotobuf: kRare.
  void Skip();

  // Ends the walk with `why`.
  void Fail(ScanResult why) {
    if (result_ == ScanResult::kOk) result_ = why;
    at_ = end_;
  }
  ScanResult result() const { return result_; }

 private:
  static constexpr uint64_t kBytesMax = std::numeric_limits<int32_t>::max();

  uint32_t LongTag();
  uint64_t LongVarint();
  uint64_t LongSize();

  template <typename T>
  T Fixed() {
    if (static_cast<size_t>(end_ - at_) < sizeof(T)) {
      Fail(ScanResult::kMalformed);
      return 0;
    }
    const T value = LoadLittleEndian<T>(at_);
    at_ += sizeof(T);
    return value;
  }

  const char* at_;
  const char* const end_;
  uint32_t tag_ = 0;
  ScanResult result_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_EVENTFILE_WIRE_READER_H_
