// JSON that clients send, as a tree.
#ifndef TRIBUTARY_COLLECTOR_SERVE_JSON_VALUE_H_
#define TRIBUTARY_COLLECTOR_SERVE_JSON_VALUE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "collector/serve/json_writer.h"

namespace tributary::serve {

struct JsonValue {
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  bool boolean = false;
  // Of a string its content; of a number its text.
  std::string text;
  // Of an array or an object.
  std::vector<JsonValue> values;
  // Of an object: the names of `values`, in order.
  std::vector<std::string> keys;

  // Null if this is no object or has no such key; the last one of equal keys.
  const JsonValue* Find(absl::string_view key) const;
  // nullopt unless this is a number written without fraction and exponent that fits.
  std::optional<int64_t> AsInteger() const;
  void Write(JsonWriter* writer) const;
};

// RFC 8259, and nothing but blanks around the value. InvalidArgument with the offset of the first
// byte that does not fit, or for more than 64 levels.
absl::StatusOr<JsonValue> ParseJson(absl::string_view text);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_JSON_VALUE_H_
