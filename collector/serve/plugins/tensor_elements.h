// The numbers in a TensorProto.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_TENSOR_ELEMENTS_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_TENSOR_ELEMENTS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "tensorboard/tensor.pb.h"

namespace tributary::serve {

// `wanted` elements, row by row, as doubles: exact but for integers beyond 2^53. One element in the
// tensor stands for all of them. nullopt if it has another number of elements, or if its dtype is
// no real number of a common kind.
std::optional<std::vector<double>> TensorElements(const tensorboard::TensorProto& tensor,
                                                  size_t wanted);

// How many elements the shape has; nullopt for a negative size or more than `most`.
std::optional<size_t> ShapeElements(const tensorboard::TensorShapeProto& shape, size_t most);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_TENSOR_ELEMENTS_H_
