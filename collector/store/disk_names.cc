#include "collector/store/disk_names.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/check.h"
#include "common/file.h"

namespace tributary {
namespace {

// How much of a hashed component stays readable, in escaped bytes.
constexpr size_t kReadableBytes = 160;

uint8_t Byte(absl::string_view text, size_t at) { return static_cast<uint8_t>(text[at]); }

// Length of the well-formed UTF-8 sequence at `at` (Unicode table 3-7), or 0.
size_t Utf8Length(absl::string_view text, size_t at) {
  const uint8_t first = Byte(text, at);
  if (first < 0x80) return 1;
  size_t length = 0;
  uint8_t low = 0x80;
  uint8_t high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
  }
  if (length == 0 || at + length > text.size()) return 0;
  if (Byte(text, at + 1) < low || Byte(text, at + 1) > high) return 0;
  for (size_t i = at + 2; i < at + length; ++i) {
    if (Byte(text, i) < 0x80 || Byte(text, i) > 0xbf) return 0;
  }
  return length;
}

bool IsPlain(absl::string_view sequence) {
  if (sequence.size() == 1) {
    const uint8_t byte = Byte(sequence, 0);
    return byte >= 0x20 && byte != 0x7f && byte != '/' && byte != '%';
  }
  // U+0080 to U+009F are control characters too.
  return !(Byte(sequence, 0) == 0xc2 && Byte(sequence, 1) < 0xa0);
}

void AppendEscaped(absl::string_view bytes, std::string* out) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    *out += '%';
    *out += kHex[byte >> 4];
    *out += kHex[byte & 15];
  }
}

// FNV-1a, 64 bits. Not against an adversary: a collision costs a "~2", nothing else.
uint64_t Fnv1a(absl::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : bytes) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  }
  return hash;
}

}  // namespace

std::string EscapeComponent(absl::string_view name) {
  if (name.empty()) return "%";
  if (name == "." || name == "..") {
    std::string dots;
    AppendEscaped(name, &dots);
    return dots;
  }
  std::string escaped;
  size_t readable = 0;
  for (size_t at = 0; at < name.size();) {
    const size_t length = Utf8Length(name, at);
    const absl::string_view sequence = name.substr(at, length == 0 ? 1 : length);
    if (length > 0 && IsPlain(sequence)) {
      escaped.append(sequence.data(), sequence.size());
    } else {
      AppendEscaped(sequence, &escaped);
    }
    if (escaped.size() <= kReadableBytes) readable = escaped.size();
    at += sequence.size();
  }
  if (escaped.size() <= kDiskNameBytesMax) return escaped;
  // "%~" never comes out of escaping.
  return absl::StrCat(absl::string_view(escaped).substr(0, readable), "%~",
                      absl::Hex(Fnv1a(name), absl::kZeroPad16));
}

void MirrorPaths::Add(absl::string_view mirror_path) {
  files_.emplace(mirror_path);
  for (absl::string_view parent = DirName(mirror_path); parent != "."; parent = DirName(parent)) {
    ++directories_[parent];
  }
}

void MirrorPaths::Remove(absl::string_view mirror_path) {
  files_.erase(mirror_path);
  for (absl::string_view parent = DirName(mirror_path); parent != "."; parent = DirName(parent)) {
    const auto found = directories_.find(parent);
    CHECK(found != directories_.end(), "unknown directory ", parent);
    if (--found->second == 0) directories_.erase(found);
  }
}

std::string MirrorPaths::Choose(const RunName& run, absl::string_view file_name) {
  const auto numbered = [](const std::string& path, int n) {
    return n == 1 ? path : absl::StrCat(path, "~", n);
  };
  std::string directory = "logdir";
  if (run.value() != ".") {
    for (const absl::string_view component : absl::StrSplit(run.value(), '/')) {
      const std::string plain = JoinPath(directory, EscapeComponent(component));
      int n = 1;
      while (files_.contains(numbered(plain, n))) ++n;
      directory = numbered(plain, n);
    }
  }
  const std::string plain = JoinPath(directory, EscapeComponent(file_name));
  int n = 1;
  while (files_.contains(numbered(plain, n)) || directories_.contains(numbered(plain, n))) ++n;
  std::string chosen = numbered(plain, n);
  Add(chosen);
  return chosen;
}

}  // namespace tributary
