#include "collector/serve/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace tributary::serve {
namespace {

// Bytes of the well-formed UTF-8 sequence that `text` begins with (RFC 3629); 0 if there is none.
size_t SequenceLength(absl::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  size_t length = 0;
  unsigned char second_min = 0x80, second_max = 0xBF;
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) second_min = 0xA0;  // shorter forms exist
    if (lead == 0xED) second_max = 0x9F;  // surrogates
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) second_min = 0x90;
    if (lead == 0xF4) second_max = 0x8F;  // beyond U+10FFFF
  }
  if (length == 0 || text.size() < length) return 0;
  if (byte(1) < second_min || byte(1) > second_max) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

template <typename Number>
void AppendNumber(Number value, std::string* out) {
  std::array<char, 32> text;
  const std::to_chars_result result = std::to_chars(text.data(), text.data() + text.size(), value);
  out->append(text.data(), static_cast<size_t>(result.ptr - text.data()));
}

}  // namespace

void JsonWriter::Separate() {
  if (comma_) out_.push_back(',');
  comma_ = true;
}

void JsonWriter::BeginObject() {
  Separate();
  out_.push_back('{');
  comma_ = false;
}

void JsonWriter::EndObject() {
  out_.push_back('}');
  comma_ = true;
}

void JsonWriter::BeginArray() {
  Separate();
  out_.push_back('[');
  comma_ = false;
}

void JsonWriter::EndArray() {
  out_.push_back(']');
  comma_ = true;
}

void JsonWriter::Key(absl::string_view key) {
  Separate();
  Quote(key);
  out_.push_back(':');
  comma_ = false;
}

void JsonWriter::String(absl::string_view value) {
  Separate();
  Quote(value);
}

void JsonWriter::Double(double value) {
  if (std::isnan(value)) return String("NaN");
  if (std::isinf(value)) return String(value > 0 ? "Infinity" : "-Infinity");
  Separate();
  AppendNumber(value, &out_);
}

void JsonWriter::Int(int64_t value) {
  Separate();
  AppendNumber(value, &out_);
}

void JsonWriter::Uint(uint64_t value) {
  Separate();
  AppendNumber(value, &out_);
}

void JsonWriter::Bool(bool value) { Raw(value ? "true" : "false"); }

void JsonWriter::Null() { Raw("null"); }

void JsonWriter::Raw(absl::string_view json) {
  Separate();
  absl::StrAppend(&out_, json);
}

std::string JsonWriter::Take() {
  comma_ = false;
  return std::exchange(out_, std::string());
}

void JsonWriter::Quote(absl::string_view text) {
  constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";
  out_.push_back('"');
  while (!text.empty()) {
    const char c = text.front();
    const size_t length = SequenceLength(text);
    if (c == '"' || c == '\\') {
      out_.push_back('\\');
      out_.push_back(c);
    } else if (c == '\n') {
      absl::StrAppend(&out_, "\\n");
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      absl::StrAppendFormat(&out_, "\\u%04x", static_cast<unsigned>(c));
    } else if (length == 0) {
      absl::StrAppend(&out_, kReplacement);
    } else {
      absl::StrAppend(&out_, text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out_.push_back('"');
}

}  // namespace tributary::serve
