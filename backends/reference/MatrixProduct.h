// Dense matrix products.
#pragma once

#include <Eigen/Core>
#include <cstdint>

namespace edgecc::reference {

template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T> using Matrix = Eigen::Map<RowMajor<T>, Eigen::Unaligned, Eigen::OuterStride<>>;
template <class T>
using ConstMatrix = Eigen::Map<const RowMajor<T>, Eigen::Unaligned, Eigen::OuterStride<>>;

// c = a b for row-major matrices [m, k], [k, n], [m, n] whose rows lie `strideA`... elements apart.
// Overwrites c.
void multiply(const float *a, int64_t strideA, const float *b, int64_t strideB, float *c,
              int64_t strideC, int64_t m, int64_t n, int64_t k);
void multiply(const double *a, int64_t strideA, const double *b, int64_t strideB, double *c,
              int64_t strideC, int64_t m, int64_t n, int64_t k);
void multiply(const uint64_t *a, int64_t strideA, const uint64_t *b, int64_t strideB, uint64_t *c,
              int64_t strideC, int64_t m, int64_t n, int64_t k);

// The same in one order that is fixed: each element of c has one f32 accumulator, to which the
// products are added in ascending k. How contractions of f16 operands sum (docs/numerics.md).
void multiplyInOrder(const float *a, int64_t strideA, const float *b, int64_t strideB, float *c,
                     int64_t strideC, int64_t m, int64_t n, int64_t k);

} // namespace edgecc::reference
