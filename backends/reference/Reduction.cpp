// Reductions and prefix sums. Floats accumulate in f64, integers exactly (wrapping).
#include "backends/reference/Kernels.h"
#include "backends/reference/Strided.h"
#include "backends/reference/Visit.h"
#include "runtime/numerics/Functions.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace edgecc::reference {

namespace {

// How a reduction walks its operand: kept axes outside, reduced ones inside.
struct Split {
  Dims keptDims, keptStrides, reducedDims, reducedStrides, resultDims;
};

Split splitAxes(const Op &op, const Dims &x) {
  const auto &axes = op.ints("axes");
  Dims strides = rowMajorStrides(x);
  Split split;
  for (size_t i = 0; i < x.size(); ++i) {
    bool isReduced = std::ranges::find(axes, static_cast<int64_t>(i)) != axes.end();
    (isReduced ? split.reducedDims : split.keptDims).push_back(x[i]);
    (isReduced ? split.reducedStrides : split.keptStrides).push_back(strides[i]);
    if (!isReduced)
      split.resultDims.push_back(x[i]);
    else if (op.flag("keepdims"))
      split.resultDims.push_back(1);
  }
  return split;
}

// One result element for each kept position; `fold` gets a function that visits its operands.
template <class R, class T, class Fold> Tensor reduceWith(const Call &call, DType to, Fold fold) {
  const Tensor &x = call[0];
  Split split = splitAxes(call.op, x.dims());
  Tensor y(to, split.resultDims);
  const T *in = x.data<T>().data();
  R *out = y.mutableData<R>().data();
  forEachRow<1>(split.keptDims, {split.keptStrides},
                [&](int64_t first, int64_t length, auto at, auto step) {
                  for (int64_t i = 0; i < length; ++i) {
                    const T *base = in + at[0] + i * step[0];
                    out[first + i] = fold([&](auto &&visit) {
                      forEachRow<1>(split.reducedDims, {split.reducedStrides},
                                    [&](int64_t, int64_t n, auto offset, auto stride) {
                                      for (int64_t k = 0; k < n; ++k)
                                        visit(base[offset[0] + k * stride[0]]);
                                    });
                    });
                  }
                });
  return y;
}

// Sum of map(x), in double for floats and wrapping 64 bits for integers, finished by `finish`.
template <class T, class Map, class Finish> Tensor sumOf(const Call &call, Map map, Finish finish) {
  using Sum = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;
  return reduceWith<T, T>(call, call[0].dtype(), [&](auto &&forEach) -> T {
    Sum sum = 0;
    forEach([&](T x) { sum += map(static_cast<Sum>(x)); });
    return finish(sum);
  });
}

// The same in double for all types: for roots and logarithms.
template <class T, class Map, class Finish>
Tensor realSumOf(const Call &call, Map map, Finish finish) {
  return reduceWith<T, T>(call, call[0].dtype(), [&](auto &&forEach) -> T {
    double sum = 0;
    forEach([&](T x) { sum += map(static_cast<double>(x)); });
    return numerics::fromReal<T>(finish(sum));
  });
}

template <class T> T meanOf(double sum, int64_t count) {
  return static_cast<T>(sum / static_cast<double>(count));
}

// Integers truncate.
template <class T> T meanOf(uint64_t sum, int64_t count) {
  if (count == 0)
    return 0;
  if constexpr (std::is_signed_v<T>)
    return static_cast<T>(static_cast<int64_t>(sum) / count);
  else
    return static_cast<T>(sum / static_cast<uint64_t>(count));
}

int64_t reducedCount(const Call &call) {
  return numElements(splitAxes(call.op, call[0].dims()).reducedDims);
}

template <class T>
constexpr T kLowest = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                           : std::numeric_limits<T>::min();
template <class T>
constexpr T kHighest = std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity()
                                                            : std::numeric_limits<T>::max();

template <class T> Tensor extremumOf(const Call &call, bool isMax) {
  bool isBool = call[0].dtype() == DType::Bool;
  T start = isMax ? kLowest<T> : isBool ? T(1) : kHighest<T>;
  return reduceWith<T, T>(call, call[0].dtype(), [&](auto &&forEach) {
    T best = start;
    forEach([&](T x) {
      if (x != x || (isMax ? x > best : x < best))
        best = best != best ? best : x;
    });
    return best;
  });
}

template <class T> Tensor productOf(const Call &call) {
  return reduceWith<T, T>(call, call[0].dtype(), [&](auto &&forEach) -> T {
    std::conditional_t<std::is_floating_point_v<T>, double, uint64_t> product = 1;
    forEach([&](T x) { product *= static_cast<decltype(product)>(x); });
    return static_cast<T>(product);
  });
}

template <class T> Tensor logSumExpOf(const Call &call) {
  return reduceWith<T, T>(call, call[0].dtype(), [&](auto &&forEach) -> T {
    double most = -std::numeric_limits<double>::infinity(), sum = 0;
    forEach([&](T x) { most = std::max(most, static_cast<double>(x)); });
    double shift = std::isfinite(most) ? most : 0;
    forEach([&](T x) { sum += std::exp(static_cast<double>(x) - shift); });
    return numerics::fromReal<T>(std::log(sum) + shift);
  });
}

template <class S> S magnitude(S x) {
  if constexpr (std::is_floating_point_v<S>)
    return std::fabs(x);
  else
    return static_cast<int64_t>(x) < 0 ? 0 - x : x;
}

// |x| of a sign- or zero-extended integer.
template <class T> Tensor absoluteSumOf(const Call &call) {
  if constexpr (std::is_same_v<T, uint64_t>)
    return sumOf<T>(call, [](auto x) { return x; }, [](auto s) { return static_cast<T>(s); });
  else
    return sumOf<T>(
        call, [](auto x) { return magnitude(x); }, [](auto s) { return static_cast<T>(s); });
}

template <class T> Tensor reduceAs(const Call &call) {
  auto same = [](auto x) { return x; };
  auto square = [](auto x) { return x * x; };
  auto narrowed = [](auto sum) { return static_cast<T>(sum); };
  switch (call.op.kind()) {
  case OpKind::ReduceSum:
    return sumOf<T>(call, same, narrowed);
  case OpKind::ReduceMean:
    return sumOf<T>(call, same, [n = reducedCount(call)](auto sum) { return meanOf<T>(sum, n); });
  case OpKind::ReduceMax:
  case OpKind::ReduceMin:
    return extremumOf<T>(call, call.op.kind() == OpKind::ReduceMax);
  case OpKind::ReduceProd:
    return productOf<T>(call);
  case OpKind::ReduceL1:
    return absoluteSumOf<T>(call);
  case OpKind::ReduceL2:
    return realSumOf<T>(call, square, [](double s) { return std::sqrt(s); });
  case OpKind::ReduceSumSquare:
    return sumOf<T>(call, square, narrowed);
  case OpKind::ReduceLogSum:
    return realSumOf<T>(call, same, [](double s) { return std::log(s); });
  case OpKind::ReduceLogSumExp:
    return logSumExpOf<T>(call);
  default:
    break;
  }
  assert(false && "not a reduction");
  return Tensor();
}

// Narrow integers to i32.
template <class T> Tensor wideSumOf(const Call &call) {
  return reduceWith<int32_t, T>(call, DType::I32, [](auto &&forEach) {
    uint64_t sum = 0;
    forEach([&](T x) { sum += static_cast<uint64_t>(x); });
    return static_cast<int32_t>(sum);
  });
}

} // namespace

