#include "common/utf8.h"

#include <cstddef>

namespace tributary {
namespace {

constexpr char kHexDigits[] = "0123456789ABCDEF";

struct Part {
  size_t length;  // At least 1.
  bool valid;
};

// The first code point of `bytes`, or the longest prefix that could begin one. (Unicode 15, table
// 3-7: the second byte's range depends on the first; later ones are 80..BF.)
Part FirstPart(absl::string_view bytes) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, true};
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4) return {1, false};
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (lead == 0xe0) low = 0xa0;   // overlong
  if (lead == 0xed) high = 0x9f;  // surrogates
  if (lead == 0xf0) low = 0x90;   // overlong
  if (lead == 0xf4) high = 0x8f;  // past U+10FFFF
  for (size_t i = 1; i < length; ++i) {
    if (i >= bytes.size() || byte(i) < low || byte(i) > high) return {i, false};
    low = 0x80;
    high = 0xbf;
  }
  return {length, true};
}

// `bytes`, with what `append_invalid` writes for each maximal part that is not valid.
template <typename AppendInvalid>
std::string WithInvalidParts(absl::string_view bytes, AppendInvalid append_invalid) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const Part part = FirstPart(bytes);
    if (part.valid) {
      text.append(bytes.data(), part.length);
    } else {
      append_invalid(bytes.substr(0, part.length), &text);
    }
    bytes.remove_prefix(part.length);
  }
  return text;
}

}  // namespace

std::string ValidUtf8(absl::string_view bytes) {
  return WithInvalidParts(
      bytes, [](absl::string_view, std::string* text) { text->append("\xef\xbf\xbd"); });
}

std::string EscapedUtf8(absl::string_view bytes) {
  return WithInvalidParts(bytes, [](absl::string_view part, std::string* text) {
    for (const char c : part) {
      const auto byte = static_cast<unsigned char>(c);
      text->append({'%', kHexDigits[byte >> 4], kHexDigits[byte & 0xf]});
    }
  });
}

bool IsValidUtf8(absl::string_view bytes) {
  while (!bytes.empty()) {
    const Part part = FirstPart(bytes);
    if (!part.valid) return false;
    bytes.remove_prefix(part.length);
  }
  return true;
}

}  // namespace tributary
