#include "common/eventfile/wire_reader.h"

#include <cstddef>

namespace tributary {
namespace {

// Length of the well-formed UTF-8 sequence at the start of `bytes`, which is not empty and does not
// begin with ASCII; 0 if it is none. The table is Unicode's 3-7.
size_t Utf8Sequence(absl::string_view bytes) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t lead = byte(0);
  size_t size = 0;
  uint8_t second_min = 0x80;
  uint8_t second_max = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    size = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    size = 3;
    if (lead == 0xe0) second_min = 0xa0;  // shorter forms exist
    if (lead == 0xed) second_max = 0x9f;  // surrogates
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    size = 4;
    if (lead == 0xf0) second_min = 0x90;
    if (lead == 0xf4) second_max = 0x8f;  // past U+10FFFF
  }
  if (size == 0 || bytes.size() < size) return 0;
  if (byte(1) < second_min || byte(1) > second_max) return 0;
  for (size_t i = 2; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return size;
}

}  // namespace

bool IsUtf8(absl::string_view bytes) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  while (!bytes.empty()) {
    if (bytes.size() >= 8 && (LoadLittleEndian<uint64_t>(bytes.data()) & kHighBits) == 0) {
      bytes.remove_prefix(8);
    } else if (static_cast<uint8_t>(bytes[0]) < 0x80) {
      bytes.remove_prefix(1);
    } else {
      const size_t size = Utf8Sequence(bytes);
      if (size == 0) return false;
      bytes.remove_prefix(size);
    }
  }
  return true;
}

uint32_t WireReader::LongTag() {
  uint32_t tag = 0;
  for (int shift = 0; shift < 35 && at_ != end_; shift += 7) {
    const auto byte = static_cast<uint8_t>(*at_++);
    tag |= static_cast<uint32_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return tag;
  }
  Fail(ScanResult::kMalformed);
  return 0;
}

uint64_t WireReader::LongVarint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 70 && at_ != end_; shift += 7) {
    const auto byte = static_cast<uint8_t>(*at_++);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  Fail(ScanResult::kMalformed);
  return 0;
}

uint64_t WireReader::LongSize() {
  constexpr uint64_t kSizeMax = kBytesMax - 16;
  uint64_t size = 0;
  for (int shift = 0; shift < 35 && at_ != end_; shift += 7) {
    const auto byte = static_cast<uint8_t>(*at_++);
    size |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      if (size > kSizeMax) break;
      return size;
    }
  }
  Fail(ScanResult::kMalformed);
  return 0;
}

void WireReader::Skip() {
  switch (static_cast<WireType>(tag_ & 7)) {
    case WireType::kVarint:
      Varint();
      return;
    case WireType::kFixed64:
      Fixed64();
      return;
    case WireType::kBytes:
      Bytes();
      return;
    case WireType::kGroupStart:
      Fail(ScanResult::kRare);
      return;
    case WireType::kGroupEnd:
      break;
    case WireType::kFixed32:
      Fixed32();
      return;
  }
  Fail(ScanResult::kMalformed);
}

}  // namespace tributary
