// SPDX-License-Identifier: Apache-2.0
//
// 8-bit floating point as bit patterns, in the meaning of ONNX's Cast. Four formats with a sign:
//
//   format       bias  largest   infinity  NaN                 negative zero
//   E4M3FN         7       448   no        S.1111.111          yes
//   E4M3FNUZ       8       240   no        1.0000.000 alone    no
//   E5M2          15     57344   yes       S.11111.{01,10,11}  yes
//   E5M2FNUZ      16     57344   no        1.00000.00 alone    no
//
// (Micikevicius et al., "FP8 Formats for Deep Learning", 2022; Noune et al., "8-bit Numerical
// Formats for Deep Neural Networks", 2022) and E8M0, a bare power of two 2^(bits-127) with 0xff for
// NaN (OCP Microscaling Formats, 2023).
//
// Conversion rounds to nearest even first. What then lies beyond the largest finite number, and
// infinity, becomes the largest finite number when `saturate` is set; otherwise infinity where the
// format has one and NaN where it has none.
#pragma once

#include "runtime/numerics/Float16.h"
#include "runtime/numerics/Rounding.h"

#include <bit>
#include <cstdint>

namespace edgecc::numerics {

enum class Float8Format : uint8_t { E4M3FN, E4M3FNUZ, E5M2, E5M2FNUZ };

namespace detail {

struct Float8Traits {
  int mantissaBits;
  int bias;
  uint8_t largest; // magnitude bits of the largest finite number
  bool unsignedZero;
};

constexpr Float8Traits float8Traits(Float8Format format) {
  switch (format) {
  case Float8Format::E4M3FN:
    return {3, 7, 0x7e, false};
  case Float8Format::E4M3FNUZ:
    return {3, 8, 0x7f, true};
  case Float8Format::E5M2:
    return {2, 15, 0x7b, false};
  case Float8Format::E5M2FNUZ:
    return {2, 16, 0x7f, true};
  }
  return {};
}

constexpr bool isFloat8NaN(uint8_t bits, Float8Format format) {
  Float8Traits traits = float8Traits(format);
  if (traits.unsignedZero)
    return bits == 0x80;
  int magnitude = bits & 0x7f;
  return format == Float8Format::E5M2 ? magnitude > 0x7c : magnitude > traits.largest;
}

} // namespace detail

constexpr float f8ToF32(uint8_t bits, Float8Format format) {
  detail::Float8Traits traits = detail::float8Traits(format);
  if (detail::isFloat8NaN(bits, format))
    return std::bit_cast<float>(bits & 0x80 ? 0xffc00000u : 0x7fc00000u);
  float sign = bits & 0x80 ? -1.0f : 1.0f;
  uint32_t magnitude = bits & 0x7f;
  if (format == Float8Format::E5M2 && magnitude == 0x7c)
    return sign * std::bit_cast<float>(0x7f800000u);
  uint32_t exponent = magnitude >> traits.mantissaBits;
  uint32_t mantissa = magnitude & ((1u << traits.mantissaBits) - 1);
  uint32_t significand = exponent ? mantissa | 1u << traits.mantissaBits : mantissa;
  int power = static_cast<int>(exponent ? exponent : 1) - traits.bias - traits.mantissaBits;
  // Both factors and their product are exact normal f32 numbers or zero.
  float scale = std::bit_cast<float>(static_cast<uint32_t>(power + 127) << 23);
  return sign * static_cast<float>(significand) * scale;
}

/// From f64, so that values of every type reach an 8-bit float in one rounding.
constexpr uint8_t f64ToF8(double value, Float8Format format, bool saturate) {
  detail::Float8Traits traits = detail::float8Traits(format);
  uint64_t wide = std::bit_cast<uint64_t>(value);
  auto sign = static_cast<uint8_t>(wide >> 56 & 0x80);
  uint64_t magnitude = wide & 0x7fffffffffffffffull;
  auto nan = static_cast<uint8_t>(
      traits.unsignedZero ? 0x80 : sign | (format == Float8Format::E5M2 ? 0x7e : 0x7f));
  if (magnitude > 0x7ff0000000000000ull)
    return nan;
  uint32_t rounded = 0xff; // beyond every format's largest
  if (magnitude != 0x7ff0000000000000ull)
    rounded = traits.mantissaBits == 3
                  ? detail::roundMagnitude<4, 3>(detail::magnitude(value), traits.bias)
                  : detail::roundMagnitude<5, 2>(detail::magnitude(value), traits.bias);
  if (rounded > traits.largest) {
    if (saturate)
      return static_cast<uint8_t>(sign | traits.largest);
    return format == Float8Format::E5M2 ? static_cast<uint8_t>(sign | 0x7c) : nan;
  }
  if (rounded == 0 && traits.unsignedZero)
    return 0;
  return static_cast<uint8_t>(sign | rounded);
}

constexpr uint8_t f32ToF8(float value, Float8Format format, bool saturate) {
  return f64ToF8(static_cast<double>(value), format, saturate);
}

enum class E8M0Rounding : uint8_t { Up, Down, Nearest };

constexpr float e8m0ToF32(uint8_t bits) {
  if (bits == 0xff)
    return std::bit_cast<float>(0x7fc00000u);
  return std::bit_cast<float>(bits ? uint32_t(bits) << 23 : 0x00400000u); // 2^-127 is subnormal
}

/// Zero and everything below 2^-127 become 2^-127. The format has no sign: negative numbers,
/// infinities and NaN become NaN. Nearest takes the larger power on a tie. A result beyond 2^127
/// becomes 2^127 when `saturate` is set, else NaN.
constexpr uint8_t f32ToE8M0(float value, bool saturate, E8M0Rounding rounding) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if (bits == 0x80000000u)
    return 0;
  if (bits >= 0x7f800000u)
    return 0xff;
  uint32_t exponent = bits >> 23;
  uint32_t mantissa = bits & 0x7fffffu;
  bool up = false;
  if (exponent == 0) // value / 2^-127 is mantissa / 2^22
    up = rounding == E8M0Rounding::Up        ? mantissa > 0x400000u
         : rounding == E8M0Rounding::Nearest ? mantissa >= 0x600000u
                                             : false;
  else
    up = rounding == E8M0Rounding::Up        ? mantissa != 0
         : rounding == E8M0Rounding::Nearest ? mantissa >= 0x400000u
                                             : false;
  exponent += up ? 1 : 0;
  if (exponent > 0xfe)
    return saturate ? 0xfe : 0xff;
  return static_cast<uint8_t>(exponent);
}

} // namespace edgecc::numerics
