#include "bench/micro/Peak.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace edgecc::bench {

// Runs `loop(trips)` until it takes long enough to time; operations per second, best of sixty: a
// machine that is shared is free for that long at some time.
template <class Fn> static double rate(double operationsPerTrip, Fn loop) {
  using Clock = std::chrono::steady_clock;
  constexpr int64_t kTrips = 200'000;
  double best = 0;
  for (int i = 0; i < 60; ++i) {
    auto begin = Clock::now();
    loop(kTrips);
    std::chrono::duration<double> seconds = Clock::now() - begin;
    best = std::max(best, operationsPerTrip * kTrips / seconds.count());
  }
  return best;
}

// Enough independent chains to hide the latency of a multiply-add.
constexpr int kChains = 12;

#define EDGECC_PEAK_LOOP(Name, Features, Vector, Init, Step)                                       \
  __attribute__((target(Features), noinline)) static void Name(int64_t trips) {                    \
    Vector sums[kChains], a = Init;                                                                \
    for (Vector & sum : sums)                                                                      \
      sum = a;                                                                                     \
    for (int64_t i = 0; i < trips; ++i) {                                                          \
      _Pragma("clang loop unroll(full)") for (int c = 0; c < kChains; ++c) {                       \
        sums[c] = Step;                                                                            \
        asm volatile("" : "+v"(sums[c]));                                                          \
      }                                                                                            \
    }                                                                                              \
    for (Vector & sum : sums)                                                                      \
      asm volatile("" ::"v"(sum));                                                                 \
  }

#if defined(__x86_64__)
EDGECC_PEAK_LOOP(loopAvx512, "avx512f", __m512, _mm512_set1_ps(0.5f),
                 _mm512_fmadd_ps(a, a, sums[c]))
EDGECC_PEAK_LOOP(loopAvx2, "avx2,fma", __m256, _mm256_set1_ps(0.5f), _mm256_fmadd_ps(a, a, sums[c]))
EDGECC_PEAK_LOOP(loopSse, "sse2", __m128, _mm_set1_ps(0.5f), _mm_add_ps(_mm_mul_ps(a, a), sums[c]))
EDGECC_PEAK_LOOP(loopDot8, "avx512f,avx512vnni", __m512i, _mm512_set1_epi32(1),
                 _mm512_dpbusd_epi32(sums[c], a, a))
// Zeros: sums are not to grow for as long as it takes.
EDGECC_PEAK_LOOP(loopPairBF16, "avx512f,avx512bf16", __m512, _mm512_setzero_ps(),
                 _mm512_dpbf16_ps(sums[c], reinterpret_cast<__m512bh>(a),
                                  reinterpret_cast<__m512bh>(a)))
#else
typedef float Float4 __attribute__((vector_size(16)));
static void loopPortable(int64_t trips) {
  Float4 sums[kChains] = {}, a = {0.5f, 0.5f, 0.5f, 0.5f};
  for (int64_t i = 0; i < trips; ++i) {
    _Pragma("clang loop unroll(full)") for (int c = 0; c < kChains; ++c) {
      sums[c] = __builtin_elementwise_fma(a, a, sums[c]);
      asm volatile("" : "+m"(sums[c]));
    }
  }
}
#endif

double peakFlops(const native::NativeTarget &target) {
  double perTrip = 2.0 * kChains * target.lanes(4);
#if defined(__x86_64__)
  if (target.vectorBytes == 64)
    return rate(perTrip, loopAvx512);
  if (target.vectorBytes == 32)
    return rate(perTrip, loopAvx2);
  return rate(perTrip, loopSse);
#else
  return rate(perTrip, loopPortable);
#endif
}

double peakDot8(const native::NativeTarget &target) {
#if defined(__x86_64__)
  if (target.dot8 && target.vectorBytes == 64)
    return rate(8.0 * kChains * 16, loopDot8);
#endif
  (void)target;
  return 0;
}

double peakPairBF16(const native::NativeTarget &target) {
#if defined(__x86_64__)
  if (target.has("avx512bf16") && target.vectorBytes == 64)
    return rate(4.0 * kChains * 16, loopPairBF16);
#endif
  (void)target;
  return 0;
}

double readBandwidth() {
  using Clock = std::chrono::steady_clock;
  typedef uint64_t Vector __attribute__((vector_size(32)));
  // Parts short enough to be read undisturbed; several streams in each, for the prefetchers.
  constexpr size_t kStreams = 8, kStream = (size_t{512} << 10) / sizeof(Vector), kParts = 64;
  std::vector<Vector> block(kStreams * kStream * kParts, Vector{1, 2, 3, 4});
  double best = 0;
  for (size_t i = 0; i < 4 * kParts; ++i) {
    const Vector *part = &block[i % kParts * kStreams * kStream];
    auto begin = Clock::now();
    Vector sums[kStreams] = {};
    for (size_t at = 0; at < kStream; ++at)
      for (size_t stream = 0; stream < kStreams; ++stream)
        sums[stream] += part[stream * kStream + at];
    for (Vector &sum : sums)
      asm volatile("" : "+m"(sum));
    std::chrono::duration<double> seconds = Clock::now() - begin;
    best =
        std::max(best, static_cast<double>(kStreams * kStream * sizeof(Vector)) / seconds.count());
  }
  return best;
}

} // namespace edgecc::bench
