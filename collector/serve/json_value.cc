#include "collector/serve/json_value.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tributary::serve {
namespace {

constexpr int kLevelsMax = 64;

void AppendUtf8(uint32_t code_point, std::string* out) {
  const auto push = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    push(code_point);
  } else if (code_point < 0x800) {
    push(0xC0 | (code_point >> 6));
    push(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    push(0xE0 | (code_point >> 12));
    push(0x80 | ((code_point >> 6) & 0x3F));
    push(0x80 | (code_point & 0x3F));
  } else {
    push(0xF0 | (code_point >> 18));
    push(0x80 | ((code_point >> 12) & 0x3F));
    push(0x80 | ((code_point >> 6) & 0x3F));
    push(0x80 | (code_point & 0x3F));
  }
}

// Descends once through the text.
class Parser {
 public:
  explicit Parser(absl::string_view text) : text_(text) {}

  absl::StatusOr<JsonValue> ParseWhole() {
    JsonValue value;
    RETURN_IF_ERROR(ParseValue(0, &value));
    SkipBlanks();
    if (at_ != text_.size()) return Error("the end");
    return value;
  }

 private:
  absl::Status Error(absl::string_view wanted) const {
    return absl::InvalidArgumentError(
        absl::StrCat("JSON: expected ", wanted, " at byte ", at_, " of ", text_.size()));
  }
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool TakeWord(absl::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  void SkipBlanks() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  absl::Status ParseValue(int level, JsonValue* value) {
    if (level == kLevelsMax) return Error("fewer levels");
    SkipBlanks();
    switch (Peek()) {
      case '{':
        return ParseObject(level, value);
      case '[':
        return ParseArray(level, value);
      case '"':
        value->kind = JsonValue::Kind::kString;
        return ParseString(&value->text);
      default:
        break;
    }
    if (TakeWord("null")) return absl::OkStatus();
    if (TakeWord("true") || TakeWord("false")) {
      value->kind = JsonValue::Kind::kBool;
      value->boolean = text_[at_ - 2] == 'u';  // "true" ends in "ue", "false" in "se"
      return absl::OkStatus();
    }
    return ParseNumber(value);
  }

  absl::Status ParseObject(int level, JsonValue* value) {
    value->kind = JsonValue::Kind::kObject;
    ++at_;
    SkipBlanks();
    if (Take('}')) return absl::OkStatus();
    do {
      SkipBlanks();
      RETURN_IF_ERROR(ParseString(&value->keys.emplace_back()));
      SkipBlanks();
      if (!Take(':')) return Error("':'");
      RETURN_IF_ERROR(ParseValue(level + 1, &value->values.emplace_back()));
      SkipBlanks();
    } while (Take(','));
    return Take('}') ? absl::OkStatus() : Error("',' or '}'");
  }

  absl::Status ParseArray(int level, JsonValue* value) {
    value->kind = JsonValue::Kind::kArray;
    ++at_;
    SkipBlanks();
    if (Take(']')) return absl::OkStatus();
    do {
      RETURN_IF_ERROR(ParseValue(level + 1, &value->values.emplace_back()));
      SkipBlanks();
    } while (Take(','));
    return Take(']') ? absl::OkStatus() : Error("',' or ']'");
  }

  absl::Status ParseString(std::string* out) {
    if (!Take('"')) return Error("'\"'");
    for (;;) {
      if (at_ >= text_.size() || static_cast<unsigned char>(text_[at_]) < 0x20) {
        return Error("the end of a string");
      }
      const char c = text_[at_++];
      if (c == '"') return absl::OkStatus();
      if (c != '\\') {
        out->push_back(c);
        continue;
      }
      RETURN_IF_ERROR(ParseEscape(out));
    }
  }

  absl::Status ParseEscape(std::string* out) {
    constexpr absl::string_view kEscapes = "\"\\/bfnrt";
    constexpr absl::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const size_t which = at_ < text_.size() ? kEscapes.find(text_[at_]) : absl::string_view::npos;
    if (which != absl::string_view::npos) {
      out->push_back(kMeanings[which]);
      ++at_;
      return absl::OkStatus();
    }
    uint32_t code_point = 0;
    if (!TakeHex(&code_point)) return Error("an escape");
    if (code_point >= 0xD800 && code_point < 0xDC00) {
      const size_t before = at_;
      uint32_t low = 0;
      if (Take('\\') && TakeHex(&low) && low >= 0xDC00 && low < 0xE000) {
        code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
      } else {
        at_ = before;
        code_point = 0xFFFD;
      }
    } else if (code_point >= 0xDC00 && code_point < 0xE000) {
      code_point = 0xFFFD;  // half of a pair
    }
    AppendUtf8(code_point, out);
    return absl::OkStatus();
  }

  // "u" and four hexadecimal digits.
  bool TakeHex(uint32_t* value) {
    const absl::string_view digits = text_.substr(at_, 5);
    if (digits.size() != 5 || digits[0] != 'u') return false;
    for (const char c : digits.substr(1)) {
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
    }
    if (!absl::SimpleHexAtoi(digits.substr(1), value)) return false;
    at_ += digits.size();
    return true;
  }

  bool TakeDigits() {
    const size_t before = at_;
    while (Peek() >= '0' && Peek() <= '9') ++at_;
    return at_ > before;
  }

  absl::Status ParseNumber(JsonValue* value) {
    const size_t begin = at_;
    Take('-');
    if (!Take('0') && !TakeDigits()) return Error("a value");
    if (Take('.') && !TakeDigits()) return Error("a digit");
    if (Take('e') || Take('E')) {
      if (!Take('+')) Take('-');
      if (!TakeDigits()) return Error("a digit");
    }
    value->kind = JsonValue::Kind::kNumber;
    value->text = std::string(text_.substr(begin, at_ - begin));
    return absl::OkStatus();
  }

  const absl::string_view text_;
  size_t at_ = 0;
};

}  // namespace

const JsonValue* JsonValue::Find(absl::string_view key) const {
  const JsonValue* found = nullptr;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] == key) found = &values[i];
  }
  return found;
}

std::optional<int64_t> JsonValue::AsInteger() const {
  int64_t value = 0;
  if (kind != Kind::kNumber || !absl::SimpleAtoi(text, &value)) return std::nullopt;
  return value;
}

void JsonValue::Write(JsonWriter* writer) const {
  switch (kind) {
    case Kind::kNull:
      return writer->Null();
    case Kind::kBool:
      return writer->Bool(boolean);
    case Kind::kNumber:
      return writer->Raw(text);
    case Kind::kString:
      return writer->String(text);
    case Kind::kArray:
      writer->BeginArray();
      for (const JsonValue& value : values) value.Write(writer);
      return writer->EndArray();
    case Kind::kObject:
      writer->BeginObject();
      for (size_t i = 0; i < keys.size(); ++i) {
        writer->Key(keys[i]);
        values[i].Write(writer);
      }
      return writer->EndObject();
  }
}

absl::StatusOr<JsonValue> ParseJson(absl::string_view text) { return Parser(text).ParseWhole(); }

}  // namespace tributary::serve
