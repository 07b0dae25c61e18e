#include "collector/serve/plugins/tensor_elements.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "absl/strings/string_view.h"

namespace tributary::serve {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor_content is little-endian");

double FromBfloat16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

// IEEE 754 binary16.
double FromHalf(uint16_t bits) {
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  const int exponent = (bits >> 10) & 0x1f;
  const int fraction = bits & 0x3ff;
  if (exponent == 0x1f) return fraction == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(fraction + 0x400, exponent - 25);
}

// From tensor_content if it has some, else from the list. `convert` takes one element.
template <typename Element, typename List, typename Convert>
bool Append(const tensorboard::TensorProto& tensor, const List& list, const Convert& convert,
            std::vector<double>* out) {
  absl::string_view content = tensor.tensor_content();
  if (content.empty()) {
    out->reserve(static_cast<size_t>(list.size()));
    for (const auto element : list) out->push_back(convert(static_cast<Element>(element)));
    return true;
  }
  if (content.size() % sizeof(Element) != 0) return false;
  out->reserve(content.size() / sizeof(Element));
  for (; !content.empty(); content.remove_prefix(sizeof(Element))) {
    Element element;
    std::memcpy(&element, content.data(), sizeof(element));
    out->push_back(convert(element));
  }
  return true;
}

template <typename Element, typename List>
bool Append(const tensorboard::TensorProto& tensor, const List& list, std::vector<double>* out) {
  return Append<Element>(
      tensor, list, [](Element element) { return static_cast<double>(element); }, out);
}

bool AppendAll(const tensorboard::TensorProto& tensor, std::vector<double>* out) {
  switch (tensor.dtype()) {
    case tensorboard::DT_FLOAT:
      return Append<float>(tensor, tensor.float_val(), out);
    case tensorboard::DT_DOUBLE:
      return Append<double>(tensor, tensor.double_val(), out);
    case tensorboard::DT_INT32:
      return Append<int32_t>(tensor, tensor.int_val(), out);
    case tensorboard::DT_UINT8:
      return Append<uint8_t>(tensor, tensor.int_val(), out);
    case tensorboard::DT_INT16:
      return Append<int16_t>(tensor, tensor.int_val(), out);
    case tensorboard::DT_INT8:
      return Append<int8_t>(tensor, tensor.int_val(), out);
    case tensorboard::DT_UINT16:
      return Append<uint16_t>(tensor, tensor.int_val(), out);
    case tensorboard::DT_INT64:
      return Append<int64_t>(tensor, tensor.int64_val(), out);
    case tensorboard::DT_UINT32:
      return Append<uint32_t>(tensor, tensor.uint32_val(), out);
    case tensorboard::DT_UINT64:
      return Append<uint64_t>(tensor, tensor.uint64_val(), out);
    case tensorboard::DT_HALF:
      return Append<uint16_t>(tensor, tensor.half_val(), FromHalf, out);
    case tensorboard::DT_BFLOAT16:
      return Append<uint16_t>(tensor, tensor.half_val(), FromBfloat16, out);
    default:
      return false;
  }
}

}  // namespace

std::optional<std::vector<double>> TensorElements(const tensorboard::TensorProto& tensor,
                                                  size_t wanted) {
  std::vector<double> elements;
  if (!AppendAll(tensor, &elements)) return std::nullopt;
  if (elements.size() == 1 && wanted > 0) elements.assign(wanted, double{elements[0]});
  if (elements.size() != wanted) return std::nullopt;
  return elements;
}

std::optional<size_t> ShapeElements(const tensorboard::TensorShapeProto& shape, size_t most) {
  size_t elements = 1;
  for (const auto& dim : shape.dim()) {
    if (dim.size() < 0) return std::nullopt;
    const auto size = static_cast<size_t>(dim.size());
    if (size != 0 && elements > most / size) return std::nullopt;
    elements *= size;
  }
  return elements;
}

}  // namespace tributary::serve
