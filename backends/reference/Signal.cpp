// Overlapping blocks, determinants, Fourier transforms.
#include "backends/reference/Kernels.h"
#include "backends/reference/Strided.h"
#include "backends/reference/Visit.h"
#include "backends/reference/Window.h"

#include <cmath>
#include <complex>
#include <numbers>

namespace edgecc::reference {

Results col2Im(const Call &call) {
  const Tensor &x = call[0];
  const Op &op = call.op;
  Tensor y = call.result(x.dtype());
  Window window = windowOf(op, y.dims(), op.ints("block_shape"), y.dims());
  for (size_t d = 0; d < window.rank(); ++d) {
    int64_t span = (window.kernel[d] - 1) * window.dilations[d] + 1;
    int64_t padded = window.in[d] + op.ints("pads")[d] + op.ints("pads")[window.rank() + d];
    window.out[d] = (padded - span) / window.strides[d] + 1;
  }
  int64_t size = numElements(window.in), taps = window.taps(), blocks = window.positions();
  std::vector<int64_t> targets(static_cast<size_t>(blocks));
  visitFloat(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T *in = x.data<T>().data();
    T *out = y.mutableData<T>().data();
    for (int64_t tap = 0; tap < taps; ++tap) {
      window.sourcesOf(tap, 0, blocks, targets.data());
      for (int64_t plane = 0; plane < y.dims()[0] * y.dims()[1]; ++plane)
        for (int64_t i = 0; i < blocks; ++i)
          if (int64_t target = targets[static_cast<size_t>(i)]; target >= 0)
            out[plane * size + target] += in[(plane * taps + tap) * blocks + i];
    }
  });
  return one(std::move(y));
}

namespace {

// By Gaussian elimination with partial pivoting; destroys the matrix.
double determinantOf(std::vector<double> &m, size_t n) {
  double product = 1;
  for (size_t k = 0; k < n; ++k) {
    size_t pivot = k;
    for (size_t r = k + 1; r < n; ++r)
      if (std::fabs(m[r * n + k]) > std::fabs(m[pivot * n + k]))
        pivot = r;
    if (m[pivot * n + k] == 0)
      return 0;
    if (pivot != k) {
      for (size_t c = k; c < n; ++c)
        std::swap(m[k * n + c], m[pivot * n + c]);
      product = -product;
    }
    product *= m[k * n + k];
    for (size_t r = k + 1; r < n; ++r) {
      double factor = m[r * n + k] / m[k * n + k];
      for (size_t c = k; c < n; ++c)
        m[r * n + c] -= factor * m[k * n + c];
    }
  }
  return product;
}

} // namespace

Results determinant(const Call &call) {
  const Tensor &x = call[0];
  auto n = static_cast<size_t>(x.dims().back());
  Tensor y = call.result(x.dtype());
  std::vector<double> matrix(n * n);
  for (int64_t i = 0; i < y.elements(); ++i) {
    for (size_t k = 0; k < matrix.size(); ++k)
      matrix[k] = x.asDouble(i * static_cast<int64_t>(n * n) + static_cast<int64_t>(k));
    y.setDouble(i, determinantOf(matrix, n));
  }
  return one(std::move(y));
}

// X[k] = sum of x[j] exp(-+2 pi i j k / n), over n for the inverse.
Results dft(const Call &call) {
  using Complex = std::complex<double>;
  const Tensor &x = call[0];
  bool isInverse = call.op.flag("inverse");
  int64_t parts = x.dims().back();
  AxisView view = viewAround(x.dims(), call.op.integer("axis"));
  view.inner /= parts;
  Tensor y = call.result(x.dtype());
  int64_t n = view.extent, kept = y.dims()[static_cast<size_t>(call.op.integer("axis"))];
  std::vector<Complex> roots;
  for (int64_t k = 0; k < n; ++k)
    roots.push_back(std::polar(1.0, (isInverse ? 2 : -2) * std::numbers::pi *
                                        static_cast<double>(k) / static_cast<double>(n)));
  std::vector<Complex> line(static_cast<size_t>(n));
  for (int64_t i = 0; i < view.outer * view.inner; ++i) {
    int64_t outer = i / view.inner, inner = i % view.inner;
    for (int64_t j = 0; j < n; ++j) {
      int64_t at = ((outer * n + j) * view.inner + inner) * parts;
      line[static_cast<size_t>(j)] = {x.asDouble(at), parts == 2 ? x.asDouble(at + 1) : 0};
    }
    for (int64_t k = 0; k < kept; ++k) {
      Complex sum = 0;
      for (int64_t j = 0, turn = 0; j < n; ++j, turn = (turn + k) % n)
        sum += line[static_cast<size_t>(j)] * roots[static_cast<size_t>(turn)];
      if (isInverse)
        sum /= static_cast<double>(n);
      int64_t at = ((outer * kept + k) * view.inner + inner) * 2;
      y.setDouble(at, sum.real());
      y.setDouble(at + 1, sum.imag());
    }
  }
  return one(std::move(y));
}

} // namespace edgecc::reference
