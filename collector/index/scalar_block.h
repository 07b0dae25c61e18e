// A run of consecutive scalar points, sealed: exact, compressed, never changed again.
//
// Steps and wall times (as their bits) are stored as differences: with a constant stride nothing is
// stored but the stride, else each difference takes the fewest whole bytes that hold the spread of
// all of them. Values are stored as they are, or once if all are equal. Measured, with one wall
// time for each step and noisy values: 8 bytes a point.
#ifndef TRIBUTARY_COLLECTOR_INDEX_SCALAR_BLOCK_H_
#define TRIBUTARY_COLLECTOR_INDEX_SCALAR_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"

namespace tributary {

// Points that may still be joined by others, uncompressed. The writer fills slots that no reader
// was told of; what was published never changes. Values are float until the column is wide.
class ScalarTail {
 public:
  ScalarTail(uint32_t capacity, bool wide);

  uint32_t capacity() const { return capacity_; }
  bool wide() const { return wide_; }
  int64_t* steps() { return steps_; }
  const int64_t* steps() const { return steps_; }
  double* wall_times() { return wall_times_; }
  const double* wall_times() const { return wall_times_; }
  float* floats() { return static_cast<float*>(values_); }
  const float* floats() const { return static_cast<const float*>(values_); }
  double* doubles() { return static_cast<double*>(values_); }
  const double* doubles() const { return static_cast<const double*>(values_); }

  double value(uint32_t i) const { return wide_ ? doubles()[i] : double{floats()[i]}; }
  // Copies the first `count` points of `from`, which is as wide.
  void CopyFrom(const ScalarTail& from, uint32_t count);

 private:
  const uint32_t capacity_;
  const bool wide_;
  std::unique_ptr<double[]> storage_;
  int64_t* steps_;
  double* wall_times_;
  void* values_;
};

// Immutable, so thread-safe.
class ScalarBlock {
 public:
  // Seals the first `count` (at least 1) points of `tail`; `begin` is the place of the first of
  // them in its column.
  ScalarBlock(const ScalarTail& tail, uint32_t count, uint64_t begin);

  uint64_t begin() const { return begin_; }
  uint64_t end() const { return begin_ + count_; }
  int64_t first_step() const { return steps_.first; }
  int64_t min_step() const { return min_step_; }
  int64_t max_step() const { return max_step_; }
  // Heap memory held, in bytes.
  size_t memory_bytes() const { return sizeof(*this) + bytes_count_; }

  // Appends all points to `out`.
  void ReadSteps(std::vector<int64_t>* out) const;
  void ReadWallTimes(std::vector<double>* out) const;
  void ReadValues(std::vector<double>* out) const;

 private:
  // A column of int64, modulo 2^64: value i is the one before it plus `delta_min` plus the stored
  // difference.
  struct Packed {
    int64_t first = 0;
    int64_t delta_min = 0;
    uint8_t width_bytes = 0;  // of a stored difference; 0: the stride is constant
  };
  static Packed Measure(absl::Span<const int64_t> values);
  static uint8_t* Write(absl::Span<const int64_t> values, const Packed& packed, uint8_t* out);
  template <typename Emit>
  void Read(const Packed& packed, const uint8_t* in, Emit emit) const;

  const uint64_t begin_;
  const uint32_t count_;
  uint8_t value_bytes_ = 0;  // 4 or 8
  bool values_equal_ = false;
  int64_t min_step_ = 0;
  int64_t max_step_ = 0;
  Packed steps_;
  Packed wall_times_;
  size_t bytes_count_ = 0;
  std::unique_ptr<uint8_t[]> bytes_;  // steps, wall times, values, 8 bytes of padding
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_SCALAR_BLOCK_H_