Results reduce(const Call &call) {
  if (call.op.kind() == OpKind::ReduceSum && call.op.flag("widen"))
    return one(
        visitNumber(call[0].dtype(), [&](auto tag) { return wideSumOf<decltype(tag)>(call); }));
  return one(visitNumber(call[0].dtype(), [&](auto tag) { return reduceAs<decltype(tag)>(call); }));
}

Results argReduce(const Call &call) {
  bool isMax = call.op.kind() == OpKind::ArgMax, takesLast = call.op.flag("select_last_index");
  if (reducedCount(call) == 0)
    return error(std::string(call.op.name()) + " over nothing", call.op.location);
  return one(visitNumber(call[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    return reduceWith<int64_t, T>(call, DType::I64, [&](auto &&forEach) {
      int64_t i = 0, bestAt = -1;
      T best{};
      forEach([&](T x) {
        bool isNaN = x != x, bestIsNaN = best != best;
        bool beats = bestIsNaN ? isNaN && takesLast
                               : isNaN || (isMax ? x > best : x < best) || (takesLast && x == best);
        if (bestAt < 0 || beats) {
          best = x;
          bestAt = i;
        }
        ++i;
      });
      return bestAt;
    });
  }));
}

Results prefix(const Call &call) {
  const Tensor &x = call[0];
  AxisView view = viewAround(x.dims(), call.op.integer("axis"));
  bool isExclusive = call.op.flag("exclusive"), isReverse = call.op.flag("reverse");
  bool isSum = call.op.kind() == OpKind::CumSum;
  Tensor y(x.dtype(), x.dims());
  visitNumber(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using Running = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;
    const T *in = x.data<T>().data();
    T *out = y.mutableData<T>().data();
    for (int64_t outer = 0; outer < view.outer; ++outer)
      for (int64_t inner = 0; inner < view.inner; ++inner) {
        Running running = isSum ? 0 : 1;
        for (int64_t i = 0; i < view.extent; ++i) {
          int64_t k = isReverse ? view.extent - 1 - i : i;
          int64_t at = (outer * view.extent + k) * view.inner + inner;
          Running before = running;
          running = isSum ? running + static_cast<Running>(in[at])
                          : running * static_cast<Running>(in[at]);
          out[at] = static_cast<T>(isExclusive ? before : running);
        }
      }
  });
  return one(std::move(y));
}

} // namespace edgecc::reference
