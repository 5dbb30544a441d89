// SPDX-License-Identifier: Apache-2.0
//
// Rescaling an integer accumulator to a narrow integer type.
//
// Float mode, the default of every target:
//   y = clamp(rne(f32(acc) * f32(M)) + zp, low, high)
// One rounding for the conversion of acc, one for the product, one to an integer; the product is
// never fused with a following addition. The reference, the code generator, the device mappers and
// the emulator all take this file as the definition.
//
// Fixed-point mode, for devices that have no float unit: a 31-bit mantissa, a rounding doubling
// high multiplication and a rounding shift (Jacob et al., "Quantization and Training of Neural
// Networks for Efficient Integer-Arithmetic-Only Inference", 2018, section 2.2).
#pragma once

#include "runtime/numerics/Rounding.h"

#include <cmath>
#include <cstdint>

namespace edgecc::numerics {

/// f32 product rounded exactly once. The f64 product of two f32 values is exact, so the only
/// rounding is the conversion, and no compiler may fuse it with what comes after.
constexpr float multiplyOnce(float a, float b) {
  return static_cast<float>(static_cast<double>(a) * static_cast<double>(b));
}

/// clamp(rne(value) + zeroPoint, low, high). Clamping happens on the float side, where
/// [low - zeroPoint, high - zeroPoint] is exact for all types up to 16 bits, so that no conversion
/// to integer can overflow. NaN gives `low`, which is what max(value, bound) gives in SSE and AVX.
constexpr int32_t roundShiftClamp(float value, int32_t zeroPoint, int32_t low, int32_t high) {
  float rounded = roundNearestEven(value);
  float lowest = static_cast<float>(int64_t(low) - zeroPoint);
  float highest = static_cast<float>(int64_t(high) - zeroPoint);
  if (!(rounded > lowest))
    return low;
  if (rounded >= highest)
    return high;
  return static_cast<int32_t>(rounded) + zeroPoint;
}

/// Accumulator is int32_t or int64_t. [low, high] lies within 16 bits (signed or unsigned).
template <class Accumulator>
constexpr int32_t requantize(Accumulator accumulator, float multiplier, int32_t zeroPoint,
                             int32_t low, int32_t high) {
  return roundShiftClamp(multiplyOnce(static_cast<float>(accumulator), multiplier), zeroPoint, low,
                         high);
}

/// A positive real multiplier as mantissa * 2^(exponent - 31), 2^30 <= mantissa < 2^31, or zero.
struct FixedPointMultiplier {
  int32_t mantissa = 0;
  int32_t exponent = 0;
};

/// Nearest fixed-point multiplier. Multipliers below 2^-32 become zero, those above 2^30 saturate:
/// no 32-bit accumulator needs either.
inline FixedPointMultiplier toFixedPoint(double multiplier) {
  if (!(multiplier > 0))
    return {};
  int exponent = 0;
  double fraction = std::frexp(multiplier, &exponent); // [0.5, 1)
  auto mantissa = static_cast<int64_t>(roundHalfAway(fraction * 0x1p31));
  if (mantissa == int64_t(1) << 31) {
    mantissa /= 2;
    ++exponent;
  }
  if (exponent < -31)
    return {};
  if (exponent > 30)
    return {INT32_MAX, 30};
  return {static_cast<int32_t>(mantissa), exponent};
}

/// round(2 * a * b / 2^32), ties upward, saturated for a = b = INT32_MIN.
constexpr int32_t roundingDoublingHighMul(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN)
    return INT32_MAX;
  int64_t product = int64_t(a) * b;
  int64_t nudge = product >= 0 ? int64_t(1) << 30 : 1 - (int64_t(1) << 30);
  return static_cast<int32_t>((product + nudge) / (int64_t(1) << 31));
}

/// x / 2^exponent, ties away from zero. 0 <= exponent <= 31.
constexpr int32_t roundingShiftRight(int32_t x, int exponent) {
  int64_t mask = (int64_t(1) << exponent) - 1;
  int64_t remainder = x & mask;
  int64_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return static_cast<int32_t>((int64_t(x) >> exponent) + (remainder > threshold ? 1 : 0));
}

constexpr int32_t requantizeFixedPoint(int32_t accumulator, FixedPointMultiplier multiplier,
                                       int32_t zeroPoint, int32_t low, int32_t high) {
  int left = multiplier.exponent > 0 ? multiplier.exponent : 0;
  int right = multiplier.exponent > 0 ? 0 : -multiplier.exponent;
  int64_t shifted = int64_t(accumulator) * (int64_t(1) << left);
  shifted = shifted > INT32_MAX ? INT32_MAX : shifted < INT32_MIN ? INT32_MIN : shifted;
  int32_t scaled = roundingShiftRight(
      roundingDoublingHighMul(static_cast<int32_t>(shifted), multiplier.mantissa), right);
  int64_t result = int64_t(scaled) + zeroPoint;
  return static_cast<int32_t>(result < low ? low : result > high ? high : result);
}

} // namespace edgecc::numerics
