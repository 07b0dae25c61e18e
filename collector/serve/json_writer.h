// Writes JSON into one string, without a tree in between.
#ifndef TRIBUTARY_COLLECTOR_SERVE_JSON_WRITER_H_
#define TRIBUTARY_COLLECTOR_SERVE_JSON_WRITER_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace tributary::serve {

// The caller balances Begin and End and gives a Key before each value of an object; commas come by
// themselves. Numbers are the shortest text that reads back as the same double; what JSON cannot
// say is a string: "NaN", "Infinity", "-Infinity". Bytes of a string that are not UTF-8 become
// U+FFFD, so that the answer is always JSON.
class JsonWriter {
 public:
  void BeginObject();
  void EndObject();
  void BeginArray();
  void EndArray();
  void Key(absl::string_view key);

  void String(absl::string_view value);
  void Double(double value);
  void Int(int64_t value);
  void Uint(uint64_t value);
  void Bool(bool value);
  void Null();
  // `json` as it is.
  void Raw(absl::string_view json);

  // What was written; the writer is as new.
  std::string Take();

 private:
  void Separate();
  void Quote(absl::string_view text);

  std::string out_;
  bool comma_ = false;  // the next value needs one before it
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_JSON_WRITER_H_
