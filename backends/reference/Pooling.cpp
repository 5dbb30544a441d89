// Pooling over windows.
#include "backends/reference/Kernels.h"
#include "backends/reference/Visit.h"
#include "backends/reference/Window.h"
#include "runtime/numerics/Rounding.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace edgecc::reference {

namespace {

// The range [low, high) of taps along one axis that read inside the data.
struct TapRange {
  int64_t low, high;
};

TapRange tapsInside(const Window &window, size_t axis, int64_t o) {
  int64_t start = window.source(axis, o, 0), step = window.dilations[axis];
  int64_t low = start < 0 ? (-start + step - 1) / step : 0;
  int64_t high = window.in[axis] > start ? (window.in[axis] - start + step - 1) / step : 0;
  return {low, std::min(high, window.kernel[axis])};
}

// Calls body(position) for the input position of every tap of window `o` that lies inside, in
// row-major order.
template <class Body>
void forEachTap(const Window &window, const Dims &o, size_t axis, int64_t base, Body &body) {
  TapRange range = tapsInside(window, axis, o[axis]);
  for (int64_t k = range.low; k < range.high; ++k) {
    int64_t at = base * window.in[axis] + window.source(axis, o[axis], k);
    if (axis + 1 == window.rank())
      body(at);
    else
      forEachTap(window, o, axis + 1, at, body);
  }
}

// Calls fn(plane, window index, result position) for every window of every channel.
template <class Fn> void forEachWindow(const Tensor &x, const Window &window, Fn &&fn) {
  int64_t planes = x.dims()[0] * x.dims()[1], positions = window.positions(), at = 0;
  for (int64_t plane = 0; plane < planes; ++plane) {
    Dims o(window.rank(), 0);
    for (int64_t i = 0; i < positions; ++i, ++at) {
      fn(plane, o, at);
      for (size_t d = window.rank(); d-- > 0 && ++o[d] == window.out[d];)
        o[d] = 0;
    }
  }
}

Window poolWindow(const Call &call) {
  return windowOf(call.op, call[0].dims(), call.op.ints("kernel"), call.resultDims());
}

// The position of spatial element `i` in the flattened tensor, rows first or columns first.
int64_t reportedPosition(const Window &window, int64_t plane, int64_t i, bool isColumnMajor) {
  int64_t size = numElements(window.in);
  if (!isColumnMajor)
    return plane * size + i;
  Dims index = unravel(i, window.in);
  int64_t position = 0;
  for (size_t d = window.rank(); d-- > 0;)
    position = position * window.in[d] + index[d];
  return plane * size + position;
}

} // namespace

Results maxPool(const Call &call) {
  const Tensor &x = call[0];
  Window window = poolWindow(call);
  int64_t size = numElements(window.in);
  Tensor y = call.result(x.dtype()), positions(DType::I64, y.dims());
  int64_t *where = positions.mutableData<int64_t>().data();
  bool isColumnMajor = call.op.flag("column_major");
  visitNumber(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T *in = x.data<T>().data();
    T *out = y.mutableData<T>().data();
    constexpr T kLowest = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                               : std::numeric_limits<T>::min();
    forEachWindow(x, window, [&](int64_t plane, const Dims &o, int64_t at) {
      T best = kLowest;
      int64_t bestAt = -1;
      auto tap = [&](int64_t i) {
        T value = in[plane * size + i];
        // The first of equal maxima; NaN beats everything and stays.
        if (bestAt < 0 || value > best || (value != value && best == best)) {
          best = value;
          bestAt = i;
        }
      };
      forEachTap(window, o, 0, 0, tap);
      out[at] = best;
      where[at] = bestAt < 0 ? -1 : reportedPosition(window, plane, bestAt, isColumnMajor);
    });
  });
  std::vector<Tensor> results;
  results.push_back(std::move(y));
  results.push_back(std::move(positions));
  return results;
}

namespace {

// Elements of a window that count in the mean with the padding: what lies inside the padded data.
int64_t paddedCount(const Window &window, const Dims &o, const Dims &padsHigh) {
  int64_t count = 1;
  for (size_t d = 0; d < window.rank(); ++d) {
    int64_t room = window.in[d] + padsHigh[d] - window.source(d, o[d], 0);
    int64_t fitting = (room + window.dilations[d] - 1) / window.dilations[d];
    count *= std::clamp<int64_t>(fitting, 0, window.kernel[d]);
  }
  return count;
}

} // namespace

Results averagePool(const Call &call) {
  const Tensor &x = call[0];
  Window window = poolWindow(call);
  int64_t size = numElements(window.in);
  bool countsPadding = call.op.flag("count_include_pad");
  const auto &pads = call.op.ints("pads");
  Dims padsHigh(pads.begin() + static_cast<ptrdiff_t>(window.rank()), pads.end());
  Tensor y = call.result(x.dtype());
  visitNumber(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using Sum = std::conditional_t<std::is_floating_point_v<T>, T, int64_t>;
    const T *in = x.data<T>().data();
    T *out = y.mutableData<T>().data();
    forEachWindow(x, window, [&](int64_t plane, const Dims &o, int64_t at) {
      Sum sum = 0;
      int64_t count = 0;
      auto tap = [&](int64_t i) {
        sum += in[plane * size + i];
        ++count;
      };
      forEachTap(window, o, 0, 0, tap);
      if (countsPadding)
        count = paddedCount(window, o, padsHigh);
      if constexpr (std::is_floating_point_v<T>)
        out[at] = count ? sum / static_cast<T>(count) : T(0);
      else
        out[at] = count ? static_cast<T>(numerics::roundNearestEven(static_cast<double>(sum) /
                                                                    static_cast<double>(count)))
                        : T(0);
    });
  });
  return one(std::move(y));
}

Results lpPool(const Call &call) {
  const Tensor &x = call[0];
  Window window = poolWindow(call);
  int64_t size = numElements(window.in);
  auto p = static_cast<double>(call.op.integer("p"));
  Tensor y = call.result(x.dtype());
  visitFloat(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T *in = x.data<T>().data();
    T *out = y.mutableData<T>().data();
    forEachWindow(x, window, [&](int64_t plane, const Dims &o, int64_t at) {
      double sum = 0;
      auto tap = [&](int64_t i) {
        sum += std::pow(std::fabs(static_cast<double>(in[plane * size + i])), p);
      };
      forEachTap(window, o, 0, 0, tap);
      out[at] = static_cast<T>(std::pow(sum, 1 / p));
    });
  });
  return one(std::move(y));
}

Results maxUnpool(const Call &call) {
  const Tensor &x = call[0], &indices = call[1];
  const Dims &shape = call.op.ints("shape"), &indexShape = call.op.ints("index_shape");
  Tensor y = call.result(x.dtype());
  Dims strides = rowMajorStrides(shape);
  int64_t limit = numElements(indexShape);
  for (int64_t i = 0; i < x.elements(); ++i) {
    int64_t position = indices.asInt(i);
    if (position < 0 || position >= limit)
      return error("MaxUnpool: position " + std::to_string(position) + " is outside the result",
                   call.op.location);
    Dims index = unravel(position, indexShape);
    int64_t at = 0;
    for (size_t d = 0; d < index.size(); ++d) {
      if (index[d] >= shape[d])
        return error("MaxUnpool: position " + std::to_string(position) + " is outside the result",
                     call.op.location);
      at += index[d] * strides[d];
    }
    y.setDouble(at, x.asDouble(i));
  }
  return one(std::move(y));
}

} // namespace edgecc::reference
