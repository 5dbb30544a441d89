// What one core can do: the rate of a loop of independent multiply-adds in registers.
#pragma once

#include "backends/native/Target.h"

namespace edgecc::bench {

// Floating-point operations (two for each f32 multiply-add) per second, with the widest vectors of
// `target`, on the calling thread.
double peakFlops(const native::NativeTarget &target);

// 8-bit operations (two for each multiply-add) per second with the target's 4-way dot product; 0
// if it has none.
double peakDot8(const native::NativeTarget &target);

// Floating-point operations (two for each multiply-add) per second with products of pairs of bf16;
// 0 if the target has none.
double peakPairBF16(const native::NativeTarget &target);

// Bytes per second that the calling thread reads from memory, far more than caches hold.
double readBandwidth();

} // namespace edgecc::bench
