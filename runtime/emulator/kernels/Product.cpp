// SPDX-License-Identifier: Apache-2.0
//
// Blocks that the CPU's widest registers hold. Vectors run over columns, so the sums are the same
// on every CPU: f32 multiplies and adds with two roundings (the products of two f16 are exact).
#include "runtime/emulator/kernels/Product.h"

#include <cstring>
#include <type_traits>
#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace edgecc::emulator {

namespace {

using FloatLanes = float __attribute__((vector_size(32)));
using IntegerLanes = uint32_t __attribute__((vector_size(32)));
constexpr int64_t kLanes = 8;

template <class Lanes, int Rows, class T>
[[gnu::always_inline]] inline void block(const T *left, const T *right, int64_t steps, T *sums,
                                         int64_t stride) {
  using Scalar = std::remove_reference_t<decltype(Lanes()[0])>;
  Lanes total[Rows][2];
  for (int r = 0; r < Rows; ++r)
    std::memcpy(total[r], sums + r * stride, sizeof(total[r]));
  for (int64_t step = 0; step < steps; ++step) {
    Lanes b[2];
    std::memcpy(b, right + step * kBlockColumns, sizeof(b));
    for (int r = 0; r < Rows; ++r) {
      auto a = static_cast<Scalar>(left[step * Rows + r]);
      total[r][0] += a * b[0];
      total[r][1] += a * b[1];
    }
  }
  for (int r = 0; r < Rows; ++r)
    std::memcpy(sums + r * stride, total[r], sizeof(total[r]));
}

template <class Lanes, class T>
[[gnu::always_inline]] inline void blockOf(int64_t rows, const T *left, const T *right,
                                           int64_t steps, T *sums, int64_t stride) {
  if (rows == 1)
    block<Lanes, 1>(left, right, steps, sums, stride);
  else
    block<Lanes, kBlockRows>(left, right, steps, sums, stride);
}

void pairsOneByOne(int64_t rows, const int16_t *left, const int16_t *right, int64_t steps,
                   int32_t *sums, int64_t stride) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < kBlockColumns; ++c) {
      auto total = static_cast<uint32_t>(sums[r * stride + c]);
      for (int64_t i = 0; i < steps; ++i) {
        const int16_t *a = left + (i * rows + r) * 2, *b = right + (i * kBlockColumns + c) * 2;
        total += static_cast<uint32_t>(a[0] * b[0] + a[1] * b[1]);
      }
      sums[r * stride + c] = static_cast<int32_t>(total);
    }
}

#ifdef __x86_64__

const bool kHasAvx2 = __builtin_cpu_supports("avx2");

[[gnu::target("avx2")]] void floatsAvx2(int64_t rows, const float *left, const float *right,
                                        int64_t steps, float *sums, int64_t stride) {
  blockOf<FloatLanes>(rows, left, right, steps, sums, stride);
}

[[gnu::target("avx2")]] void wideAvx2(int64_t rows, const int32_t *left, const int32_t *right,
                                      int64_t steps, int32_t *sums, int64_t stride) {
  blockOf<IntegerLanes>(rows, left, right, steps, sums, stride);
}

template <int Rows>
[[gnu::target("avx2")]] void pairsAvx2(const int16_t *left, const int16_t *right, int64_t steps,
                                       int32_t *sums, int64_t stride) {
  __m256i total[Rows][2];
  for (int r = 0; r < Rows; ++r)
    std::memcpy(total[r], sums + r * stride, sizeof(total[r]));
  for (int64_t step = 0; step < steps; ++step) {
    __m256i b[2];
    std::memcpy(b, right + step * kBlockColumns * 2, sizeof(b));
    for (int r = 0; r < Rows; ++r) {
      int32_t pair = 0;
      std::memcpy(&pair, left + (step * Rows + r) * 2, sizeof(pair));
      __m256i a = _mm256_set1_epi32(pair);
      total[r][0] = _mm256_add_epi32(total[r][0], _mm256_madd_epi16(a, b[0]));
      total[r][1] = _mm256_add_epi32(total[r][1], _mm256_madd_epi16(a, b[1]));
    }
  }
  for (int r = 0; r < Rows; ++r)
    std::memcpy(sums + r * stride, total[r], sizeof(total[r]));
}

#else

constexpr bool kHasAvx2 = false;
void floatsAvx2(int64_t, const float *, const float *, int64_t, float *, int64_t) {}
void wideAvx2(int64_t, const int32_t *, const int32_t *, int64_t, int32_t *, int64_t) {}
template <int> void pairsAvx2(const int16_t *, const int16_t *, int64_t, int32_t *, int64_t) {}

#endif

static_assert(2 * kLanes == kBlockColumns);

} // namespace

void multiplyBlock(FloatCore, int64_t rows, const float *left, const float *right, int64_t steps,
                   float *sums, int64_t stride) {
  if (kHasAvx2)
    return floatsAvx2(rows, left, right, steps, sums, stride);
  blockOf<FloatLanes>(rows, left, right, steps, sums, stride);
}

void multiplyBlock(PairCore, int64_t rows, const int16_t *left, const int16_t *right, int64_t steps,
                   int32_t *sums, int64_t stride) {
  if (!kHasAvx2)
    return pairsOneByOne(rows, left, right, steps, sums, stride);
  if (rows == 1)
    return pairsAvx2<1>(left, right, steps, sums, stride);
  pairsAvx2<kBlockRows>(left, right, steps, sums, stride);
}

void multiplyBlock(WideCore, int64_t rows, const int32_t *left, const int32_t *right, int64_t steps,
                   int32_t *sums, int64_t stride) {
  if (kHasAvx2)
    return wideAvx2(rows, left, right, steps, sums, stride);
  blockOf<IntegerLanes>(rows, left, right, steps, sums, stride);
}

} // namespace edgecc::emulator
