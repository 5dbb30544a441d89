// Scalar functions that several kernels share.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace edgecc::reference {

template <class T> T sigmoid(T x) { return T(1) / (T(1) + std::exp(-x)); }

// log(1 + exp(x)) without overflow.
template <class T> T softplus(T x) {
  return (x > 0 ? x : T(0)) + std::log1p(std::exp(-std::fabs(x)));
}

// A real number as a T: rounded to nearest for floats; truncated and saturated for integers, NaN
// gives 0.
template <class T> T fromReal(double value) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(value);
  } else {
    if (std::isnan(value))
      return 0;
    if (value <= static_cast<double>(std::numeric_limits<T>::min()))
      return std::numeric_limits<T>::min();
    if (value >= std::ldexp(1.0, std::numeric_limits<T>::digits))
      return std::numeric_limits<T>::max();
    return static_cast<T>(value);
  }
}

} // namespace edgecc::reference
