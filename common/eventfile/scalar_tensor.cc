// ScanScalarTensor of event_scan.h.
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>

#include "common/eventfile/event_scan.h"
#include "common/eventfile/wire_reader.h"

namespace tributary {
namespace {

// DataType, as TensorBoard numbers it.
enum DataType : int32_t {
  kFloat = 1,
  kDouble = 2,
  kInt32 = 3,
  kUint8 = 4,
  kInt16 = 5,
  kInt8 = 6,
  kInt64 = 9,
  kBool = 10,
  kBfloat16 = 14,
  kUint16 = 17,
  kHalf = 19,
  kUint32 = 22,
  kUint64 = 23,
  kFloat8E5m2 = 24,
  kFloat8E4m3fn = 25,
  kFloat8E4m3fnuz = 26,
  kFloat8E4m3b11fnuz = 27,
  kFloat8E5m2fnuz = 28,
};

// Where the elements of a dtype are: the number of the typed list in TensorProto, and their size in
// tensor_content. Dtypes that have no single number as an element are not here: strings, complex,
// quantized (a number only with a scale that is not in the tensor), packed 4- and 2-bit ones,
// references.
struct Layout {
  uint32_t list_field = 0;
  size_t bytes = 0;
};

Layout LayoutOf(int32_t dtype) {
  switch (dtype) {
    case kFloat:
      return {5, 4};
    case kDouble:
      return {6, 8};
    case kInt32:
      return {7, 4};
    case kUint8:
    case kInt8:
      return {7, 1};
    case kInt16:
    case kUint16:
      return {7, 2};
    case kInt64:
      return {10, 8};
    case kBool:
      return {11, 1};
    case kHalf:
    case kBfloat16:
      return {13, 2};
    case kUint32:
      return {16, 4};
    case kUint64:
      return {17, 8};
    case kFloat8E5m2:
    case kFloat8E4m3fn:
    case kFloat8E4m3fnuz:
    case kFloat8E4m3b11fnuz:
    case kFloat8E5m2fnuz:
      return {18, 1};
    default:
      return {};
  }
}

// A small float of `exponent_bits` and `mantissa_bits`, without its infinities and NaNs.
double SmallFloat(uint32_t bits, int exponent_bits, int mantissa_bits, int bias) {
  const uint32_t mantissa = bits & ((1u << mantissa_bits) - 1);
  const int exponent = static_cast<int>((bits >> mantissa_bits) & ((1u << exponent_bits) - 1));
  const bool negative = ((bits >> (mantissa_bits + exponent_bits)) & 1) != 0;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, 1 - bias - mantissa_bits)
                    : std::ldexp(mantissa + (1u << mantissa_bits), exponent - bias - mantissa_bits);
  return negative ? -magnitude : magnitude;
}

// One with infinities and NaNs where IEEE 754 has them.
double SmallIeeeFloat(uint32_t bits, int exponent_bits, int mantissa_bits) {
  const uint32_t exponents = (1u << exponent_bits) - 1;
  if (((bits >> mantissa_bits) & exponents) == exponents) {
    if ((bits & ((1u << mantissa_bits) - 1)) != 0) return std::numeric_limits<double>::quiet_NaN();
    const double infinity = std::numeric_limits<double>::infinity();
    return ((bits >> (mantissa_bits + exponent_bits)) & 1) != 0 ? -infinity : infinity;
  }
  return SmallFloat(bits, exponent_bits, mantissa_bits, (1 << (exponent_bits - 1)) - 1);
}

double Float8(int32_t dtype, uint32_t bits) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  switch (dtype) {
    case kFloat8E5m2:
      return SmallIeeeFloat(bits, 5, 2);
    case kFloat8E4m3fn:
      return (bits & 0x7f) == 0x7f ? nan : SmallFloat(bits, 4, 3, 7);
    case kFloat8E4m3fnuz:
      return bits == 0x80 ? nan : SmallFloat(bits, 4, 3, 8);
    case kFloat8E4m3b11fnuz:
      return bits == 0x80 ? nan : SmallFloat(bits, 4, 3, 11);
    default:
      return bits == 0x80 ? nan : SmallFloat(bits, 5, 2, 16);
  }
}

// The value of an element whose bits are the low ones of `bits`.
double ValueOf(int32_t dtype, uint64_t bits) {
  switch (dtype) {
    case kFloat:
      return std::bit_cast<float>(static_cast<uint32_t>(bits));
    case kDouble:
      return std::bit_cast<double>(bits);
    case kInt32:
      return static_cast<int32_t>(bits);
    case kUint8:
      return static_cast<uint8_t>(bits);
    case kInt16:
      return static_cast<int16_t>(bits);
    case kInt8:
      return static_cast<int8_t>(bits);
    case kInt64:
      return static_cast<double>(static_cast<int64_t>(bits));
    case kBool:
      return bits != 0 ? 1 : 0;
    case kBfloat16:
      return std::bit_cast<float>(static_cast<uint32_t>(bits & 0xffff) << 16);
    case kUint16:
      return static_cast<uint16_t>(bits);
    case kHalf:
      return SmallIeeeFloat(static_cast<uint32_t>(bits & 0xffff), 5, 10);
    case kUint32:
      return static_cast<uint32_t>(bits);
    case kUint64:
      return static_cast<double>(bits);
    default:
      return Float8(dtype, static_cast<uint32_t>(bits & 0xff));
  }
}

bool ExactInFloat(int32_t dtype) {
  return dtype != kDouble && dtype != kInt32 && dtype != kInt64 && dtype != kUint32 &&
         dtype != kUint64;
}

// A typed list as far as it matters: how many, and the last one's bits.
struct List {
  uint64_t count = 0;
  uint64_t bits = 0;
};

