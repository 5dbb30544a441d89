#include "backends/native/winograd/CookToom.h"

#include <cassert>
#include <numeric>

namespace edgecc::native {

namespace {

struct Rational {
  int64_t numerator = 0, denominator = 1;

  static Rational of(int64_t numerator, int64_t denominator) {
    int64_t common = std::gcd(numerator, denominator) * (denominator < 0 ? -1 : 1);
    return {numerator / common, denominator / common};
  }
  Rational operator*(Rational o) const {
    return of(numerator * o.numerator, denominator * o.denominator);
  }
  Rational operator-(Rational o) const {
    return of(numerator * o.denominator - o.numerator * denominator, denominator * o.denominator);
  }
  Rational operator/(Rational o) const {
    return of(numerator * o.denominator, denominator * o.numerator);
  }
  explicit operator double() const {
    return static_cast<double>(numerator) / static_cast<double>(denominator);
  }
};

using Polynomial = std::vector<Rational>; // coefficients, from that of x^0 on

// p * (x - root)
Polynomial timesRoot(const Polynomial &p, Rational root) {
  Polynomial out(p.size() + 1);
  for (size_t i = 0; i < p.size(); ++i) {
    out[i] = out[i] - p[i] * root;
    out[i + 1] = p[i];
  }
  return out;
}

// The product of x - a over all points a but `without`.
Polynomial productOf(const std::vector<Rational> &points, size_t without) {
  Polynomial out{{1, 1}};
  for (size_t i = 0; i < points.size(); ++i)
    if (i != without)
      out = timesRoot(out, points[i]);
  return out;
}

Rational power(Rational base, int64_t exponent) {
  Rational out{1, 1};
  for (int64_t i = 0; i < exponent; ++i)
    out = out * base;
  return out;
}

} // namespace

CookToom cookToom(int64_t outputs, int64_t taps) {
  static constexpr Rational kPoints[] = {{0, 1}, {1, 1}, {-1, 1}, {2, 1}, {-2, 1}, {1, 2}, {-1, 2}};
  CookToom out{outputs, taps, {}, {}, {}};
  auto n = static_cast<size_t>(out.points()), m = static_cast<size_t>(outputs),
       r = static_cast<size_t>(taps);
  assert(n >= 1 && n <= std::size(kPoints) + 1 && (n == 1 || n % 2 == 0));
  std::vector<Rational> points(std::begin(kPoints), std::begin(kPoints) + (n - 1));
  out.input.assign(n, std::vector<double>(n));
  out.filter.assign(n, std::vector<double>(r));
  out.output.assign(m, std::vector<double>(n));
  // Of finite points: evaluation of the filter over the derivative of the product of all, division
  // of that product by x - a, and evaluation of the transposed results.
  for (size_t j = 0; j + 1 < n; ++j) {
    Polynomial others = productOf(points, j);
    Rational scale{1, 1};
    for (size_t l = 0; l + 1 < n; ++l)
      if (l != j)
        scale = scale * (points[j] - points[l]);
    for (size_t k = 0; k < others.size(); ++k)
      out.input[j][k] = static_cast<double>(others[k]);
    for (size_t k = 0; k < r; ++k)
      out.filter[j][k] = static_cast<double>(power(points[j], static_cast<int64_t>(k)) / scale);
    for (size_t i = 0; i < m; ++i)
      out.output[i][j] = static_cast<double>(power(points[j], static_cast<int64_t>(i)));
  }
  Polynomial all = productOf(points, n);
  for (size_t k = 0; k < n; ++k)
    out.input[n - 1][k] = static_cast<double>(all[k]);
  out.filter[n - 1][r - 1] = 1;
  out.output[m - 1][n - 1] = 1;
  return out;
}

} // namespace edgecc::native
