#include "backends/reference/Strided.h"

#include "backends/reference/Visit.h"

#include <algorithm>

namespace edgecc::reference {

Dims broadcastStrides(const Dims &from, const Dims &to) {
  assert(from.size() <= to.size());
  Dims dense = rowMajorStrides(from), strides(to.size(), 0);
  size_t shift = to.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i)
    if (from[i] != 1)
      strides[shift + i] = dense[i];
  return strides;
}

Tensor gatherStrided(const Tensor &x, int64_t offset, const Dims &strides, const Dims &dims) {
  Tensor y(x.dtype(), dims);
  visitBits(x.dtype(), [&](auto bits) {
    using T = decltype(bits);
    const T *in = x.data<T>().data();
    T *out = y.mutableData<T>().data();
    forEachRow<1>(dims, {strides}, [&](int64_t first, int64_t length, auto offsets, auto steps) {
      const T *row = in + offset + offsets[0];
      if (steps[0] == 1)
        std::copy_n(row, length, out + first);
      else
        for (int64_t i = 0; i < length; ++i)
          out[first + i] = row[i * steps[0]];
    });
  });
  return y;
}

AxisView viewAround(const Dims &dims, int64_t axis) {
  AxisView view;
  for (size_t i = 0; i < dims.size(); ++i) {
    auto at = static_cast<int64_t>(i);
    (at < axis ? view.outer : at == axis ? view.extent : view.inner) *= dims[i];
  }
  return view;
}

} // namespace edgecc::reference
