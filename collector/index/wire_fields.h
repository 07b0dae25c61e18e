// Goes through the fields of one protobuf message without knowing it. For the small messages beside
// the event (SummaryMetadata, TensorShapeProto), which come once in a series.
#ifndef TRIBUTARY_COLLECTOR_INDEX_WIRE_FIELDS_H_
#define TRIBUTARY_COLLECTOR_INDEX_WIRE_FIELDS_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace tributary {

struct WireField {
  uint32_t number = 0;
  enum class Type { kVarint, kFixed64, kBytes, kFixed32 } type = Type::kVarint;
  uint64_t varint = 0;      // with kVarint
  absl::string_view bytes;  // with the other types: the content
};

class WireFields {
 public:
  explicit WireFields(absl::string_view message) : rest_(message) {}

  // The next field. False at the end and when the rest is malformed (a group counts as that);
  // false for ever after.
  bool Next(WireField* field);
  bool malformed() const { return malformed_; }

 private:
  bool ReadVarint(uint64_t* value);
  bool Take(uint64_t count, absl::string_view* bytes);

  absl::string_view rest_;
  bool malformed_ = false;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_WIRE_FIELDS_H_