// What is known of a TensorProto. The dtype may come last, so all lists are kept.
struct Tensor {
  int32_t dtype = 0;
  uint64_t dims = 0;
  bool one_element = true;  // every dim is 1
  absl::string_view content;
  std::array<List, 19> lists;  // by field number
};

template <typename T>
void AddFixed(absl::string_view packed, WireReader* reader, List* list) {
  if (packed.size() % sizeof(T) != 0) return reader->Fail(ScanResult::kMalformed);
  if (packed.empty()) return;
  list->count += packed.size() / sizeof(T);
  list->bits = LoadLittleEndian<T>(packed.data() + packed.size() - sizeof(T));
}

void AddVarints(absl::string_view packed, WireReader* reader, List* list) {
  while (!packed.empty()) {
    size_t size = 0;
    uint64_t value = 0;
    do {
      if (size == packed.size() || size == 10) return reader->Fail(ScanResult::kMalformed);
      value |= static_cast<uint64_t>(packed[size] & 0x7f) << (7 * size);
    } while ((packed[size++] & 0x80) != 0);
    packed.remove_prefix(size);
    ++list->count;
    list->bits = value;
  }
}

// TensorShapeProto.Dim: 1 size, 2 name.
bool AddDim(absl::string_view bytes, Tensor* tensor) {
  int64_t size = 0;
  WireReader reader(bytes);
  while (reader.NextField()) {
    switch (reader.tag()) {
      case WireTag(1, WireType::kVarint):
        size = static_cast<int64_t>(reader.Varint());
        break;
      case WireTag(2, WireType::kBytes):
        reader.String();
        break;
      default:
        reader.Skip();
    }
  }
  ++tensor->dims;
  tensor->one_element = tensor->one_element && size == 1;
  return reader.result() == ScanResult::kOk;
}

// TensorShapeProto: 2 dim. A second one is merged, which appends its dims, as this does.
bool AddShape(absl::string_view bytes, Tensor* tensor) {
  WireReader reader(bytes);
  while (reader.NextField()) {
    if (reader.tag() != WireTag(2, WireType::kBytes)) {
      reader.Skip();
    } else if (const absl::string_view dim = reader.Bytes();
               reader.result() == ScanResult::kOk && !AddDim(dim, tensor)) {
      return false;
    }
  }
  return reader.result() == ScanResult::kOk;
}

// Repeated numbers may be packed or not, whatever the schema says.
void ScanListField(WireReader* reader, Tensor* tensor) {
  const uint32_t field = reader->tag() >> 3;
  const auto type = static_cast<WireType>(reader->tag() & 7);
  const WireType single = field == 5 || field == 9    ? WireType::kFixed32
                          : field == 6 || field == 12 ? WireType::kFixed64
                                                      : WireType::kVarint;
  List* list = &tensor->lists[field];
  if (type == WireType::kBytes) {
    const absl::string_view packed = reader->Bytes();
    if (single == WireType::kFixed32) {
      AddFixed<uint32_t>(packed, reader, list);
    } else if (single == WireType::kFixed64) {
      AddFixed<uint64_t>(packed, reader, list);
    } else {
      AddVarints(packed, reader, list);
    }
  } else if (type == single) {
    ++list->count;
    list->bits = single == WireType::kFixed32   ? reader->Fixed32()
                 : single == WireType::kFixed64 ? reader->Fixed64()
                                                : reader->Varint();
  } else {
    reader->Skip();
  }
}

bool ScanTensor(absl::string_view bytes, Tensor* tensor) {
  WireReader reader(bytes);
  while (reader.NextField()) {
    switch (reader.tag() >> 3) {
      case 1:
        if (reader.tag() == WireTag(1, WireType::kVarint)) {
          tensor->dtype = static_cast<int32_t>(reader.Varint());
        } else {
          reader.Skip();
        }
        break;
      case 2:
        if (reader.tag() != WireTag(2, WireType::kBytes)) {
          reader.Skip();
        } else if (!AddShape(reader.Bytes(), tensor)) {
          return false;
        }
        break;
      case 4:
        if (reader.tag() == WireTag(4, WireType::kBytes)) {
          tensor->content = reader.Bytes();
        } else {
          reader.Skip();
        }
        break;
      case 5:
      case 6:
      case 7:
      case 9:
      case 10:
      case 11:
      case 12:
      case 13:
      case 16:
      case 17:
        ScanListField(&reader, tensor);
        break;
      case 18:
        if (reader.tag() == WireTag(18, WireType::kBytes)) {
          const absl::string_view elements = reader.Bytes();
          tensor->lists[18].count = elements.size();
          if (!elements.empty()) tensor->lists[18].bits = static_cast<uint8_t>(elements.back());
        } else {
          reader.Skip();
        }
        break;
      default:
        reader.Skip();
    }
  }
  return reader.result() == ScanResult::kOk;
}

}  // namespace

bool ScanScalarTensor(absl::string_view tensor, ScannedScalarTensor* out) {
  Tensor scanned;
  if (!ScanTensor(tensor, &scanned) || !scanned.one_element) return false;
  const Layout layout = LayoutOf(scanned.dtype);
  if (layout.bytes == 0) return false;
  const List& list = scanned.lists[layout.list_field];
  uint64_t bits = list.bits;
  if (!scanned.content.empty()) {
    if (scanned.content.size() != layout.bytes) return false;
    bits = 0;
    std::memcpy(&bits, scanned.content.data(), layout.bytes);
  } else if (list.count != 1) {
    return false;
  }
  out->value = ValueOf(scanned.dtype, bits);
  out->exact_in_float = ExactInFloat(scanned.dtype);
  out->is_float_rank_0 =
      scanned.dtype == kFloat && scanned.dims == 0 && (scanned.content.empty() || list.count == 0);
  return true;
}

}  // namespace tributary
