#include "collector/index/wire_fields.h"

namespace tributary {

bool WireFields::ReadVarint(uint64_t* value) {
  *value = 0;
  for (unsigned shift = 0; shift < 70 && !rest_.empty(); shift += 7) {
    const uint8_t byte = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    if (shift < 64) *value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool WireFields::Take(uint64_t count, absl::string_view* bytes) {
  if (count > rest_.size()) return false;
  *bytes = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return true;
}

bool WireFields::Next(WireField* field) {
  if (rest_.empty() || malformed_) return false;
  malformed_ = true;  // Unless all below goes well.
  uint64_t key = 0;
  if (!ReadVarint(&key) || (key >> 3) == 0 || (key >> 3) > 0x1fffffff) return false;
  field->number = static_cast<uint32_t>(key >> 3);
  uint64_t length = 0;
  switch (key & 7) {
    case 0:
      field->type = WireField::Type::kVarint;
      if (!ReadVarint(&field->varint)) return false;
      break;
    case 1:
      field->type = WireField::Type::kFixed64;
      if (!Take(8, &field->bytes)) return false;
      break;
    case 2:
      field->type = WireField::Type::kBytes;
      if (!ReadVarint(&length) || !Take(length, &field->bytes)) return false;
      break;
    case 5:
      field->type = WireField::Type::kFixed32;
      if (!Take(4, &field->bytes)) return false;
      break;
    default:
      return false;
  }
  malformed_ = false;
  return true;
}

}  // namespace tributary
