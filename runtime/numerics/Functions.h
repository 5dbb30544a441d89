// SPDX-License-Identifier: Apache-2.0
//
// The scalar functions of operators: one definition for the reference backend and for the emulator
// of devices. T is float, double or an integer; floats compute in themselves with the C library,
// integers wrap. Activation functions are in forms that do not lose digits where the textbook's
// would cancel.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <type_traits>

namespace edgecc::numerics {

// --- arithmetic of integers ---

/// The unsigned type of at least int's width, so that no promotion brings signed overflow back.
template <class T> struct WrappingOf {
  using type = std::conditional_t<(sizeof(T) > 4), uint64_t, uint32_t>;
};
template <> struct WrappingOf<float> {
  using type = float;
};
template <> struct WrappingOf<double> {
  using type = double;
};
template <class T> using WrappingType = typename WrappingOf<T>::type;

template <class T> T wrappingAdd(T a, T b) {
  return static_cast<T>(static_cast<WrappingType<T>>(a) + static_cast<WrappingType<T>>(b));
}
template <class T> T wrappingSub(T a, T b) {
  return static_cast<T>(static_cast<WrappingType<T>>(a) - static_cast<WrappingType<T>>(b));
}
template <class T> T wrappingMul(T a, T b) {
  return static_cast<T>(static_cast<WrappingType<T>>(a) * static_cast<WrappingType<T>>(b));
}

/// Truncated towards zero and saturated; NaN gives 0. V is float or double.
template <class T, class V> T toInteger(V value) {
  if (std::isnan(value))
    return 0;
  // Both bounds are powers of two or zero, and so exact in V.
  constexpr V kLow = static_cast<V>(std::numeric_limits<T>::min());
  const V high = std::ldexp(V(1), std::numeric_limits<T>::digits);
  if (value <= kLow)
    return std::numeric_limits<T>::min();
  if (value >= high)
    return std::numeric_limits<T>::max();
  return static_cast<T>(value);
}

/// A real number as a T: rounded to nearest for floats; as toInteger for integers.
template <class T> T fromReal(double value) {
  if constexpr (std::is_floating_point_v<T>)
    return static_cast<T>(value);
  else
    return toInteger<T>(value);
}

/// A 64-bit integer as a double whose last bit is sticky, so that a later rounding to a type of
/// fewer bits is as if from the integer itself.
template <class V> double exactEnough(V value) {
  if constexpr (std::is_integral_v<V>) {
    auto magnitude = static_cast<uint64_t>(value);
    bool isNegative = std::is_signed_v<V> && value < 0;
    if (isNegative)
      magnitude = uint64_t{0} - magnitude;
    if (magnitude >> 53)
      magnitude = (magnitude & ~uint64_t{0x7ff}) | ((magnitude & 0x7ff) != 0 ? 0x800 : 0);
    return isNegative ? -static_cast<double>(magnitude) : static_cast<double>(magnitude);
  }
  return static_cast<double>(value);
}

// --- one operand ---

template <class T> T absolute(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return std::fabs(x);
  else if constexpr (std::is_signed_v<T>)
    return x < 0 ? wrappingSub<T>(0, x) : x;
  else
    return x;
}

template <class T> T negated(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return -x;
  else
    return wrappingSub<T>(0, x);
}

template <class T> T sign(T x) {
  if (std::is_floating_point_v<T> && x != x)
    return x;
  return static_cast<T>(static_cast<int>(x > 0) - static_cast<int>(x < 0));
}

// --- activation functions ---

template <class T> T relu(T x) { return x < T(0) ? T(0) : x; }

/// NaN stays.
template <class T> T clip(T x, T low, T high) {
  T value = x < low ? low : x;
  return value > high ? high : value;
}

template <class T> T prelu(T x, T slope) { return x < T(0) ? wrappingMul(x, slope) : x; }

template <class T> T sigmoid(T x) { return T(1) / (T(1) + std::exp(-x)); }

/// log(1 + exp(x)) without overflow.
template <class T> T softplus(T x) {
  return (x > 0 ? x : T(0)) + std::log1p(std::exp(-std::fabs(x)));
}

/// x * Phi(x) = x/2 erfc(-x/sqrt(2)), which keeps its digits for large negative x.
template <class T> T gelu(T x) {
  constexpr T kHalfRoot = T(1 / std::numbers::sqrt2);
  return T(0.5) * x * std::erfc(-x * kHalfRoot);
}

template <class T> T geluTanh(T x) {
  const T scale = std::sqrt(T(2) / T(std::numbers::pi));
  return T(0.5) * x * (T(1) + std::tanh(scale * (x + T(0.044715) * x * x * x)));
}

template <class T> T hardSwish(T x) {
  return x * std::max(T(0), std::min(T(1), x / T(6) + T(0.5)));
}
template <class T> T hardSigmoid(T x, T alpha, T beta) {
  return std::max(T(0), std::min(T(1), alpha * x + beta));
}
template <class T> T mish(T x) { return x * std::tanh(softplus(x)); }
template <class T> T softsign(T x) { return x / (1 + std::fabs(x)); }
template <class T> T swish(T x, T alpha) { return x * sigmoid(alpha * x); }
template <class T> T leakyRelu(T x, T alpha) { return x >= 0 ? x : alpha * x; }
template <class T> T thresholdedRelu(T x, T alpha) { return x > alpha ? x : T(0); }
template <class T> T elu(T x, T alpha) { return x >= 0 ? x : alpha * std::expm1(x); }
template <class T> T celu(T x, T alpha) { return x > 0 ? x : alpha * std::expm1(x / alpha); }
template <class T> T selu(T x, T alpha, T gamma) {
  return x > 0 ? gamma * x : gamma * (alpha * std::expm1(x));
}

// --- two operands ---

/// Division by zero gives 0 in integers.
template <class T> T divide(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return a / b;
  } else {
    if (b == 0)
      return 0;
    if constexpr (std::is_signed_v<T>)
      if (b == -1)
        return wrappingSub<T>(0, a);
    return static_cast<T>(a / b);
  }
}

/// NaN in either operand gives NaN.
template <class T> T maximum(T a, T b) { return a != a || a > b ? a : b; }
template <class T> T minimum(T a, T b) { return a != a || a < b ? a : b; }

/// Integer power that wraps. A negative exponent gives 1 / base^|exponent|, truncated.
template <class T, class E> T integerPower(T base, E exponent) {
  if (exponent < 0) {
    if (base == T(1))
      return 1;
    if (std::is_signed_v<T> && base == static_cast<T>(-1))
      return exponent % 2 ? static_cast<T>(-1) : T(1);
    return 0;
  }
  T result = 1;
  for (auto rest = static_cast<uint64_t>(exponent); rest; rest >>= 1) {
    if (rest & 1)
      result = wrappingMul(result, base);
    base = wrappingMul(base, base);
  }
  return result;
}

template <class T, class E> T power(T base, E exponent) {
  if constexpr (std::is_floating_point_v<T>)
    return static_cast<T>(std::pow(base, static_cast<T>(exponent)));
  else if constexpr (std::is_integral_v<E>)
    return integerPower(base, exponent);
  else
    return fromReal<T>(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
}

} // namespace edgecc::numerics
