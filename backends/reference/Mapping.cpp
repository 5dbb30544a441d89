#include "backends/reference/Mapping.h"

#include "backends/reference/Visit.h"

namespace edgecc::reference {

template <class T>
static void copyMapped(const T *x, const Dims &strides, const std::vector<Dims> &maps, T fill,
                       T *y) {
  size_t rank = maps.size();
  if (rank == 0) {
    *y = *x;
    return;
  }
  Dims index(rank, 0);
  const Dims &last = maps[rank - 1];
  while (true) {
    int64_t base = 0;
    bool isInside = true;
    for (size_t d = 0; d + 1 < rank; ++d) {
      int64_t source = maps[d][static_cast<size_t>(index[d])];
      isInside &= source >= 0;
      base += source * strides[d];
    }
    for (int64_t source : last)
      *y++ = isInside && source >= 0 ? x[base + source] : fill;
    size_t d = rank - 1;
    while (d > 0 && ++index[d - 1] == static_cast<int64_t>(maps[d - 1].size()))
      index[--d] = 0;
    if (d == 0)
      return;
  }
}

Tensor mapAxes(const Tensor &x, const std::vector<Dims> &maps, const Tensor *fill) {
  Dims dims;
  for (const Dims &map : maps)
    dims.push_back(static_cast<int64_t>(map.size()));
  Tensor y(x.dtype(), dims);
  if (y.elements() == 0)
    return y;
  visitBits(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    copyMapped<T>(x.data<T>().data(), rowMajorStrides(x.dims()), maps,
                  fill ? fill->data<T>()[0] : T(), y.mutableData<T>().data());
  });
  return y;
}

} // namespace edgecc::reference
