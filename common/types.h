// The words of the field as types, so that a step and an offset cannot change places.
//
// All are values: cheap to copy, comparable, hashable by abseil. Thread-safe as values are.
#ifndef TRIBUTARY_COMMON_TYPES_H_
#define TRIBUTARY_COMMON_TYPES_H_

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

namespace tributary {

// An integer or a string that means one thing. Explicit to make, explicit to read.
template <typename Tag, typename Value>
class Named {
 public:
  Named() = default;
  explicit Named(Value value) : value_(std::move(value)) {}

  const Value& value() const { return value_; }

  friend auto operator<=>(const Named&, const Named&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Named& named) {
    return H::combine(std::move(h), named.value_);
  }

 private:
  Value value_{};
};

// A training step, as the writer gave it: any int64.
using Step = Named<struct StepTag, int64_t>;

// Seconds since the Unix epoch, as the writer gave them: may be NaN or infinite.
using WallTime = Named<struct WallTimeTag, double>;

// Names of the store, the same for its whole life. Only the registry makes one; 0 is none.
using StreamId = Named<struct StreamIdTag, uint64_t>;

// Counts the generations of one stream, from 0.
using Generation = Named<struct GenerationTag, uint64_t>;

// Bytes from the start of a file.
using ByteOffset = Named<struct ByteOffsetTag, uint64_t>;

// "node07/exp1/train", or "." for the root. Never empty.
using RunName = Named<struct RunNameTag, std::string>;

// The name of a series within a run. May be empty.
using Tag = Named<struct TagTag, std::string>;

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_TYPES_H_
