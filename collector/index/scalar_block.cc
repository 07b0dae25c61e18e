#include "collector/index/scalar_block.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "common/check.h"

namespace tributary {
namespace {

// Room for reading 8 bytes where fewer are meant.
constexpr size_t kPaddingBytes = 8;

static_assert(sizeof(double) == 8 && sizeof(float) == 4);

uint64_t Difference(int64_t later, int64_t earlier) {
  return static_cast<uint64_t>(later) - static_cast<uint64_t>(earlier);
}

uint8_t BytesFor(uint64_t value) {
  uint8_t bytes = 0;
  for (; value != 0; value >>= 8) ++bytes;
  return bytes;
}

}  // namespace

ScalarTail::ScalarTail(uint32_t capacity, bool wide)
    : capacity_(capacity),
      wide_(wide),
      // Steps, wall times, then values of half the size unless wide.
      storage_(new double[size_t{2} * capacity + (wide ? capacity : (capacity + 1) / 2)]),
      steps_(reinterpret_cast<int64_t*>(storage_.get())),
      wall_times_(storage_.get() + capacity),
      values_(storage_.get() + size_t{2} * capacity) {}

void ScalarTail::CopyFrom(const ScalarTail& from, uint32_t count) {
  CHECK(count <= capacity_ && from.wide_ == wide_, count, " points, room for ", capacity_);
  std::copy_n(from.steps_, count, steps_);
  std::copy_n(from.wall_times_, count, wall_times_);
  std::memcpy(values_, from.values_, size_t{count} * (wide_ ? 8 : 4));
}

ScalarBlock::Packed ScalarBlock::Measure(absl::Span<const int64_t> values) {
  Packed packed;
  packed.first = values[0];
  if (values.size() == 1) return packed;
  int64_t smallest = std::numeric_limits<int64_t>::max();
  int64_t largest = std::numeric_limits<int64_t>::min();
  for (size_t i = 1; i < values.size(); ++i) {
    const int64_t delta = static_cast<int64_t>(Difference(values[i], values[i - 1]));
    smallest = std::min(smallest, delta);
    largest = std::max(largest, delta);
  }
  packed.delta_min = smallest;
  packed.width_bytes = BytesFor(Difference(largest, smallest));
  return packed;
}

uint8_t* ScalarBlock::Write(absl::Span<const int64_t> values, const Packed& packed, uint8_t* out) {
  if (packed.width_bytes == 0) return out;
  for (size_t i = 1; i < values.size(); ++i) {
    const uint64_t stored =
        Difference(values[i], values[i - 1]) - static_cast<uint64_t>(packed.delta_min);
    // Writes 8 bytes; the next difference, the next column or the padding takes those past the
    // width.
    std::memcpy(out, &stored, sizeof(stored));
    out += packed.width_bytes;
  }
  return out;
}

ScalarBlock::ScalarBlock(const ScalarTail& tail, uint32_t count, uint64_t begin)
    : begin_(begin), count_(count), value_bytes_(tail.wide() ? 8 : 4) {
  CHECK(count > 0 && count <= tail.capacity(), count, " points of ", tail.capacity());
  const absl::Span<const int64_t> steps(tail.steps(), count);
  min_step_ = *std::min_element(steps.begin(), steps.end());
  max_step_ = *std::max_element(steps.begin(), steps.end());
  std::vector<int64_t> wall_bits(count);
  std::memcpy(wall_bits.data(), tail.wall_times(), size_t{count} * 8);
  steps_ = Measure(steps);
  wall_times_ = Measure(wall_bits);

  const char* values = tail.wide() ? reinterpret_cast<const char*>(tail.doubles())
                                   : reinterpret_cast<const char*>(tail.floats());
  const size_t value_bytes = size_t{count} * value_bytes_;
  // All equal exactly if each equals the one before it.
  values_equal_ = std::memcmp(values, values + value_bytes_, value_bytes - value_bytes_) == 0;
  const size_t kept_value_bytes = values_equal_ ? value_bytes_ : value_bytes;

  bytes_count_ = (count - size_t{1}) * (steps_.width_bytes + wall_times_.width_bytes) +
                 kept_value_bytes + kPaddingBytes;
  bytes_.reset(new uint8_t[bytes_count_]);
  uint8_t* out = Write(steps, steps_, bytes_.get());
  out = Write(wall_bits, wall_times_, out);
  std::memcpy(out, values, kept_value_bytes);
  std::memset(out + kept_value_bytes, 0, kPaddingBytes);
}

template <typename Emit>
void ScalarBlock::Read(const Packed& packed, const uint8_t* in, Emit emit) const {
  uint64_t value = static_cast<uint64_t>(packed.first);
  emit(value);
  const uint64_t stride = static_cast<uint64_t>(packed.delta_min);
  if (packed.width_bytes == 0) {
    for (uint32_t i = 1; i < count_; ++i) emit(value += stride);
    return;
  }
  const uint64_t mask = ~uint64_t{0} >> (64 - 8 * packed.width_bytes);
  for (uint32_t i = 1; i < count_; ++i) {
    uint64_t stored;
    std::memcpy(&stored, in, sizeof(stored));
    in += packed.width_bytes;
    emit(value += stride + (stored & mask));
  }
}

void ScalarBlock::ReadSteps(std::vector<int64_t>* out) const {
  const size_t old_size = out->size();
  out->resize(old_size + count_);
  int64_t* to = out->data() + old_size;
  Read(steps_, bytes_.get(), [&to](uint64_t step) { *to++ = static_cast<int64_t>(step); });
}

void ScalarBlock::ReadWallTimes(std::vector<double>* out) const {
  const size_t old_size = out->size();
  out->resize(old_size + count_);
  double* to = out->data() + old_size;
  const uint8_t* in = bytes_.get() + (count_ - size_t{1}) * steps_.width_bytes;
  Read(wall_times_, in, [&to](uint64_t bits) { std::memcpy(to++, &bits, sizeof(bits)); });
}

void ScalarBlock::ReadValues(std::vector<double>* out) const {
  const size_t old_size = out->size();
  out->resize(old_size + count_);
  double* to = out->data() + old_size;
  const uint8_t* in =
      bytes_.get() + (count_ - size_t{1}) * (steps_.width_bytes + wall_times_.width_bytes);
  const size_t stride = values_equal_ ? 0 : value_bytes_;
  for (uint32_t i = 0; i < count_; ++i, in += stride) {
    if (value_bytes_ == 8) {
      std::memcpy(to + i, in, 8);
    } else {
      float value;
      std::memcpy(&value, in, 4);
      to[i] = double{value};
    }
  }
}

}  // namespace tributary
