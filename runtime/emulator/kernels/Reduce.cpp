// SPDX-License-Identifier: Apache-2.0
//
// Reductions in row-major order of the reduced elements. Floats accumulate in f64, integers exactly
// (wrapping).
#include "runtime/emulator/kernels/Compute.h"
#include "runtime/numerics/Functions.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <type_traits>

namespace edgecc::emulator {

namespace {

// Kept and reduced axes of packed values, in elements.
struct Split {
  Walk kept, reduced;
  int64_t count = 1; // of reduced elements
};

Split splitAxes(const ReduceT &kernel, std::span<const int64_t> dims) {
  std::vector<int64_t> keptDims, kept, reducedDims, reduced;
  std::vector<int64_t> strides(dims.size());
  int64_t stride = 1;
  for (size_t i = dims.size(); i-- > 0; stride *= dims[i])
    strides[i] = stride;
  Split split;
  for (size_t i = 0; i < dims.size(); ++i) {
    bool isReduced = std::ranges::find(kernel.axes, i) != kernel.axes.end();
    (isReduced ? reducedDims : keptDims).push_back(dims[i]);
    (isReduced ? reduced : kept).push_back(strides[i]);
    if (isReduced)
      split.count *= dims[i];
  }
  split.kept = walkOf(keptDims, {kept});
  split.reduced = walkOf(reducedDims, {reduced});
  return split;
}

template <class V, class Visit>
void forEachReduced(const Split &split, const V *base, Visit visit) {
  int64_t length = split.reduced.length(), stride = split.reduced.strides[0].back();
  for (int64_t row = 0, rows = split.reduced.rows(); row < rows; ++row) {
    int64_t position = 0;
    split.reduced.positionsOf(row, &position);
    for (int64_t i = 0; i < length; ++i)
      visit(base[position + i * stride]);
  }
}

// result = fold(base) for each kept position.
template <class R, class V, class Fold>
std::vector<R> reduceWith(const Split &split, const std::vector<V> &x, Fold fold) {
  int64_t rows = split.kept.rows(), length = split.kept.length();
  std::vector<R> y(static_cast<size_t>(rows * length));
  size_t at = 0;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t position = 0;
    split.kept.positionsOf(row, &position);
    for (int64_t i = 0; i < length; ++i)
      y[at++] = fold(x.data() + position + i * split.kept.strides[0].back());
  }
  return y;
}

template <class V> using SumOf = std::conditional_t<std::is_floating_point_v<V>, double, uint64_t>;

template <class S> S magnitude(S x) {
  if constexpr (std::is_floating_point_v<S>)
    return std::fabs(x);
  else
    return static_cast<int64_t>(x) < 0 ? 0 - x : x;
}

template <class V, class Map, class Finish>
std::vector<V> sumOf(const Split &split, const std::vector<V> &x, Map map, Finish finish) {
  return reduceWith<V>(split, x, [&](const V *base) {
    SumOf<V> sum = 0;
    forEachReduced(split, base, [&](V v) { sum += map(static_cast<SumOf<V>>(v)); });
    return static_cast<V>(finish(sum));
  });
}

// A real number as a value of the kernel's type: integers saturate at its bounds.
template <class V> V realAs(double value, ElementType type) {
  if constexpr (std::is_floating_point_v<V>)
    return static_cast<V>(value);
  else {
    auto [low, high] = boundsOf(type);
    return std::clamp<V>(numerics::toInteger<V>(value), low, high);
  }
}

template <class V, class Map, class Finish>
std::vector<V> realSumOf(const Split &split, const std::vector<V> &x, ElementType type, Map map,
                         Finish finish) {
  return reduceWith<V>(split, x, [&](const V *base) {
    double sum = 0;
    forEachReduced(split, base, [&](V v) { sum += map(static_cast<double>(v)); });
    return realAs<V>(finish(sum), type);
  });
}

template <class V>
std::vector<V> extremumOf(const Split &split, const std::vector<V> &x, bool isMax, V start) {
  return reduceWith<V>(split, x, [&](const V *base) {
    V best = start;
    forEachReduced(split, base, [&](V v) {
      if (v != v || (isMax ? v > best : v < best))
        best = best != best ? best : v;
    });
    return best;
  });
}

template <class V>
std::vector<V> logSumExpOf(const Split &split, const std::vector<V> &x, ElementType type) {
  return reduceWith<V>(split, x, [&](const V *base) {
    double most = -std::numeric_limits<double>::infinity(), sum = 0;
    forEachReduced(split, base, [&](V v) { most = std::max(most, static_cast<double>(v)); });
    double shift = std::isfinite(most) ? most : 0;
    forEachReduced(split, base, [&](V v) { sum += std::exp(static_cast<double>(v) - shift); });
    return realAs<V>(std::log(sum) + shift, type);
  });
}

// Means of integers truncate.
double meanOf(double sum, int64_t count) { return sum / static_cast<double>(count); }
int64_t meanOf(uint64_t sum, int64_t count) { return static_cast<int64_t>(sum) / count; }

template <class V> struct Extremes {
  V low, high;
};

template <class V>
std::vector<V> reduceAs(const ReduceT &kernel, const Split &split, const std::vector<V> &x,
                        Extremes<V> extremes) {
  auto same = [](auto v) { return v; };
  auto square = [](auto v) { return v * v; };
  switch (kernel.kind) {
  case ReduceKind::Sum:
    return sumOf(split, x, same, same);
  case ReduceKind::Mean:
    return sumOf(split, x, same, [&](auto sum) { return meanOf(sum, split.count); });
  case ReduceKind::Max:
    return extremumOf(split, x, true, extremes.low);
  case ReduceKind::Min:
    return extremumOf(split, x, false, extremes.high);
  case ReduceKind::Product:
    return reduceWith<V>(split, x, [&](const V *base) {
      SumOf<V> product = 1;
      forEachReduced(split, base, [&](V v) { product *= static_cast<SumOf<V>>(v); });
      return static_cast<V>(product);
    });
  case ReduceKind::L1:
    return sumOf(split, x, [](auto v) { return magnitude(v); }, same);
  case ReduceKind::L2:
    return realSumOf(split, x, kernel.to, square, [](double s) { return std::sqrt(s); });
  case ReduceKind::SumSquare:
    return sumOf(split, x, square, same);
  case ReduceKind::LogSum:
    return realSumOf(split, x, kernel.to, same, [](double s) { return std::log(s); });
  case ReduceKind::LogSumExp:
    return logSumExpOf(split, x, kernel.to);
  case ReduceKind::ArgMax:
  case ReduceKind::ArgMin:
    break;
  }
  assert(false && "not a reduction to the operand's class");
  return {};
}

// The first of equal extremes; the first NaN beats everything.
template <class V>
std::vector<int64_t> argOf(const Split &split, const std::vector<V> &x, bool isMax) {
  return reduceWith<int64_t>(split, x, [&](const V *base) {
    int64_t i = 0, bestAt = -1;
    V best{};
    forEachReduced(split, base, [&](V v) {
      bool beats = best == best && (v != v || (isMax ? v > best : v < best));
      if (bestAt < 0 || beats) {
        best = v;
        bestAt = i;
      }
      ++i;
    });
    return bestAt;
  });
}

template <class V>
void reduce(const ReduceT &kernel, Stages stages, Inputs inputs, const Operand &output,
            Extremes<V> extremes) {
  std::vector<V> x = loadAll<V>(inputs[0]);
  Split split = splitAxes(kernel, inputs[0].dims);
  StageRunner runner(kernel.to, stages, inputs, output);
  auto put = [&](auto values) {
    runner.putRounded(0, static_cast<int64_t>(values.size()), values.data());
  };
  if (kernel.kind == ReduceKind::ArgMax || kernel.kind == ReduceKind::ArgMin)
    put(argOf(split, x, kernel.kind == ReduceKind::ArgMax));
  else
    put(reduceAs(kernel, split, x, extremes));
}

} // namespace

void computeReduce(const ReduceT &kernel, Stages stages, Inputs inputs, const Operand &output) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (isFloat(inputs[0].type))
    return reduce<float>(kernel, stages, inputs, output, {-kInfinity, kInfinity});
  auto [low, high] = boundsOf(inputs[0].type);
  reduce<int64_t>(kernel, stages, inputs, output, {low, high});
}

} // namespace edgecc::emulator
