// Convolution, pooling and matrix products as plain loops in f64. One, two or three spatial axes;
// fewer than three are taken as leading axes of extent 1.
#pragma once

#include "tests/grid/Grid.h"

namespace edgecc::test {

// Geometry of a window over spatial axes, as in the IR: pads are all low sides, then all high ones.
struct WindowShape {
  Dims kernel, strides, dilations, pads;
  bool ceilMode = false;
};

// One sum of products for each element of the result.
struct Sums {
  Dims dims;
  std::vector<double> value;     // sum of a * b
  std::vector<double> magnitude; // sum of |a * b|
  std::vector<double> terms;     // how many products
};

// x is [N, C, spatial...], w [M, C / group, kernel...]. The zero points are subtracted from
// elements before multiplying; wZero has one entry, or one for each output channel. Padding counts
// as no term.
Sums naiveConv(const Tensor &x, const Tensor &w, const WindowShape &window, int64_t group,
               double xZero = 0, const std::vector<double> &wZero = {0});

// w is [C, M / group, kernel...].
Sums naiveConvTranspose(const Tensor &x, const Tensor &w, const WindowShape &window, int64_t group,
                        const Dims &outputPadding);

// All elements of each window that lie inside x, in row-major order, with their positions in the
// spatial axes of x; and how many lie inside the padded x.
struct Windows {
  Dims dims;                                                     // [N, C, windows...]
  std::vector<std::vector<std::pair<int64_t, double>>> elements; // position, value
  std::vector<int64_t> padded;
};
Windows naiveWindows(const Tensor &x, const WindowShape &window);

// a is [batch..., M, K], b [batch..., K, N].
Sums naiveMatMul(const Tensor &a, const Tensor &b, double aZero = 0,
                 const std::vector<double> &bZero = {0});

// f32 sums of products in any order, with or without fused multiply-add, then `more` operations:
// n products and sums have an error of at most n * unit / (1 - n * unit) times the sum of |a * b|
// (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
Wanted wantFloat(const Sums &sums, const std::vector<double> &bias, DType dtype);
Wanted wantExact(const Sums &sums, const std::vector<double> &bias);

} // namespace edgecc::test
