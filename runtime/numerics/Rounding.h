// SPDX-License-Identifier: Apache-2.0
//
// Rounding of floating-point values to integers, defined without reference to the floating-point
// environment, so that every room and every target rounds alike. All functions keep NaN, infinities
// and the sign of zero.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace edgecc::numerics {

enum class RoundingMode : uint8_t { NearestEven, HalfAwayFromZero, Floor, Ceil };

namespace detail {

constexpr float magnitude(float x) {
  return std::bit_cast<float>(std::bit_cast<uint32_t>(x) & 0x7fffffffu);
}
constexpr double magnitude(double x) {
  return std::bit_cast<double>(std::bit_cast<uint64_t>(x) & 0x7fffffffffffffffull);
}
constexpr float withSignOf(float x, float sign) {
  return std::bit_cast<float>((std::bit_cast<uint32_t>(x) & 0x7fffffffu) |
                              (std::bit_cast<uint32_t>(sign) & 0x80000000u));
}
constexpr double withSignOf(double x, double sign) {
  return std::bit_cast<double>((std::bit_cast<uint64_t>(x) & 0x7fffffffffffffffull) |
                               (std::bit_cast<uint64_t>(sign) & 0x8000000000000000ull));
}

} // namespace detail

/// Nearest integer, ties to even. Adding and subtracting 2^23 (2^52 for f64) leaves no room for a
/// fraction, so the addition's own rounding does the work; larger values are integers already.
/// Needs the default rounding direction and no value-changing optimisation (-ffast-math).
constexpr float roundNearestEven(float x) {
  constexpr float kNoFraction = 8388608.0f;
  float a = detail::magnitude(x);
  if (!(a < kNoFraction))
    return x;
  return detail::withSignOf((a + kNoFraction) - kNoFraction, x);
}
constexpr double roundNearestEven(double x) {
  constexpr double kNoFraction = 4503599627370496.0;
  double a = detail::magnitude(x);
  if (!(a < kNoFraction))
    return x;
  return detail::withSignOf((a + kNoFraction) - kNoFraction, x);
}

/// Nearest integer, ties away from zero. The comparison is on the exact fraction: adding 0.5 first
/// would round 0.49999997f up.
template <class Float> Float roundHalfAway(Float x) {
  Float a = detail::magnitude(x);
  Float whole = std::floor(a);
  if (a - whole >= Float(0.5))
    whole += Float(1);
  return detail::withSignOf(whole, x);
}

template <class Float> Float roundToInteger(Float x, RoundingMode mode) {
  switch (mode) {
  case RoundingMode::NearestEven:
    return roundNearestEven(x);
  case RoundingMode::HalfAwayFromZero:
    return roundHalfAway(x);
  case RoundingMode::Floor:
    return std::floor(x);
  case RoundingMode::Ceil:
    return std::ceil(x);
  }
  return x;
}

} // namespace edgecc::numerics
