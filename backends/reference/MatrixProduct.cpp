#include "backends/reference/MatrixProduct.h"

#include "backends/reference/Accumulate.h"
#include "backends/reference/Kernels.h"
#include "backends/reference/Strided.h"
#include "ir/ops/Infer.h"
#include "runtime/numerics/Functions.h"

#include <algorithm>

namespace edgecc::reference {

namespace {

template <class T>
void product(const T *a, int64_t strideA, const T *b, int64_t strideB, T *c, int64_t strideC,
             int64_t m, int64_t n, int64_t k) {
  if (m == 0 || n == 0)
    return;
  Matrix<T> result(c, m, n, Eigen::OuterStride<>(strideC));
  if (k == 0) {
    result.setZero();
    return;
  }
  ConstMatrix<T> left(a, m, k, Eigen::OuterStride<>(strideA));
  ConstMatrix<T> right(b, k, n, Eigen::OuterStride<>(strideB));
  result.noalias() = left * right;
}

} // namespace

void multiply(const float *a, int64_t strideA, const float *b, int64_t strideB, float *c,
              int64_t strideC, int64_t m, int64_t n, int64_t k) {
  product(a, strideA, b, strideB, c, strideC, m, n, k);
}
void multiply(const double *a, int64_t strideA, const double *b, int64_t strideB, double *c,
              int64_t strideC, int64_t m, int64_t n, int64_t k) {
  product(a, strideA, b, strideB, c, strideC, m, n, k);
}
void multiply(const uint64_t *a, int64_t strideA, const uint64_t *b, int64_t strideB, uint64_t *c,
              int64_t strideC, int64_t m, int64_t n, int64_t k) {
  product(a, strideA, b, strideB, c, strideC, m, n, k);
}

// Blocks of two rows and sixteen columns, whose accumulators stay in registers.
void multiplyInOrder(const float *a, int64_t strideA, const float *b, int64_t strideB, float *c,
                     int64_t strideC, int64_t m, int64_t n, int64_t k) {
  constexpr int64_t kColumns = 16;
  auto block = [&](int64_t i, int64_t j, auto rows, int64_t columns) {
    float sums[rows()][kColumns] = {};
    for (int64_t p = 0; p < k; ++p) {
      const float *right = b + p * strideB + j;
      float values[kColumns] = {};
      std::copy_n(right, columns, values);
      for (int64_t row = 0; row < rows(); ++row)
        for (int64_t column = 0; column < kColumns; ++column)
          sums[row][column] += a[(i + row) * strideA + p] * values[column];
    }
    for (int64_t row = 0; row < rows(); ++row)
      std::copy_n(sums[row], columns, c + (i + row) * strideC + j);
  };
  auto strip = [&](int64_t j, auto columns) {
    int64_t i = 0;
    for (; i + 2 <= m; i += 2)
      block(i, j, std::integral_constant<int64_t, 2>(), columns);
    if (i < m)
      block(i, j, std::integral_constant<int64_t, 1>(), columns);
  };
  int64_t j = 0;
  for (; j + kColumns <= n; j += kColumns)
    strip(j, std::integral_constant<int64_t, kColumns>());
  if (j < n)
    strip(j, n - j);
}

namespace {

// The elements as accumulators, minus the zero point where there is one. Its shape is a scalar, one
// entry along the last axis but `fromEnd`, or one that broadcasts.
template <class A>
std::vector<A> widened(const Call &call, unsigned operand, unsigned zeroPoint, size_t fromEnd) {
  const Tensor &x = call[operand];
  std::vector<A> values(static_cast<size_t>(x.elements()));
  visitNumber(x.dtype(), [&](auto tag) {
    auto in = x.data<decltype(tag)>();
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<A>(in[i]);
  });
  if (!call.has(zeroPoint))
    return values;
  const Tensor &zero = call[zeroPoint];
  Dims dims = zero.dims();
  if (zero.elements() == 1)
    dims.clear();
  else if (zero.rank() == 1 && fromEnd == 1)
    dims.push_back(1);
  if (!ops::broadcastsTo(dims, x.dims()))
    return {};
  forEachRow<1>(x.dims(), {broadcastStrides(dims, x.dims())},
                [&](int64_t first, int64_t length, auto at, auto step) {
                  for (int64_t i = 0; i < length; ++i)
                    values[static_cast<size_t>(first + i)] -=
                        static_cast<A>(zero.asInt(at[0] + i * step[0]));
                });
  return values;
}

// Calls product(a, b, c) with the element offsets of each pair of matrices in the batch.
template <class Fn> void forEachMatrix(const Call &call, const Dims &y, Fn &&product) {
  const Dims &a = call[0].dims(), &b = call[1].dims();
  Dims batch(y.begin(), y.end() - 2);
  auto outer = [&](const Dims &dims) {
    Dims strides = broadcastStrides(Dims(dims.begin(), dims.end() - 2), batch);
    for (int64_t &stride : strides)
      stride *= dims[dims.size() - 2] * dims[dims.size() - 1];
    return strides;
  };
  int64_t size = y[y.size() - 2] * y[y.size() - 1];
  forEachRow<2>(batch, {outer(a), outer(b)},
                [&](int64_t first, int64_t length, auto at, auto step) {
                  for (int64_t i = 0; i < length; ++i)
                    product(at[0] + i * step[0], at[1] + i * step[1], (first + i) * size);
                });
}

// Dense operands; f16 sums in its own order.
template <class T>
void multiplyAs(const Call &call, const T *a, const T *b, T *c, int64_t m, int64_t n, int64_t k) {
  if constexpr (std::is_same_v<T, float>)
    if (sumsInOrder(call))
      return multiplyInOrder(a, k, b, n, c, n, m, n, k);
  multiply(a, k, b, n, c, n, m, n, k);
}

} // namespace

Results matMul(const Call &call) {
  const Dims &a = call[0].dims(), &y = call.resultDims();
  int64_t m = y[y.size() - 2], n = y[y.size() - 1], k = a.back();
  DType declared = call.op.result()->type.dtype;
  bool isFloatProduct = isFloat(call[0].dtype());
  Tensor result(isFloatProduct ? call[0].dtype() : declared, y);
  if (isFloatProduct) {
    visitFloat(result.dtype(), [&](auto tag) {
      using T = decltype(tag);
      T *out = result.mutableData<T>().data();
      const T *left = call[0].data<T>().data(), *right = call[1].data<T>().data();
      forEachMatrix(call, y, [&](int64_t atA, int64_t atB, int64_t atC) {
        multiplyAs(call, left + atA, right + atB, out + atC, m, n, k);
      });
    });
    return one(std::move(result));
  }
  bool isRight = visitAccumulator(call[0].dtype(), call[1].dtype(), [&](auto accumulator) {
    using A = decltype(accumulator);
    std::vector<A> left = widened<A>(call, 0, 2, 1), right = widened<A>(call, 1, 3, 0);
    if (left.size() != static_cast<size_t>(call[0].elements()) ||
        right.size() != static_cast<size_t>(call[1].elements()))
      return false;
    std::vector<A> sums(static_cast<size_t>(m * n));
    visitNumber(declared, [&](auto tag) {
      using R = decltype(tag);
      R *out = result.mutableData<R>().data();
      forEachMatrix(call, y, [&](int64_t atA, int64_t atB, int64_t atC) {
        multiply(left.data() + atA, k, right.data() + atB, n, sums.data(), n, m, n, k);
        for (size_t i = 0; i < sums.size(); ++i)
          out[static_cast<size_t>(atC) + i] = fromAccumulator<R>(sums[i]);
      });
    });
    return true;
  });
  if (!isRight)
    return error("MatMul: a zero point does not broadcast to its operand", call.op.location);
  return one(std::move(result));
}

namespace {

template <class T> Tensor transposed(const Tensor &x) {
  return gatherStrided(x, 0, {1, x.dims()[1]}, {x.dims()[1], x.dims()[0]});
}

template <class T> Tensor gemmOf(const Call &call) {
  using A = std::conditional_t<std::is_floating_point_v<T>, T, uint64_t>;
  Tensor a = call.op.flag("transA") ? transposed<T>(call[0]) : call[0];
  Tensor b = call.op.flag("transB") ? transposed<T>(call[1]) : call[1];
  int64_t m = a.dims()[0], n = b.dims()[1], k = a.dims()[1];
  std::vector<A> sums(static_cast<size_t>(m * n));
  if constexpr (std::is_floating_point_v<T>) {
    multiplyAs(call, a.data<T>().data(), b.data<T>().data(), sums.data(), m, n, k);
  } else {
    auto left = a.data<T>(), right = b.data<T>();
    std::vector<A> wideA(left.begin(), left.end()), wideB(right.begin(), right.end());
    multiply(wideA.data(), k, wideB.data(), n, sums.data(), n, m, n, k);
  }
  double alpha = call.op.real("alpha"), beta = call.op.real("beta");
  Tensor y(call[0].dtype(), {m, n});
  T *out = y.mutableData<T>().data();
  const T *c = call.has(2) ? call[2].data<T>().data() : nullptr;
  Dims steps = c ? broadcastStrides(call[2].dims(), y.dims()) : Dims{0, 0};
  for (int64_t i = 0; i < m * n; ++i) {
    T sum = static_cast<T>(sums[static_cast<size_t>(i)]);
    T addend = c ? c[i / n * steps[0] + i % n * steps[1]] : T(0);
    if constexpr (std::is_floating_point_v<T>) {
      T scaled = alpha == 1 ? sum : static_cast<T>(alpha) * sum;
      out[i] = c ? scaled + (beta == 1 ? addend : static_cast<T>(beta) * addend) : scaled;
    } else if (alpha == 1 && (beta == 1 || !c)) {
      out[i] = numerics::wrappingAdd(sum, addend);
    } else {
      out[i] = numerics::fromReal<T>(alpha * static_cast<double>(sum) +
                                     beta * static_cast<double>(addend));
    }
  }
  return y;
}

} // namespace

Results gemm(const Call &call) {
  return one(visitNumber(call[0].dtype(), [&](auto tag) { return gemmOf<decltype(tag)>(call); }));
}

} // namespace edgecc::reference
