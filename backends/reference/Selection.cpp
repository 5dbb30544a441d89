// Sorting and selecting.
#include "backends/reference/Kernels.h"
#include "backends/reference/Strided.h"
#include "backends/reference/Visit.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace edgecc::reference {

namespace {

// A total order in which NaN is the largest.
template <class T> bool isLess(T a, T b) {
  if (a != a || b != b)
    return a == a && b != b;
  return a < b;
}

std::vector<int64_t> upTo(int64_t count) {
  std::vector<int64_t> indices(static_cast<size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

} // namespace

Results topK(const Call &call) {
  const Tensor &x = call[0];
  AxisView view = viewAround(x.dims(), call.op.integer("axis"));
  int64_t k = call.op.integer("k");
  bool takesLargest = call.op.flag("largest");
  Tensor values = call.result(x.dtype()), positions = call.result(DType::I64, 1);
  int64_t *outPositions = positions.mutableData<int64_t>().data();
  visitNumber(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    T *out = values.mutableData<T>().data();
    for (int64_t outer = 0; outer < view.outer; ++outer)
      for (int64_t inner = 0; inner < view.inner; ++inner) {
        const T *line = x.data<T>().data() + outer * view.extent * view.inner + inner;
        auto at = [&](int64_t i) { return line[i * view.inner]; };
        std::vector<int64_t> order = upTo(view.extent);
        std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t a, int64_t b) {
          T first = at(a), second = at(b);
          if (isLess(first, second) || isLess(second, first))
            return takesLargest ? isLess(second, first) : isLess(first, second);
          return a < b;
        });
        for (int64_t i = 0; i < k; ++i) {
          int64_t to = (outer * k + i) * view.inner + inner;
          out[to] = at(order[static_cast<size_t>(i)]);
          outPositions[to] = order[static_cast<size_t>(i)];
        }
      }
  });
  std::vector<Tensor> results;
  results.push_back(std::move(values));
  results.push_back(std::move(positions));
  return results;
}

Results nonZero(const Call &call) {
  const Tensor &x = call[0];
  std::vector<int64_t> found;
  visitNumber(x.dtype(), [&](auto tag) {
    auto in = x.data<decltype(tag)>();
    for (size_t i = 0; i < in.size(); ++i)
      if (in[i] != 0)
        found.push_back(static_cast<int64_t>(i));
  });
  auto count = static_cast<int64_t>(found.size());
  Tensor y(DType::I64, {static_cast<int64_t>(x.rank()), count});
  auto out = y.mutableData<int64_t>();
  Dims strides = rowMajorStrides(x.dims());
  for (size_t d = 0; d < x.rank(); ++d)
    for (size_t i = 0; i < found.size(); ++i)
      out[d * found.size() + i] = found[i] / strides[d] % x.dims()[d];
  return one(std::move(y));
}

namespace {

// x as [outer, extent, inner] around the axis, or flattened to [1, elements, 1] for axis -1.
AxisView viewOrFlat(const Tensor &x, int64_t axis) {
  return axis < 0 ? AxisView{1, x.elements(), 1} : viewAround(x.dims(), axis);
}

// The slices `picked` along the axis, one after the other.
Tensor pick(const Tensor &x, int64_t axis, const std::vector<int64_t> &picked) {
  AxisView view = viewOrFlat(x, axis);
  Dims dims = axis < 0 ? Dims{0} : x.dims();
  dims[axis < 0 ? 0 : static_cast<size_t>(axis)] = static_cast<int64_t>(picked.size());
  Tensor y(x.dtype(), dims);
  size_t bytes = static_cast<size_t>(view.inner) * bitWidth(x.dtype()) / 8;
  std::byte *out = y.mutableRaw();
  for (int64_t outer = 0; outer < view.outer; ++outer)
    for (int64_t i : picked) {
      std::memcpy(out, x.raw() + static_cast<size_t>(outer * view.extent + i) * bytes, bytes);
      out += bytes;
    }
  return y;
}

// -1, 0 or 1 as slice a comes before, equals or comes after slice b.
template <class T> int compareSlices(const T *x, const AxisView &view, int64_t a, int64_t b) {
  for (int64_t outer = 0; outer < view.outer; ++outer)
    for (int64_t inner = 0; inner < view.inner; ++inner) {
      T first = x[(outer * view.extent + a) * view.inner + inner];
      T second = x[(outer * view.extent + b) * view.inner + inner];
      if (isLess(first, second) || isLess(second, first))
        return isLess(first, second) ? -1 : 1;
    }
  return 0;
}

struct Distinct {
  std::vector<int64_t> first, inverse, counts;
};

template <class T> Distinct distinctSlices(const Tensor &x, int64_t axis, bool isSorted) {
  AxisView view = viewOrFlat(x, axis);
  const T *in = x.data<T>().data();
  std::vector<int64_t> order = upTo(view.extent);
  std::ranges::sort(order, [&](int64_t a, int64_t b) {
    int comparison = compareSlices(in, view, a, b);
    return comparison < 0 || (comparison == 0 && a < b);
  });
  Distinct distinct;
  distinct.inverse.resize(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || compareSlices(in, view, order[i - 1], order[i]) != 0) {
      distinct.first.push_back(order[i]);
      distinct.counts.push_back(0);
    }
    ++distinct.counts.back();
    distinct.inverse[static_cast<size_t>(order[i])] =
        static_cast<int64_t>(distinct.first.size()) - 1;
  }
  if (isSorted)
    return distinct;
  // By first occurrence.
  std::vector<int64_t> rank = upTo(static_cast<int64_t>(distinct.first.size()));
  std::ranges::sort(rank, {}, [&](int64_t i) { return distinct.first[static_cast<size_t>(i)]; });
  Distinct reordered{{}, std::move(distinct.inverse), {}};
  std::vector<int64_t> newNumber(rank.size());
  for (size_t i = 0; i < rank.size(); ++i) {
    auto old = static_cast<size_t>(rank[i]);
    reordered.first.push_back(distinct.first[old]);
    reordered.counts.push_back(distinct.counts[old]);
    newNumber[old] = static_cast<int64_t>(i);
  }
  for (int64_t &number : reordered.inverse)
    number = newNumber[static_cast<size_t>(number)];
  return reordered;
}

} // namespace

Results compress(const Call &call) {
  std::vector<int64_t> picked;
  auto condition = call[1].data<uint8_t>();
  for (size_t i = 0; i < condition.size(); ++i)
    if (condition[i])
      picked.push_back(static_cast<int64_t>(i));
  return one(pick(call[0], call.op.integer("axis"), picked));
}

Results unique(const Call &call) {
  const Tensor &x = call[0];
  int64_t axis = call.op.integer("axis");
  Distinct distinct = visitNumber(x.dtype(), [&](auto tag) {
    return distinctSlices<decltype(tag)>(x, axis, call.op.flag("sorted"));
  });
  std::vector<Tensor> results;
  results.push_back(pick(x, axis, distinct.first));
  results.push_back(Tensor::ofInts(distinct.first));
  results.push_back(Tensor::ofInts(distinct.inverse));
  results.push_back(Tensor::ofInts(distinct.counts));
  return results;
}

} // namespace edgecc::reference
