// Loops over broadcast, permuted and sliced operands.
#pragma once

#include "ir/Tensor.h"

#include <array>

namespace edgecc::reference {

// Element strides of a dense tensor of dims `from` read as if it had dims `to`, to which it
// broadcasts from the right: 0 along the axes that repeat.
Dims broadcastStrides(const Dims &from, const Dims &to);

// Merges neighbouring axes that all operands walk alike, drops those of extent 1, and leaves at
// least one axis.
template <size_t N> void mergeAxes(Dims &dims, std::array<Dims, N> &strides) {
  size_t last = 0; // the axis that is being built
  bool any = false;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1)
      continue;
    bool merges = any;
    for (size_t n = 0; n < N && merges; ++n)
      merges = strides[n][last] == strides[n][i] * dims[i];
    size_t to = !any ? 0 : merges ? last : last + 1;
    dims[to] = merges ? dims[to] * dims[i] : dims[i];
    for (size_t n = 0; n < N; ++n)
      strides[n][to] = strides[n][i];
    last = to;
    any = true;
  }
  if (!any) {
    dims = {1};
    for (auto &s : strides)
      s = {0};
    return;
  }
  dims.resize(last + 1);
  for (auto &s : strides)
    s.resize(last + 1);
}

// Walks the elements of `dims` in row-major order, row by row: calls
//   body(first, length, offsets, steps)
// for `length` elements that start at the row-major position `first` and lie in operand n at
// offsets[n] + i * steps[n].
template <size_t N, class Body>
void forEachRow(Dims dims, std::array<Dims, N> strides, Body &&body) {
  if (numElements(dims) == 0)
    return;
  mergeAxes(dims, strides);
  size_t inner = dims.size() - 1;
  std::array<int64_t, N> offsets{}, steps{};
  for (size_t n = 0; n < N; ++n)
    steps[n] = strides[n][inner];
  Dims index(inner, 0);
  int64_t total = numElements(dims);
  for (int64_t first = 0; first < total; first += dims[inner]) {
    body(first, dims[inner], offsets, steps);
    for (size_t axis = inner; axis-- > 0;) {
      for (size_t n = 0; n < N; ++n)
        offsets[n] += strides[n][axis];
      if (++index[axis] < dims[axis])
        break;
      for (size_t n = 0; n < N; ++n)
        offsets[n] -= strides[n][axis] * dims[axis];
      index[axis] = 0;
    }
  }
}

// The elements of `x` at `offset` + the sum of index * stride, as a dense tensor of dims `dims`.
// Elements have 8 bits or more.
Tensor gatherStrided(const Tensor &x, int64_t offset, const Dims &strides, const Dims &dims);

// A dense tensor seen as [outer, extent, inner] around one axis.
struct AxisView {
  int64_t outer = 1, extent = 1, inner = 1;
};
AxisView viewAround(const Dims &dims, int64_t axis);

} // namespace edgecc::reference
