// SPDX-License-Identifier: Apache-2.0
//
// IEEE 754 binary16 ("f16") and bfloat16 ("bf16") as bit patterns. Conversions to the narrow type
// round once, to nearest even. NaN stays NaN: it is made quiet and keeps its sign and the leading
// bits of its payload, which is what F16C, AVX-512 BF16 and AArch64 do as well.
#pragma once

#include <bit>
#include <cstdint>

namespace edgecc::numerics {

namespace detail {

/// `value >> shift` rounded to nearest even. 0 < shift < 64.
constexpr uint64_t shiftRightNearestEven(uint64_t value, int shift) {
  uint64_t quotient = value >> shift;
  uint64_t rest = value & ((uint64_t(1) << shift) - 1);
  uint64_t half = uint64_t(1) << (shift - 1);
  return quotient + (rest > half || (rest == half && (quotient & 1)) ? 1 : 0);
}

/// Rounds a double to the IEEE-like format with the given field widths, as bits without a sign.
/// A carry out of the mantissa moves into the exponent by itself; a result beyond the largest
/// finite number becomes at least the pattern of infinity (exponent all ones, mantissa zero), which
/// the caller turns into whatever its format has there. `value` is finite and not negative.
template <int ExponentBits, int MantissaBits>
constexpr uint32_t roundMagnitude(double value, int bias) {
  uint64_t bits = std::bit_cast<uint64_t>(value);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  uint64_t significand = bits & 0xfffffffffffffull;
  if (exponent == -1023)
    return 0; // a subnormal double is below half of every narrow format's smallest number
  significand |= uint64_t(1) << 52;
  if (exponent > (1 << ExponentBits))
    exponent = (1 << ExponentBits); // far beyond the range of every bias in use
  int fieldExponent = exponent + bias;
  int shift = 52 - MantissaBits;
  if (fieldExponent >= 1) {
    uint64_t field = (uint64_t(fieldExponent - 1) << MantissaBits);
    return static_cast<uint32_t>(field + shiftRightNearestEven(significand, shift));
  }
  shift += 1 - fieldExponent;
  return shift > 63 ? 0 : static_cast<uint32_t>(shiftRightNearestEven(significand, shift));
}

} // namespace detail

constexpr float f16ToF32(uint16_t half) {
  uint32_t sign = uint32_t(half & 0x8000u) << 16;
  uint32_t exponent = (half >> 10) & 0x1f;
  uint32_t mantissa = half & 0x3ffu;
  if (exponent == 0x1f) {
    uint32_t quiet = mantissa ? 0x400000u : 0;
    return std::bit_cast<float>(sign | 0x7f800000u | quiet | (mantissa << 13));
  }
  if (exponent == 0) {
    float value = static_cast<float>(mantissa) * 0x1p-24f; // exact
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

constexpr uint16_t f32ToF16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint32_t sign = (bits >> 16) & 0x8000u;
  uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  if (magnitude >= 0x477ff000u) // 65520, half way between 65504 and 2^16, ties to infinity
    return static_cast<uint16_t>(sign | 0x7c00u);
  if (magnitude >= 0x38800000u) { // 2^-14, the smallest normal f16
    uint32_t rebased = magnitude - (112u << 23);
    return static_cast<uint16_t>(sign | ((rebased + 0xfffu + ((rebased >> 13) & 1)) >> 13));
  }
  if (magnitude <= 0x33000000u) // 2^-25, half of the smallest subnormal, ties to zero
    return static_cast<uint16_t>(sign);
  uint64_t significand = (magnitude & 0x7fffffu) | 0x800000u;
  int shift = 126 - static_cast<int>(magnitude >> 23);
  return static_cast<uint16_t>(sign | detail::shiftRightNearestEven(significand, shift));
}

constexpr float bf16ToF32(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  if ((wide & 0x7fffffffu) > 0x7f800000u)
    wide |= 0x400000u;
  return std::bit_cast<float>(wide);
}

constexpr uint16_t f32ToBf16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

/// f64 to f16 in one rounding; going through f32 would round twice.
constexpr uint16_t f64ToF16(double value) {
  uint64_t bits = std::bit_cast<uint64_t>(value);
  uint32_t sign = static_cast<uint32_t>(bits >> 48) & 0x8000u;
  uint64_t magnitude = bits & 0x7fffffffffffffffull;
  if (magnitude > 0x7ff0000000000000ull)
    return static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 42) & 0x3ffu));
  if (magnitude == 0x7ff0000000000000ull)
    return static_cast<uint16_t>(sign | 0x7c00u);
  uint32_t rounded = detail::roundMagnitude<5, 10>(std::bit_cast<double>(magnitude), 15);
  return static_cast<uint16_t>(sign | (rounded > 0x7c00u ? 0x7c00u : rounded));
}

/// f64 to bf16 in one rounding.
constexpr uint16_t f64ToBf16(double value) {
  uint64_t bits = std::bit_cast<uint64_t>(value);
  uint32_t sign = static_cast<uint32_t>(bits >> 48) & 0x8000u;
  uint64_t magnitude = bits & 0x7fffffffffffffffull;
  if (magnitude > 0x7ff0000000000000ull)
    return static_cast<uint16_t>(sign | 0x7fc0u | ((magnitude >> 45) & 0x7fu));
  if (magnitude == 0x7ff0000000000000ull)
    return static_cast<uint16_t>(sign | 0x7f80u);
  uint32_t rounded = detail::roundMagnitude<8, 7>(std::bit_cast<double>(magnitude), 127);
  return static_cast<uint16_t>(sign | (rounded > 0x7f80u ? 0x7f80u : rounded));
}

} // namespace edgecc::numerics
