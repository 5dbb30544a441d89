// Minimal filtering by interpolation: m results of an r-tap filter from m + r - 1 products.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace edgecc::native {

using Matrix = std::vector<std::vector<double>>; // rows

// F(m, r): y = output * ((filter * g) . (input * d)), where d are n = m + r - 1 neighbouring
// elements, g the r taps and y the m sums y[i] = sum_k g[k] * d[i + k]; "." multiplies
// element-wise. (Toom 1963, Cook 1966; Winograd, "Arithmetic Complexity of Computations", 1980;
// Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016.)
struct CookToom {
  int64_t outputs = 1, taps = 1;
  Matrix input;  // n x n
  Matrix filter; // n x r, rounded to f64 once
  Matrix output; // m x n

  int64_t points() const { return outputs + taps - 1; }
};

// From the interpolation points 0, +-1, +-2, +-1/2 as far as needed, and infinity, in exact
// rationals: `input` and `output` are dyadic, so that f32 holds them exactly. n is 1, 2, 4, 6 or 8.
// Rows 1 and 2, 3 and 4... of `input` (columns of `output`) belong to points of opposite sign: they
// differ by the sign of their odd elements.
CookToom cookToom(int64_t outputs, int64_t taps);

} // namespace edgecc::native
