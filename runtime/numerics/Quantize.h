// SPDX-License-Identifier: Apache-2.0
//
// ONNX QuantizeLinear and DequantizeLinear for one element, and the ranges of the integer types.
//   quantize:   q = saturate(rne(x / scale) + zeroPoint)
//   dequantize: x = f32(q - zeroPoint) * scale
// The quotient is an f32 division: multiplying by a reciprocal gives other results.
#pragma once

#include "runtime/numerics/Requantize.h"

#include <cstdint>

namespace edgecc::numerics {

struct IntegerRange {
  int32_t low;
  int32_t high;
};

/// Range of a two's complement or unsigned integer of 1 to 16 bits.
constexpr IntegerRange integerRange(int bits, bool isSigned) {
  int32_t span = int32_t(1) << bits;
  return isSigned ? IntegerRange{-span / 2, span / 2 - 1} : IntegerRange{0, span - 1};
}

/// One zero point and scale: what a table or an element-wise kernel needs.
struct QuantizationParams {
  float scale = 1.0f;
  int32_t zeroPoint = 0;
};

/// NaN gives range.low (see roundShiftClamp).
constexpr int32_t quantizeLinear(float x, float scale, int32_t zeroPoint, IntegerRange range) {
  return roundShiftClamp(x / scale, zeroPoint, range.low, range.high);
}

/// Also for int32 values (biases, accumulators): the difference is taken exactly, then rounded to
/// f32.
constexpr float dequantizeLinear(int32_t q, float scale, int32_t zeroPoint) {
  return multiplyOnce(static_cast<float>(int64_t(q) - zeroPoint), scale);
}

} // namespace edgecc::numerics
