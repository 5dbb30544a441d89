// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/kernels/Half.h"

#include "runtime/numerics/Float16.h"

#include <cstring>
#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace edgecc::emulator {

namespace {

constexpr int64_t kBytes = 2;

#ifdef __x86_64__

const bool kHasF16c = __builtin_cpu_supports("f16c") && __builtin_cpu_supports("avx");

[[gnu::target("avx,f16c")]] int64_t widenVectors(const std::byte *bits, int64_t count,
                                                 float *values) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    _mm256_storeu_ps(values + i, _mm256_cvtph_ps(_mm_loadu_si128(
                                     reinterpret_cast<const __m128i *>(bits + i * kBytes))));
  return i;
}

[[gnu::target("avx,f16c")]] int64_t narrowVectors(const float *values, int64_t count,
                                                  std::byte *bits) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i *>(bits + i * kBytes),
                     _mm256_cvtps_ph(_mm256_loadu_ps(values + i), _MM_FROUND_TO_NEAREST_INT));
  return i;
}

[[gnu::target("avx,f16c")]] int64_t roundVectors(float *values, int64_t count) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    _mm256_storeu_ps(values + i, _mm256_cvtph_ps(_mm256_cvtps_ph(_mm256_loadu_ps(values + i),
                                                                 _MM_FROUND_TO_NEAREST_INT)));
  return i;
}

#else

constexpr bool kHasF16c = false;
int64_t widenVectors(const std::byte *, int64_t, float *) { return 0; }
int64_t narrowVectors(const float *, int64_t, std::byte *) { return 0; }
int64_t roundVectors(float *, int64_t) { return 0; }

#endif

} // namespace

void widenHalves(const std::byte *bits, int64_t count, float *values) {
  for (int64_t i = kHasF16c ? widenVectors(bits, count, values) : 0; i < count; ++i) {
    uint16_t half = 0;
    std::memcpy(&half, bits + i * kBytes, sizeof(half));
    values[i] = numerics::f16ToF32(half);
  }
}

void narrowToHalves(const float *values, int64_t count, std::byte *bits) {
  for (int64_t i = kHasF16c ? narrowVectors(values, count, bits) : 0; i < count; ++i) {
    uint16_t half = numerics::f32ToF16(values[i]);
    std::memcpy(bits + i * kBytes, &half, sizeof(half));
  }
}

void roundToHalves(float *values, int64_t count) {
  for (int64_t i = kHasF16c ? roundVectors(values, count) : 0; i < count; ++i)
    values[i] = numerics::f16ToF32(numerics::f32ToF16(values[i]));
}

} // namespace edgecc::emulator
